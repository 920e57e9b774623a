//! Server-sent events to a client: frames of a tool as they come, then the answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Either;
use placet_engine::ports::RelayFrame;
use placet_wire::sse;
use tokio::sync::mpsc;

use crate::body::{Body, Frames};

/// Events that may wait for a slow client.
const WAITING: usize = 64;
/// A comment is sent when nothing else was, so that middle boxes keep the stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long the last word waits for a client that reads slowly.
const LAST_WORD: Duration = Duration::from_millis(500);

/// The sending end of a client's stream.
#[derive(Debug)]
pub(crate) struct Events(mpsc::Sender<Bytes>);

/// The client has gone away.
#[derive(Debug)]
pub(crate) struct Gone;

/// A response that streams, and where to send its events.
pub(crate) fn open() -> (Events, Response<Body>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut response = Response::new(Either::Right(Frames(receiver)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    (Events(sender), response)
}

/// The right to end a stream with a message, whoever else sends to it. It does not keep the stream open.
#[derive(Debug)]
pub(crate) struct LastWord(mpsc::WeakSender<Bytes>);

impl LastWord {
    /// Sends the message after what already waits.
    pub(crate) async fn say(self, message: &Bytes) {
        let Some(sender) = self.0.upgrade() else { return };
        let event = sse::message(&String::from_utf8_lossy(message), None);
        // A client that does not read misses the reason, not the end.
        let _said = tokio::time::timeout(LAST_WORD, sender.send(event)).await;
    }
}

impl Events {
    /// The last word of this stream.
    pub(crate) fn last_word(&self) -> LastWord {
        LastWord(self.0.downgrade())
    }

    /// Sends a tool's frame on.
    pub(crate) async fn frame(&self, frame: &RelayFrame) -> Result<(), Gone> {
        if let Some(wait) = frame.retry_ms {
            self.send(sse::retry(Duration::from_millis(wait))).await?;
        }
        let data = String::from_utf8_lossy(&frame.data);
        self.send(sse::message(&data, frame.event_id.as_deref())).await
    }

    /// Sends the answer.
    pub(crate) async fn answer(&self, message: &Bytes, event_id: Option<String>) -> Result<(), Gone> {
        self.send(sse::message(&String::from_utf8_lossy(message), event_id.as_deref())).await
    }

    /// Keeps the stream open through silence; ends when the client goes away.
    pub(crate) async fn idle(&self) -> Gone {
        loop {
            tokio::select! {
                () = self.0.closed() => return Gone,
                () = tokio::time::sleep(KEEP_ALIVE) => {}
            }
            if self.send(Bytes::from_static(sse::KEEP_ALIVE.as_bytes())).await.is_err() {
                return Gone;
            }
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.0.send(bytes).await.map_err(|_| Gone)
    }
}
