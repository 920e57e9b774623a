//! Frames as this crate needs them: which are answers to our own ids, and which go to the client as they came.
//! Everything about their form is the wire crate's.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use placet_domain::{Json, Object, ToolDefinition, limits};
use placet_engine::ports::Answered;
use placet_wire::{
    Era, Id, Outbound, RawResult, ResponseBody, encode_notification, meta, mirrored, sse::Decoder,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::connector::Ask;

/// The notification that ends a request early.
pub(crate) const CANCELLED: &str = "notifications/cancelled";

/// One message of a server.
#[derive(Debug)]
pub(crate) enum Frame {
    /// An answer to a request of ours.
    Answer {
        /// Our id; absent for an error of a server that could not read it, foreign if it is not one of our integers.
        id: AnswerId,
        /// What it answers.
        answered: Answered,
        /// Whether the tool itself reports a failure.
        is_error: bool,
    },
    /// A request of the server to the client.
    Request(Bytes),
    /// A notification.
    Notification(Bytes),
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerId {
    /// The answer to this request of ours.
    Ours(i64),
    /// An error that names no request.
    Unaddressed,
    /// An id that we never gave.
    Foreign,
}

/// Reads one message.
pub(crate) fn read(bytes: &[u8]) -> Result<Frame, String> {
    let message = Outbound::parse(bytes).map_err(|error| error.to_string())?;
    Ok(match message {
        Outbound::Response { id, body } => {
            let id = match id {
                Id::Integer(id) => AnswerId::Ours(id),
                Id::Text(_) => AnswerId::Foreign,
            };
            match body {
                ResponseBody::Result(result) => Frame::Answer {
                    id,
                    answered: Answered::Result(Bytes::copy_from_slice(result.as_bytes())),
                    is_error: result.is_error(),
                },
                ResponseBody::Error(error) => error_frame(id, error.as_str()),
            }
        }
        Outbound::Unaddressed(error) => error_frame(AnswerId::Unaddressed, error.as_str()),
        Outbound::Request { raw, .. } => Frame::Request(raw),
        Outbound::Notification { raw, .. } => Frame::Notification(raw),
    })
}

fn error_frame(id: AnswerId, error: &str) -> Frame {
    Frame::Answer { id, answered: Answered::Error(Bytes::copy_from_slice(error.as_bytes())), is_error: true }
}

/// The revision that `initialize` agreed on, for the header of later requests.
pub(crate) fn negotiated(result: &[u8]) -> Result<HeaderValue, String> {
    let result = RawResult::parse(result).map_err(|error| error.to_string())?;
    let version = result.member("protocolVersion").and_then(|text| serde_json::from_str::<String>(text).ok());
    version
        .and_then(|version| HeaderValue::try_from(version).ok())
        .ok_or_else(|| "the answer to `initialize` names no usable `protocolVersion`".to_owned())
}

/// A cancellation under our own id, with everything else the client said about it.
pub(crate) fn cancelled(id: i64, params: &Object) -> String {
    encode_notification(CANCELLED, &params.clone().with("requestId", id))
}

/// Adds the headers that mirror a stateless request.
pub(crate) fn mirror(ask: &Ask<'_>, tool: Option<&ToolDefinition>, headers: &mut HeaderMap) {
    let schema = tool.and_then(ToolDefinition::input_schema);
    headers.extend(mirrored(ask.method, ask.params, Era::Stateless, schema));
}

/// The token under which a request asks for progress, in canonical form.
pub(crate) fn progress_token(params: &Object) -> Option<String> {
    Some(params.member("_meta")?.member(meta::PROGRESS_TOKEN)?.canonical())
}

/// What ties a notification to a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tie {
    /// The progress token, in canonical form.
    pub(crate) progress_token: Option<String>,
    /// Our id of the subscription it belongs to.
    pub(crate) subscription: Option<i64>,
}

/// Reads what ties a notification to a request.
pub(crate) fn tie(notification: &[u8]) -> Tie {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        params: Option<Params<'a>>,
    }
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow, rename = "progressToken")]
        progress_token: Option<&'a RawValue>,
        #[serde(borrow, rename = "_meta")]
        meta: Option<Meta<'a>>,
    }
    #[derive(Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, rename = "io.modelcontextprotocol/subscriptionId")]
        subscription: Option<&'a RawValue>,
    }
    let Ok(Message { params: Some(params) }) = serde_json::from_slice::<Message<'_>>(notification) else {
        return Tie::default();
    };
    let json = |raw: &RawValue| Json::parse(raw.get().as_bytes()).ok();
    let subscription = params.meta.and_then(|meta| meta.subscription).and_then(json);
    Tie {
        progress_token: params.progress_token.and_then(json).map(|token| token.canonical()),
        // A subscription carries our id as a number or, as some servers do, as its text.
        subscription: subscription
            .and_then(|id| id.as_integer().or_else(|| id.as_str().and_then(|text| text.parse().ok()))),
    }
}

