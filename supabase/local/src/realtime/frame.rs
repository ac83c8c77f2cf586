//! What stands in one frame of a socket: Phoenix's messages as vsn 1.0.0 (objects) and
//! 2.0.0 (arrays, and two binary kinds for users' broadcasts) write them.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};

/// How a socket writes its messages, as `vsn` of its address says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Text only, each message an object.
    One,
    /// Arrays, and broadcasts as binary.
    Two,
}

impl Version {
    /// What `vsn` asks for; Phoenix takes 1.0.0 when it is not given.
    pub(super) fn of(vsn: Option<&str>) -> Option<Self> {
        match vsn {
            None => Some(Self::One),
            Some(vsn) if vsn.starts_with("1.0.") => Some(Self::One),
            Some(vsn) if vsn.starts_with("2.0.") => Some(Self::Two),
            Some(_) => None,
        }
    }
}

/// What a user broadcasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The text of a JSON value.
    Json(String),
    /// Bytes, which only vsn 2.0.0 carries.
    Binary(Bytes),
}

impl Content {
    /// Its size in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Incoming {
    pub(super) join_ref: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) topic: String,
    pub(super) what: What,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A broadcast, however it was written.
    Broadcast { event: String, content: Content },
    /// Anything else.
    Event { event: String, payload: Value },
}

/// A message to a client that is no broadcast.
#[derive(Clone, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) join_ref: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
    pub(super) topic: &'a str,
    pub(super) event: &'a str,
    pub(super) payload: Value,
}

/// A broadcast on its way to clients.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// As it stands on the wire: `realtime:…`.
    pub(super) topic: String,
    pub(super) event: String,
    pub(super) content: Content,
    /// `{"id": …}` of those from the database.
    pub(super) meta: Option<Value>,
    /// Batches over HTTP and replayed messages come as text in vsn 2.0.0, too.
    pub(super) as_text: bool,
}

impl Broadcast {
    /// The id of the row that it comes from.
    pub(super) fn row(&self) -> Option<&str> {
        self.meta.as_ref()?["id"].as_str()
    }
}

/// A frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Text(String),
    Binary(Bytes),
}

const USER_BROADCAST_PUSH: u8 = 3;
const USER_BROADCAST: u8 = 4;
const BINARY: u8 = 0;
const JSON: u8 = 1;

/// Reads a text frame. Nothing for what is no message.
pub(super) fn read_text(version: Version, text: &str) -> Option<Incoming> {
    let mut message: Value = serde_json::from_str(text).ok()?;
    let mut take = |name: &str, place: usize| match version {
        Version::One => message.get_mut(name).map(Value::take),
        Version::Two => message.get_mut(place).map(Value::take),
    };
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(text),
        // Phoenix' own old clients count in numbers.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let join_ref = text(take("join_ref", 0));
    let reference = text(take("ref", 1));
    let topic = text(take("topic", 2))?;
    let event = text(take("event", 3))?;
    let payload = take("payload", 4).unwrap_or_else(|| json!({}));
    let what = match (event.as_str(), payload["event"].as_str()) {
        ("broadcast", Some(named)) => What::Broadcast {
            event: named.to_owned(),
            content: Content::Json(
                payload
                    .get("payload")
                    .map_or_else(|| "{}".to_owned(), Value::to_string),
            ),
        },
        _ => What::Event { event, payload },
    };
    Some(Incoming {
        join_ref,
        reference,
        topic,
        what,
    })
}

/// Reads a binary frame of vsn 2.0.0: a user's broadcast, kind 3. Nothing for anything else.
pub(super) fn read_binary(frame: &Bytes) -> Option<Incoming> {
    let [
        USER_BROADCAST_PUSH,
        join_ref,
        reference,
        topic,
        event,
        meta,
        encoding,
    ] = *frame.first_chunk::<7>()?
    else {
        return None;
    };
    let mut rest = frame.slice(7..);
    let mut take = |length: u8| {
        let length = usize::from(length);
        (rest.len() >= length).then(|| rest.split_to(length))
    };
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).ok();
    let given = |text: String| (!text.is_empty()).then_some(text);
    let join_ref = text(take(join_ref)?)?;
    let reference = text(take(reference)?)?;
    let topic = text(take(topic)?)?;
    let event = text(take(event)?)?;
    take(meta)?;
    let content = match encoding {
        JSON => {
            let text = text(rest)?;
            serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
            Content::Json(text)
        }
        BINARY => Content::Binary(rest),
        _ => return None,
    };
    Some(Incoming {
        join_ref: given(join_ref),
        reference: given(reference),
        topic,
        what: What::Broadcast { event, content },
    })
}

impl Outgoing<'_> {
    /// As a frame.
    pub(super) fn write(self, version: Version) -> Frame {
        Frame::Text(match version {
            Version::One => json!({
                "join_ref": self.join_ref, "ref": self.reference, "topic": self.topic,
                "event": self.event, "payload": self.payload,
            })
            .to_string(),
            Version::Two => json!([
                self.join_ref,
                self.reference,
                self.topic,
                self.event,
                self.payload
            ])
            .to_string(),
        })
    }
}

