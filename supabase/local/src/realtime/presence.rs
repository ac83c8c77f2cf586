//! Who is there on a topic, by key: what each tracks of itself, and what changed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Who tracks: a socket's channel of one join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tracker {
    pub(super) socket: u64,
    pub(super) key: String,
}

#[derive(Debug)]
struct Entry {
    socket: u64,
    reference: String,
    payload: Map<String, Value>,
}

/// Everybody who is tracked on one topic.
#[derive(Debug, Default)]
pub(super) struct Presence {
    keys: BTreeMap<String, Vec<Entry>>,
}

impl Presence {
    /// Payload of `presence_state`: `{key: {metas: [{phx_ref, …}]}}`.
    pub(super) fn state(&self) -> Value {
        let metas = |entries: &Vec<Entry>| entries.iter().map(|e| e.meta(None)).collect::<Value>();
        self.keys
            .iter()
            .map(|(key, entries)| (key.clone(), json!({ "metas": metas(entries) })))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Tracks or updates; gives the payload of `presence_diff`, nothing when nothing changed.
    pub(super) fn track(&mut self, by: &Tracker, payload: Map<String, Value>) -> Option<Value> {
        let entries = self.keys.entry(by.key.clone()).or_default();
        let known = entries.iter().position(|entry| entry.socket == by.socket);
        if known.is_some_and(|at| entries[at].payload == payload) {
            return None;
        }
        let before = known.map(|at| entries.remove(at));
        let entry = Entry {
            socket: by.socket,
            reference: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()),
            payload,
        };
        let joined = entry.meta(before.as_ref().map(|before| before.reference.as_str()));
        entries.push(entry);
        let left = before.map(|before| before.meta(None));
        Some(diff(&by.key, Some(joined), left))
    }

    /// Forgets one; gives the payload of `presence_diff`, nothing when it was not there.
    pub(super) fn untrack(&mut self, by: &Tracker) -> Option<Value> {
        let entries = self.keys.get_mut(&by.key)?;
        let at = entries.iter().position(|entry| entry.socket == by.socket)?;
        let entry = entries.remove(at);
        if entries.is_empty() {
            self.keys.remove(&by.key);
        }
        Some(diff(&by.key, None, Some(entry.meta(None))))
    }
}

impl Entry {
    fn meta(&self, before: Option<&str>) -> Value {
        let mut meta = self.payload.clone();
        meta.insert("phx_ref".to_owned(), json!(self.reference));
        if let Some(before) = before {
            meta.insert("phx_ref_prev".to_owned(), json!(before));
        }
        meta.into()
    }
}

fn diff(key: &str, joined: Option<Value>, left: Option<Value>) -> Value {
    let side = |meta: Option<Value>| {
        meta.map_or_else(|| json!({}), |meta| json!({ key: { "metas": [meta] } }))
    };
    json!({ "joins": side(joined), "leaves": side(left) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(status: &str) -> Map<String, Value> {
        Map::from_iter([("status".to_owned(), json!(status))])
    }

    #[test]
    fn whoever_tracks_again_leaves_as_they_were_and_joins_anew() {
        let mut presence = Presence::default();
        let ada = Tracker {
            socket: 1,
            key: "ada".into(),
        };
        let joined = presence.track(&ada, payload("online")).unwrap();
        let first = joined["joins"]["ada"]["metas"][0]["phx_ref"].clone();
        assert_eq!(joined["leaves"], json!({}));
        assert_eq!(presence.track(&ada, payload("online")), None);

        let moved = presence.track(&ada, payload("away")).unwrap();
        assert_eq!(moved["leaves"]["ada"]["metas"][0]["phx_ref"], first);
        assert_eq!(moved["joins"]["ada"]["metas"][0]["phx_ref_prev"], first);
        assert_eq!(moved["joins"]["ada"]["metas"][0]["status"], "away");
        let state = presence.state();
        assert_eq!(state["ada"]["metas"].as_array().unwrap().len(), 1);

        let other_tab = Tracker {
            socket: 2,
            key: "ada".into(),
        };
        presence.track(&other_tab, payload("away")).unwrap();
        assert_eq!(
            presence.state()["ada"]["metas"].as_array().unwrap().len(),
            2
        );
        let left = presence.untrack(&ada).unwrap();
        assert_eq!(left["leaves"]["ada"]["metas"][0]["status"], "away");
        assert_eq!(presence.untrack(&ada), None);
        presence.untrack(&other_tab).unwrap();
        assert_eq!(presence.state(), json!({}));
    }
}