/// One event of a stream.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its id, if it differs from the one before.
    pub(crate) id: Option<String>,
    /// The stream's `retry`, if it is new.
    pub(crate) retry_ms: Option<u64>,
    /// One message; empty for an event that carries only an id.
    pub(crate) data: Bytes,
}

/// Reads events out of chunks that are cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Events {
    decoder: Decoder,
    id: String,
    retry_ms: Option<u64>,
}

impl Events {
    /// Takes the next bytes and gives the events they complete.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, String> {
        let read = self.decoder.push(chunk).map_err(|error| error.to_string())?;
        let mut events = Vec::with_capacity(read.len());
        for event in read {
            if event.data.len() > limits::REPLY_BYTES {
                return Err(format!("an event of the stream is larger than {} bytes", limits::REPLY_BYTES));
            }
            // Other types of event are not MCP; only their ids count.
            let data = if event.event == "message" { Bytes::from(event.data) } else { Bytes::new() };
            let (id, retry_ms) = (self.new_id(event.id), self.new_retry());
            events.push(Event { id, retry_ms, data });
        }
        // A `retry` alone is no event to a decoder. An id alone waits for its event: whoever resumed after an id
        // that came early would never see the event.
        if let Some(retry_ms) = self.new_retry() {
            events.push(Event { id: None, retry_ms: Some(retry_ms), data: Bytes::new() });
        }
        Ok(events)
    }

    /// Whether the stream can be resumed.
    pub(crate) fn is_resumable(&self) -> bool {
        !self.id.is_empty()
    }

    fn new_id(&mut self, id: String) -> Option<String> {
        if id == self.id {
            return None;
        }
        self.id.clone_from(&id);
        Some(id)
    }

    fn new_retry(&mut self) -> Option<u64> {
        let retry_ms = self.decoder.retry().and_then(|retry| u64::try_from(retry.as_millis()).ok());
        let is_new = retry_ms != self.retry_ms;
        self.retry_ms = retry_ms;
        retry_ms.filter(|_| is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_retries_are_given_once_and_data_whole() {
        let mut events = Events::default();
        let stream =
            b"id: a\nretry: 50\ndata:\n\ndata: {\"x\":\ndata: 1}\n\n: still here\n\nid: b\ndata: 2\n\n";
        let mut read = Vec::new();
        for byte in stream {
            read.extend(events.push(&[*byte]).unwrap());
        }
        let shown: Vec<_> = read
            .iter()
            .map(|event| (event.id.as_deref(), event.retry_ms, std::str::from_utf8(&event.data).unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                (None, Some(50), ""),
                (Some("a"), None, ""),
                (None, None, "{\"x\":\n1}"),
                (Some("b"), None, "2")
            ]
        );
        assert!(events.is_resumable());
    }

    #[test]
    fn a_notification_is_tied_by_its_token_or_its_subscription() {
        let text =
            br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"a\u0062"}}"#;
        assert_eq!(tie(text).progress_token.as_deref(), Some(r#""ab""#));
        let text = br#"{"method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#;
        assert_eq!(tie(text).subscription, Some(7));
        let text = br#"{"method":"n","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"7"}}}"#;
        assert_eq!(tie(text).subscription, Some(7));
        assert_eq!(tie(br#"{"method":"n"}"#), Tie::default());
    }

    #[test]
    fn a_cancellation_names_our_own_id() {
        let params = Object::new().with("requestId", "the client's").with("reason", "enough");
        assert_eq!(
            cancelled(7, &params),
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"enough","requestId":7}}"#
        );
    }
}