impl Broadcast {
    /// As a frame; nothing where bytes would have to be text.
    pub(super) fn write(&self, version: Version) -> Option<Frame> {
        if version == Version::Two
            && !self.as_text
            && let Some(frame) = self.binary()
        {
            return Some(frame);
        }
        let Content::Json(text) = &self.content else {
            return None;
        };
        let content: Value = serde_json::from_str(text).ok()?;
        let mut payload = json!({ "type": "broadcast", "event": self.event, "payload": content });
        if let Some(meta) = &self.meta {
            payload["meta"] = meta.clone();
        }
        let message = Outgoing {
            join_ref: None,
            reference: None,
            topic: &self.topic,
            event: "broadcast",
            payload,
        };
        Some(message.write(version))
    }

    /// Kind 4; nothing when a length does not fit into its byte.
    fn binary(&self) -> Option<Frame> {
        let meta = self.meta.as_ref().map(Value::to_string).unwrap_or_default();
        let (encoding, content) = match &self.content {
            Content::Json(text) => (JSON, text.as_bytes()),
            Content::Binary(bytes) => (BINARY, bytes.as_ref()),
        };
        let mut frame = BytesMut::with_capacity(
            5 + self.topic.len() + self.event.len() + meta.len() + content.len(),
        );
        frame.put_u8(USER_BROADCAST);
        for part in [&self.topic, &self.event, &meta] {
            frame.put_u8(u8::try_from(part.len()).ok()?);
        }
        frame.put_u8(encoding);
        for part in [&self.topic, &self.event, &meta] {
            frame.put_slice(part.as_bytes());
        }
        frame.put_slice(content);
        Some(Frame::Binary(frame.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(encoding: u8, content: &[u8]) -> Bytes {
        let mut frame = vec![3, 1, 2, 10, 2, 0, encoding];
        frame.extend_from_slice(b"112realtime:xev");
        frame.extend_from_slice(content);
        frame.into()
    }

    #[test]
    fn both_versions_say_the_same() {
        let one =
            r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"7","join_ref":null}"#;
        let two = r#"[null,"7","phoenix","heartbeat",{}]"#;
        let read = read_text(Version::One, one).unwrap();
        assert_eq!(Some(&read), read_text(Version::Two, two).as_ref());
        assert_eq!(read.reference.as_deref(), Some("7"));
        assert_eq!(Version::of(None), Some(Version::One));
        assert_eq!(Version::of(Some("2.0.0")), Some(Version::Two));
        assert_eq!(Version::of(Some("3.0.0")), None);
    }

    #[test]
    fn a_push_is_read_from_its_binary_kind() {
        let read = read_binary(&push(1, br#"{"a":1}"#)).unwrap();
        assert_eq!(read.join_ref.as_deref(), Some("1"));
        assert_eq!(read.reference.as_deref(), Some("12"));
        assert_eq!(read.topic, "realtime:x");
        assert_eq!(
            read.what,
            What::Broadcast {
                event: "ev".into(),
                content: Content::Json(r#"{"a":1}"#.into())
            }
        );
        let bytes = read_binary(&push(0, &[0, 255])).unwrap();
        assert_eq!(
            bytes.what,
            What::Broadcast {
                event: "ev".into(),
                content: Content::Binary(Bytes::from_static(&[0, 255]))
            }
        );
    }

    #[test]
    fn what_is_malformed_is_nothing() {
        for text in ["", "{", "[]", "[null,null,1]", "7"] {
            assert_eq!(read_text(Version::Two, text), None, "{text}");
        }
        let whole = push(1, b"{}");
        for end in 0..whole.len() - 1 {
            assert_eq!(read_binary(&whole.slice(..end)), None, "{end} bytes");
        }
        assert_eq!(read_binary(&push(2, b"{}")), None);
        assert_eq!(read_binary(&push(1, b"{")), None);
        assert_eq!(read_binary(&Bytes::from_static(&[0; 16])), None);
    }

    #[test]
    fn a_broadcast_is_kind_4_and_text_where_that_does_not_fit() {
        let mut broadcast = Broadcast {
            topic: "realtime:x".into(),
            event: "ev".into(),
            content: Content::Json("{}".into()),
            meta: Some(json!({ "id": "1" })),
            as_text: false,
        };
        let Some(Frame::Binary(frame)) = broadcast.write(Version::Two) else {
            panic!("no binary frame");
        };
        assert_eq!(&frame[..5], [4, 10, 2, 10, 1]);
        assert_eq!(&frame[5..], br#"realtime:xev{"id":"1"}{}"#);
        let text = Some(Frame::Text(
            json!([null, null, "realtime:x", "broadcast",
                {"type": "broadcast", "event": "ev", "payload": {}, "meta": {"id": "1"}}])
            .to_string(),
        ));
        broadcast.as_text = true;
        assert_eq!(broadcast.write(Version::Two), text);
        broadcast.as_text = false;
        broadcast.event = "e".repeat(256);
        assert!(matches!(
            broadcast.write(Version::Two),
            Some(Frame::Text(_))
        ));
        broadcast.content = Content::Binary(Bytes::new());
        assert_eq!(broadcast.write(Version::One), None);
    }
}
