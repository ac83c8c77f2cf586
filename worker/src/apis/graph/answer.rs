//! What a call came to: Graph's answers, read leniently and sorted by what is certain.

use serde_json::Value;

/// A 2xx answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub http: u16,
    /// The `Date` header, for the clock check.
    pub date: Option<String>,
    /// The body; null when it is not JSON.
    pub body: Value,
}

/// A message that Graph took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Meta's id of the message.
    pub wamid: String,
    /// The account that the phone number has; may differ from what was sent to.
    pub wa_id: Option<String>,
    /// HTTP status.
    pub http: u16,
}

/// An error that Graph (or something before it) answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; not a key: Meta's codes are.
    pub http: u16,
    /// Graph's code; none when the body was not Graph's.
    pub code: Option<i64>,
    /// Tells apart e.g. a wrong id (100/33) from a wrong parameter.
    pub subcode: Option<i64>,
    /// Graph's message.
    pub title: String,
    /// `error_data.details`
    pub details: Option<String>,
}

/// A call without a 2xx answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No connection: certainly nothing was written.
    #[error("not reached: {0}")]
    NotSent(String),
    /// Refused with an answer: certainly not done, unless the code itself says otherwise (`chat_rules::retry`).
    #[error("refused with HTTP {}: {}", .0.http, .0.title)]
    Refused(Refusal),
    /// Written, but no answer that tells: it may have been done.
    #[error("no certain answer: {0}")]
    Unclear(String),
}

/// A transport error, without the address (ids) and without anything of the request.
pub(super) fn of_transport(error: &reqwest::Error) -> CallError {
    let why = cause(error);
    if error.is_connect() || error.is_builder() {
        CallError::NotSent(why)
    } else {
        CallError::Unclear(why)
    }
}

/// Sorts an answer by status and body.
pub(super) fn sort(
    http: u16,
    date: Option<String>,
    body: Result<Vec<u8>, reqwest::Error>,
) -> Result<Answer, CallError> {
    match (http, body) {
        (200..=299, Ok(body)) => Ok(Answer {
            http,
            date,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }),
        (200..=299, Err(error)) => Err(CallError::Unclear(format!(
            "HTTP {http}, then {}",
            cause(&error)
        ))),
        (_, body) => {
            let body = body
                .ok()
                .and_then(|body| serde_json::from_slice::<Value>(&body).ok())
                .unwrap_or_default();
            match refusal(http, &body) {
                Some(refusal) => Err(CallError::Refused(refusal)),
                None if http >= 500 => Err(CallError::Unclear(format!(
                    "HTTP {http} without a Graph error"
                ))),
                None => Err(CallError::Refused(Refusal {
                    http,
                    title: format!("HTTP {http} without a Graph error"),
                    ..Refusal::default()
                })),
            }
        }
    }
}

/// The wamid of a send; an answer without one tells nothing.
pub(super) fn accepted(answer: Answer) -> Result<Accepted, CallError> {
    let text = |pointer: &str| {
        answer
            .body
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match text("/messages/0/id") {
        Some(wamid) => Ok(Accepted {
            wamid,
            wa_id: text("/contacts/0/wa_id"),
            http: answer.http,
        }),
        None => Err(CallError::Unclear(format!(
            "HTTP {} without a message id",
            answer.http
        ))),
    }
}

/// Graph's error object, if the body has one with a code. Numbers may come as text.
fn refusal(http: u16, body: &Value) -> Option<Refusal> {
    let error = body.get("error")?;
    let number = |name: &str| match error.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let text = |pointer: &str| {
        error
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Some(Refusal {
        http,
        code: Some(number("code")?),
        subcode: number("error_subcode"),
        title: text("/message")
            .or_else(|| text("/error_user_title"))
            .unwrap_or_default(),
        details: text("/error_data/details").or_else(|| text("/error_user_msg")),
    })
}

/// The innermost cause in words; reqwest's own text would show the address.
pub(super) fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            "the connection timed out"
        } else {
            "the call timed out"
        }
        .to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sorted(http: u16, body: &Value) -> Result<Answer, CallError> {
        sort(http, None, Ok(body.to_string().into_bytes()))
    }

    #[test]
    fn a_send_is_accepted_with_its_wamid_and_account() {
        let body = json!({"contacts": [{"input": "+1", "wa_id": "16505551234"}], "messages": [{"id": "wamid.A"}]});
        let accepted = accepted(sorted(200, &body).unwrap()).unwrap();
        assert_eq!(
            accepted,
            Accepted {
                wamid: "wamid.A".into(),
                wa_id: Some("16505551234".into()),
                http: 200
            }
        );
    }

    #[test]
    fn a_send_to_a_bsuid_has_no_account() {
        let body = json!({"contacts": [{"input": "US.1", "user_id": "US.1"}], "messages": [{"id": "wamid.A"}]});
        assert_eq!(accepted(sorted(200, &body).unwrap()).unwrap().wa_id, None);
    }

    #[test]
    fn success_without_a_message_id_is_unclear() {
        for body in [json!({}), json!(null), json!({"messages": []})] {
            assert!(matches!(
                accepted(sorted(200, &body).unwrap()),
                Err(CallError::Unclear(_))
            ));
        }
    }

    #[test]
    fn a_graph_error_is_a_refusal_whatever_the_status() {
        let body = json!({"error": {"message": "(#131056) pair rate limit hit", "code": 131_056,
                          "error_data": {"details": "too many"}, "error_subcode": 2_494_055}});
        for http in [400, 429, 500] {
            let Err(CallError::Refused(refusal)) = sorted(http, &body) else {
                panic!("{http}")
            };
            assert_eq!(
                (refusal.code, refusal.subcode, refusal.http),
                (Some(131_056), Some(2_494_055), http)
            );
            assert_eq!(refusal.details.as_deref(), Some("too many"));
        }
    }

    #[test]
    fn a_server_error_without_graphs_body_is_unclear_and_a_client_error_is_a_refusal() {
        let page = || Ok(b"<html>Bad gateway</html>".to_vec());
        assert!(matches!(
            sort(502, None, page()),
            Err(CallError::Unclear(_))
        ));
        let Err(CallError::Refused(refusal)) = sort(403, None, page()) else {
            panic!()
        };
        assert_eq!((refusal.code, refusal.http), (None, 403));
        assert!(matches!(
            sorted(500, &json!({"error": "text"})),
            Err(CallError::Unclear(_))
        ));
    }
}
