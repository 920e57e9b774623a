//! Messages toward a server. `params` are written in RFC 8785 form: what was hashed is what is sent.

use std::ops::Range;

use bytes::Bytes;
use placet_domain::{Json, Object};

use crate::{Answer, Id};

/// An encoded request and where its params stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    text: String,
    params: Range<usize>,
}

impl Encoded {
    /// The whole message, one line without a line break.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical `params`, the very bytes that are sent.
    #[must_use]
    pub fn params(&self) -> &str {
        self.text.get(self.params.clone()).unwrap_or_default()
    }

    /// The message for the transport.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.text.into()
    }
}

/// Encodes a request under our own id.
#[must_use]
pub fn encode_request(id: &Id, method: &str, params: &Object) -> Encoded {
    let mut text = String::with_capacity(256);
    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
    id.write(&mut text);
    text.push_str(r#","method":"#);
    Json::from(method).write_canonical(&mut text);
    text.push_str(r#","params":"#);
    let start = text.len();
    params.write_canonical(&mut text);
    let params = start..text.len();
    text.push('}');
    Encoded { text, params }
}

/// Encodes a notification.
#[must_use]
pub fn encode_notification(method: &str, params: &Object) -> String {
    let mut text = String::with_capacity(128);
    text.push_str(r#"{"jsonrpc":"2.0","method":"#);
    Json::from(method).write_canonical(&mut text);
    text.push_str(r#","params":"#);
    params.write_canonical(&mut text);
    text.push('}');
    text
}

/// Encodes a client's answer to a request of the server, under the server's id.
#[must_use]
pub fn encode_response(id: &Id, answer: &Answer) -> String {
    let (key, value) = match answer {
        Answer::Result(result) => ("result", result),
        Answer::Error(error) => ("error", error),
    };
    let mut text = String::with_capacity(128);
    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
    id.write(&mut text);
    text.push_str(",\"");
    text.push_str(key);
    text.push_str("\":");
    value.write_canonical(&mut text);
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Inbound;

    #[test]
    fn the_params_sent_are_canonical_and_can_be_pointed_at() {
        let body = br#"{"jsonrpc":"2.0","id":"a","method":"tools/call",
            "params":{"name":"t","arguments":{"z":1.0,"a":"\u00e9","n":1e2}}}"#;
        let Ok(Inbound::Request(request)) = Inbound::parse(body) else { panic!("a request") };
        let encoded = encode_request(&7.into(), request.method.as_str(), &request.params);
        assert_eq!(
            encoded.as_str(),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"arguments":{"a":"é","n":100,"z":1},"name":"t"}}"#
        );
        assert_eq!(encoded.params(), Json::from(request.params.clone()).canonical());
        let Ok(Inbound::Request(again)) = Inbound::parse(encoded.as_str().as_bytes()) else {
            panic!("again")
        };
        assert_eq!((again.method, again.params), (request.method, request.params));
    }

    #[test]
    fn answers_and_notifications_are_one_line_each() {
        let answer = Answer::Result(Object::new().with("action", "accept"));
        assert_eq!(
            encode_response(&"s\n1".into(), &answer),
            r#"{"jsonrpc":"2.0","id":"s\n1","result":{"action":"accept"}}"#
        );
        assert_eq!(
            encode_notification("notifications/initialized", &Object::new()),
            r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}"#
        );
    }
}
