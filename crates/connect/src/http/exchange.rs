//! Reading what an HTTP upstream answers to one request: a JSON body or a stream of server-sent events.
//! The rule is written in the MCP specification, "Transports", "Streamable HTTP".

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use placet_domain::limits;
use placet_engine::ports::RelayFrame;

use super::client::Answer;
use crate::{
    ending::{Ending, Reply},
    frame::{self, AnswerId, Event, Events, Frame},
    outlet::Outlet,
    pending::Pending,
};

/// One side of a conversation with an upstream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    /// Our id of the request; absent when only listening.
    pub(crate) id: Option<i64>,
    /// Where frames go that are not the answer.
    pub(crate) outlet: &'a Outlet,
    /// Other requests of the session, whose answers may come here.
    pub(crate) pending: Option<&'a Pending>,
}

/// What came of reading.
#[derive(Debug)]
pub(crate) enum Read {
    /// It is over.
    Ended(Ending),
    /// The stream ended before the answer, and can be resumed after the events that were read.
    Resumable,
}

impl Exchange<'_> {
    /// Reads up to the answer.
    pub(crate) async fn read(self, answer: Answer) -> Read {
        let status = answer.status;
        if status == StatusCode::NOT_FOUND && self.pending.is_some() {
            return Read::Ended(Ending::NoSession { sent: true });
        }
        match Content::of(&answer.headers) {
            Content::Json => Read::Ended(self.read_json(status, answer).await),
            Content::Stream if status.is_success() => self.read_stream(answer).await,
            Content::Stream | Content::Other => Read::Ended(refused(status)),
        }
    }

    async fn read_json(self, status: StatusCode, answer: Answer) -> Ending {
        let bytes = match collect(answer).await {
            Ok(bytes) => bytes,
            Err(ending) => return ending,
        };
        let failed = (!status.is_success()).then(|| status.as_u16());
        match frame::read(&bytes) {
            // An error that names no request answers the only one of this exchange.
            Ok(Frame::Answer { id, answered, is_error })
                if self.is_own(id) || id == AnswerId::Unaddressed =>
            {
                Ending::Answered(Reply { answered, is_error, event_id: None, status: failed })
            }
            _ if failed.is_some() => Ending::Status(status.as_u16()),
            Ok(_) => Ending::Malformed("the upstream's reply is not the answer to the request".to_owned()),
            Err(fault) => Ending::Malformed(fault),
        }
    }

    fn is_own(self, id: AnswerId) -> bool {
        self.id.is_some_and(|own| id == AnswerId::Ours(own))
    }

    async fn read_stream(self, mut answer: Answer) -> Read {
        let mut events = Events::default();
        let end = loop {
            let chunk = match answer.read().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => break format!("the stream broke before the answer: {error}"),
                None => break "the stream ended before the answer".to_owned(),
            };
            let read = match events.push(&chunk) {
                Ok(read) => read,
                Err(fault) => return Read::Ended(Ending::Malformed(fault)),
            };
            for event in read {
                match self.take(event).await {
                    Ok(None) => {}
                    Ok(Some(reply)) => {
                        answer.finish();
                        return Read::Ended(Ending::Answered(reply));
                    }
                    Err(fault) => return Read::Ended(Ending::Malformed(fault)),
                }
            }
        };
        match events.is_resumable() && self.pending.is_some() {
            true => Read::Resumable,
            false => Read::Ended(Ending::Lost(end)),
        }
    }

    /// Reads a stream that belongs to no request, until it ends or the client goes away.
    pub(crate) async fn listen(self, answer: Answer) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = self.outlet.closed() => Ok(()),
            read = self.read_stream(answer) => match read {
                Read::Resumable | Read::Ended(Ending::Lost(_)) => Ok(()),
                Read::Ended(ending) => Err(ending),
            },
        }
    }

    /// Takes one event: the answer, or a frame for the client.
    async fn take(self, event: Event) -> Result<Option<Reply>, String> {
        let Event { id: event_id, retry_ms, data } = event;
        if data.is_empty() {
            if event_id.is_some() || retry_ms.is_some() {
                self.outlet.send(RelayFrame { event_id, retry_ms, data, is_parting: false }).await;
            }
            return Ok(None);
        }
        match frame::read(&data)? {
            Frame::Answer { id, answered, is_error } => {
                let reply = Reply { answered, is_error, event_id, status: None };
                if self.is_own(id) || id == AnswerId::Unaddressed && self.id.is_some() {
                    return Ok(Some(reply));
                }
                // Answers carry our own ids: a client must never see one, least of all another's.
                let taken = match (id, self.pending) {
                    (AnswerId::Ours(id), Some(pending)) => pending.deliver(id, reply),
                    _ => false,
                };
                if !taken {
                    tracing::debug!("an answer that nobody waits for was dropped");
                }
            }
            Frame::Notification(data) | Frame::Request(data) => {
                self.outlet.send(RelayFrame { event_id, retry_ms, data, is_parting: false }).await;
            }
        }
        Ok(None)
    }
}

/// Reads the answer to a message that has none: an acceptance, or an error.
pub(crate) fn read_acceptance(answer: Answer, in_session: bool) -> Result<(), Ending> {
    let status = answer.status;
    if status.is_success() {
        answer.finish();
        return Ok(());
    }
    if status == StatusCode::NOT_FOUND && in_session {
        return Err(Ending::NoSession { sent: true });
    }
    Err(refused(status))
}

fn refused(status: StatusCode) -> Ending {
    match status.is_success() {
        true => Ending::Malformed(format!(
            "the upstream answered HTTP {} with neither JSON nor a stream of events",
            status.as_u16()
        )),
        false => Ending::Status(status.as_u16()),
    }
}

async fn collect(mut answer: Answer) -> Result<Bytes, Ending> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = answer.read().await {
        let chunk = chunk.map_err(|error| {
            Ending::Lost(format!("the connection broke before the end of the answer: {error}"))
        })?;
        if first.len() + rest.len() + chunk.len() > limits::REPLY_BYTES {
            return Err(Ending::Lost(format!("the answer is larger than {} bytes", limits::REPLY_BYTES)));
        }
        // Small answers come in one piece and are not copied.
        match first.is_empty() && rest.is_empty() {
            true => first = chunk,
            false => {
                if rest.is_empty() {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                }
                rest.extend_from_slice(&chunk);
            }
        }
    }
    answer.finish();
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

enum Content {
    Json,
    Stream,
    Other,
}

impl Content {
    fn of(headers: &HeaderMap) -> Self {
        let value =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Stream
        } else {
            Self::Other
        }
    }
}
