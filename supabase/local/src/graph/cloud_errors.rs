//! What Meta says when it refuses, at once as an HTTP error or later in a `failed`
//! status. Receivers should key on `code`; HTTP statuses follow Meta's older error
//! reference and its OpenAPI.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::error_reference;

/// A refusal in Meta's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    http: StatusCode,
    kind: &'static str,
    code: u32,
    subcode: Option<u32>,
    message: String,
    details: Option<String>,
}

impl Refusal {
    /// The refusal that Meta documents for `code`. 1, 2, 104 and 190 have bodies of their
    /// own; a code we do not list gets its number as text.
    pub fn of(code: u32) -> Self {
        match code {
            1 => Self::oauth(500, 1, "An unknown error has occurred."),
            2 => Self::oauth(
                503,
                2,
                "An unexpected error has occurred. Please retry your request later.",
            ),
            100 => Self::parameter("Invalid parameter"),
            104 => Self::oauth(
                401,
                104,
                "An access token is required to request this resource",
            ),
            190 => Self::oauth(
                401,
                190,
                "Invalid OAuth access token - Cannot parse access token",
            ),
            _ => Self::listed(code),
        }
    }

    fn listed(code: u32) -> Self {
        let (http, title, details) = error_reference::entry(code);
        let mut refusal = Self::oauth(http, code, &format!("(#{code}) {title}"));
        refusal.details = (!details.is_empty()).then(|| details.to_owned());
        refusal.subcode = (code == 130_429).then_some(2_494_055);
        refusal
    }

    fn oauth(http: u16, code: u32, message: &str) -> Self {
        Self {
            http: StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_REQUEST),
            kind: "OAuthException",
            code,
            subcode: None,
            message: message.to_owned(),
            details: None,
        }
    }

    /// 190 with the subcode of an expired session.
    pub(super) fn expired_token() -> Self {
        let message = "Error validating access token: Session has expired";
        Self {
            subcode: Some(463),
            ..Self::oauth(401, 190, message)
        }
    }

    /// Code 100, subcode 33: the object in the path does not exist for this token.
    pub(super) fn no_such_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation. Please read the \
             Graph API documentation at https://developers.facebook.com/docs/graph-api"
        );
        let kind = "GraphMethodException";
        Self {
            kind,
            subcode: Some(33),
            ..Self::oauth(400, 100, &message)
        }
    }

    /// Code 100 with the complaint in its message.
    pub(super) fn parameter(complaint: &str) -> Self {
        Self::oauth(400, 100, &format!("(#100) {complaint}"))
    }

    /// 131008: the parameter `name` (such as `text["body"]`) is not there.
    pub(super) fn missing(name: &str) -> Self {
        Self::listed(131_008).with_details(format!("The parameter {name} is required."))
    }

    /// 131009: the parameter is there and cannot be what it is.
    pub(super) fn invalid(details: impl Into<String>) -> Self {
        Self::listed(131_009).with_details(details.into())
    }

    /// The same refusal with other details.
    pub(super) fn with_details(self, details: String) -> Self {
        Self {
            details: Some(details),
            ..self
        }
    }

    /// The same refusal under another HTTP status: Meta's statuses vary with time.
    pub(super) fn with_http(self, http: u16) -> Self {
        Self {
            http: StatusCode::from_u16(http).unwrap_or(self.http),
            ..self
        }
    }

    /// Meta's error code.
    pub fn code(&self) -> u32 {
        self.code
    }

    fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "code": self.code,
        });
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if matches!(self.code, 1 | 2 | 4 | 17) {
            error["is_transient"] = json!(true);
        }
        error["fbtrace_id"] = json!(self.trace());
        json!({ "error": error })
    }

    /// A trace id of the usual length that follows from the refusal.
    fn trace(&self) -> String {
        let digest = Sha256::digest(format!("{}{:?}", self.message, self.details));
        format!("A{}", &URL_SAFE_NO_PAD.encode(digest)[..22])
    }

    /// The entry of `errors` in a status webhook.
    pub(super) fn in_webhook(&self) -> Value {
        let numbered = format!("(#{}) ", self.code);
        let title = self
            .message
            .strip_prefix(&numbered)
            .unwrap_or(&self.message);
        json!({
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": {"details": self.details.as_deref().unwrap_or(title)},
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.http, Json(self.body())).into_response()
    }
}
