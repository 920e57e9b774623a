//! Reading what an HTTP upstream answers to one request: a JSON body or a stream of server-sent events.
//! The rule is written in the MCP specification, "Transports", "Streamable HTTP".

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use placet_domain::limits;
use placet_engine::ports::RelayFrame;

use crate::{
    ending::{Ending, Reply},
    frame::{self, Event, Events, Frame},
    outlet::Outlet,
    pending::Pending,
};

/// How long a stream may take to end after its answer, for the connection to be used again.
const DRAIN: Duration = Duration::from_secs(1);
/// How much may come after the answer, bytes.
const DRAIN_BYTES: usize = 64 * 1024;

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
    pub(crate) async fn read(self, response: Response<Incoming>) -> Read {
        let status = response.status();
        if status == StatusCode::NOT_FOUND && self.pending.is_some() {
            return Read::Ended(Ending::NoSession { sent: true });
        }
        match Content::of(response.headers()) {
            Content::Json => Read::Ended(self.read_json(status, response.into_body()).await),
            Content::Stream if status.is_success() => self.read_stream(response.into_body()).await,
            Content::Stream | Content::Other => Read::Ended(refused(status)),
        }
    }

    async fn read_json(self, status: StatusCode, body: Incoming) -> Ending {
        let bytes = match collect(body).await {
            Ok(bytes) => bytes,
            Err(ending) => return ending,
        };
        let failed = (!status.is_success()).then(|| status.as_u16());
        match frame::read(bytes) {
            // An error without an id answers the only request of this exchange.
            Ok(Frame::Answer { id, answered })
                if id == self.id || id.is_none() && frame::is_error_object(&answered) =>
            {
                Ending::Answered(Reply { answered, event_id: None, status: failed })
            }
            Ok(_) | Err(_) if failed.is_some() => Ending::Status(status.as_u16()),
            Ok(_) => Ending::Malformed("the upstream's reply is not the answer to the request".to_owned()),
            Err(fault) => Ending::Malformed(fault),
        }
    }

    async fn read_stream(self, mut body: Incoming) -> Read {
        let mut events = Events::new(limits::REPLY_BYTES);
        let mut resumable = false;
        let end = loop {
            let chunk = match body.frame().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => break format!("the stream broke before the answer: {error}"),
                None => break "the stream ended before the answer".to_owned(),
            };
            let Ok(chunk) = chunk.into_data() else { continue };
            events.feed(chunk);
            loop {
                let event = match events.next() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(fault) => return Read::Ended(Ending::Malformed(fault)),
                };
                resumable |= event.id.as_ref().is_some_and(|id| !id.is_empty());
                match self.take(event).await {
                    Ok(None) => {}
                    Ok(Some(reply)) => {
                        finish(body);
                        return Read::Ended(Ending::Answered(reply));
                    }
                    Err(fault) => return Read::Ended(Ending::Malformed(fault)),
                }
            }
        };
        match resumable && self.pending.is_some() {
            true => Read::Resumable,
            false => Read::Ended(Ending::Lost(end)),
        }
    }

    /// Reads a stream that belongs to no request, until it ends or the client goes away.
    pub(crate) async fn listen(self, body: Incoming) -> Result<(), Ending> {
        tokio::select! {
            biased;
            () = self.outlet.closed() => Ok(()),
            read = self.read_stream(body) => match read {
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
                self.outlet.send(RelayFrame { event_id, retry_ms, data }).await;
            }
            return Ok(None);
        }
        match frame::read(data.clone())? {
            Frame::Answer { id, answered } => {
                let reply = Reply { answered, event_id, status: None };
                if id.is_some() && id == self.id {
                    return Ok(Some(reply));
                }
                // Answers carry our own ids: a client must never see one, least of all another's.
                let taken = id.zip(self.pending).is_some_and(|(id, pending)| pending.deliver(id, reply));
                if !taken {
                    tracing::debug!("an answer that nobody waits for was dropped");
                }
            }
            Frame::Notification { .. } | Frame::Request => {
                self.outlet.send(RelayFrame { event_id, retry_ms, data }).await;
            }
        }
        Ok(None)
    }
}

/// Reads the answer to a message that has none: an acceptance, or an error.
pub(crate) async fn read_acceptance(response: Response<Incoming>, in_session: bool) -> Result<(), Ending> {
    let status = response.status();
    if status.is_success() {
        finish(response.into_body());
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

async fn collect(mut body: Incoming) -> Result<Bytes, Ending> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(chunk) = body.frame().await {
        let chunk = chunk
            .map_err(|error| Ending::Lost(format!("the connection broke before the end of the answer: {error}")))?;
        let Ok(chunk) = chunk.into_data() else { continue };
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
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Lets a stream end by itself, so that its connection can be used again; the answer does not wait for that.
fn finish(mut body: Incoming) {
    let mut drain = Box::pin(async move {
        let mut length = 0;
        while let Some(Ok(chunk)) = body.frame().await {
            length += chunk.data_ref().map_or(0, Bytes::len);
            if body.is_end_stream() || length > DRAIN_BYTES {
                break;
            }
        }
    });
    if (&mut drain).now_or_never().is_none() {
        tokio::spawn(tokio::time::timeout(DRAIN, drain));
    }
}

enum Content {
    Json,
    Stream,
    Other,
}

impl Content {
    fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
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
