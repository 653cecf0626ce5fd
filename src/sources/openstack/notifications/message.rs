//! A message as oslo.messaging sends it: an envelope, and what is in it. Pure.
//!
//! Format: <https://docs.openstack.org/oslo.messaging/latest/reference/notifier.html>. The envelope's `oslo.message` is JSON inside a JSON string;
//! without an envelope (version 1) the message stands by itself.

use crate::domain::Ts;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Value, json};

/// A message larger than this is not read: the largest recorded one has 20 KB.
const BODY_MAX: usize = 4 << 20;

/// What is not kept of payloads: how volumes are reached, and what opens them.
const SECRETS: [&str; 8] = [
    "auth_token",
    "connection_info",
    "connector",
    "injected_files",
    "admin_password",
    "provider_auth",
    "user_data",
    "volume_attachment",
];

/// Where the sender's token stands.
pub(super) const TOKEN: &str = "_context_auth_token";

/// A notification.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) message_id: String,
    /// `SERVICE.HOST`.
    #[serde(default)]
    pub(super) publisher_id: String,
    pub(super) event_type: String,
    /// When it was sent, by the clock of the host that sent it.
    #[serde(deserialize_with = "moment")]
    pub(super) timestamp: Ts,
    pub(super) payload: Value,
}

impl Message {
    /// Reads a message's body.
    ///
    /// # Errors
    /// In words, why it cannot be one.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(rename = "oslo.message")]
            message: Option<String>,
        }
        if body.len() > BODY_MAX {
            return Err(format!("it has {} bytes, more than {BODY_MAX}", body.len()));
        }
        let envelope: Envelope =
            serde_json::from_slice(body).map_err(|e| format!("it is no JSON object: {e}"))?;
        match envelope.message {
            Some(inner) => serde_json::from_str(&inner),
            None => serde_json::from_slice(body),
        }
        .map_err(|e| format!("it is no notification: {e}"))
    }

    /// Nova's versioned notifications wrap their objects: what is in the outermost.
    pub(super) fn versioned(&self) -> Option<&Value> {
        self.payload.get("nova_object.data")
    }

    /// What is kept of it: all but the sender's context, which holds its token, and what opens a volume.
    pub(super) fn kept(&self) -> String {
        let mut payload = self.payload.clone();
        scrub(&mut payload);
        json!({
            "event_type": self.event_type,
            "message_id": self.message_id,
            "payload": payload,
            "publisher_id": self.publisher_id,
            "timestamp": self.timestamp.to_string(),
        })
        .to_string()
    }
}

/// What is kept of a message that could not be read. Where it is JSON, without what may open something.
pub(super) fn kept_of_poison(body: &[u8]) -> String {
    const KEPT: usize = 4 << 10;
    let kept = match serde_json::from_slice::<Value>(&body[..body.len().min(BODY_MAX)]) {
        Ok(mut value) => {
            if let Some(Value::String(inner)) = value.get("oslo.message")
                && let Ok(inner) = serde_json::from_str(inner)
            {
                value = inner;
            }
            scrub(&mut value);
            value.to_string()
        }
        Err(_) => crate::net::excerpt(&body[..body.len().min(KEPT)], &[]),
    };
    if kept.contains(TOKEN) {
        return "(not kept: it holds its sender's token, and cannot be taken apart)".to_owned();
    }
    kept
}

fn scrub(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with("_context_") && !SECRETS.contains(&key.as_str()));
            map.values_mut().for_each(scrub);
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        _ => {}
    }
}

/// Reads a time of any of the forms that services write: with `T` or a space, with a zone or without (UTC).
pub(super) fn moment<'de, D: Deserializer<'de>>(d: D) -> Result<Ts, D::Error> {
    let text = String::deserialize(d)?;
    Ts::parse(&text.replacen(' ', "T", 1)).map_err(D::Error::custom)
}

/// Reads a time, `null`, or "", which is none too.
pub(super) fn maybe_moment<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Ts>, D::Error> {
    Option::<String>::deserialize(d)?
        .filter(|t| !t.is_empty())
        .map(|t| Ts::parse(&t.replacen(' ', "T", 1)).map_err(D::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_an_envelope_or_without() {
        let inner = r#"{"event_type":"volume.retype","timestamp":"2026-11-23 08:48:31.511548","payload":{"size":7},"_context_auth_token":"x"}"#;
        let wrapped = json!({"oslo.version": "2.0", "oslo.message": inner}).to_string();
        let bare = Message::read(inner.as_bytes()).unwrap();
        assert_eq!(Message::read(wrapped.as_bytes()), Ok(bare.clone()));
        assert_eq!(
            bare.timestamp,
            Ts::parse("2026-11-23T08:48:31.511548Z").unwrap()
        );
        assert!(!bare.kept().contains("token"));
    }

    #[test]
    fn what_is_no_notification_says_why() {
        for (body, why) in [
            ("<html>", "no JSON"),
            ("[1]", "no JSON object"),
            (r#"{"oslo.message": "{"}"#, "no notification"),
            (
                r#"{"event_type": "a", "timestamp": "now", "payload": 1}"#,
                "`now` is not a time",
            ),
        ] {
            let e = Message::read(body.as_bytes()).unwrap_err();
            assert!(e.contains(why), "{e}");
        }
        let big = vec![b' '; BODY_MAX + 1];
        assert!(Message::read(&big).unwrap_err().contains("more than"));
    }

    #[test]
    fn what_is_set_aside_holds_no_token() {
        let inner = r#"{"event_type": 1, "_context_auth_token": "hunter2", "payload": {"connection_info": {"auth_password": "hunter2"}}}"#;
        let body = json!({"oslo.message": inner}).to_string();
        assert!(!kept_of_poison(body.as_bytes()).contains("hunter2"));
        let broken = json!({"oslo.message": &inner[..60]}).to_string();
        assert!(kept_of_poison(broken.as_bytes()).starts_with("(not kept"));
        assert_eq!(kept_of_poison(b"\xff\x00rubbish"), "\u{fffd} rubbish");
    }
}
