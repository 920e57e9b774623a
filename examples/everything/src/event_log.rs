//! One server-sent event stream of a session, kept so that a client can resume it after `Last-Event-ID`.
//! MCP 2025-11-25, basic/transports, "Resumability and redelivery".

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream::unfold;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

/// The events of one stream. Readers follow it from any position.
#[derive(Debug)]
pub(crate) struct EventLog {
    number: u64,
    events: Mutex<Vec<String>>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    events: usize,
    hang_ups: usize,
    finished: bool,
}

impl EventLog {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, events: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.progress.borrow().finished
    }

    /// The priming event: an id to resume from before anything else has been said (SEP-1699).
    pub(crate) fn prime(&self) {
        self.append(|id| format!("id: {id}\nretry: {RETRY_MILLISECONDS}\ndata: \n\n"));
    }

    pub(crate) fn send(&self, message: &Value) {
        self.append(|id| format!("id: {id}\ndata: {message}\n\n"));
    }

    /// Closes the connections of today's readers; the stream goes on for those who come back.
    pub(crate) fn hang_up(&self) {
        self.progress.send_modify(|progress| progress.hang_ups += 1);
    }

    pub(crate) fn finish(&self) {
        self.progress.send_modify(|progress| progress.finished = true);
    }

    /// The events from position `from` on, then those to come.
    pub(crate) fn follow(self: &Arc<Self>, from: usize) -> Body {
        let updates = self.progress.subscribe();
        let hang_ups = updates.borrow().hang_ups;
        let reader = Reader { log: Arc::clone(self), position: from, hang_ups, updates };
        Body::from_stream(unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(event)), reader))
        }))
    }

    fn append(&self, event: impl FnOnce(&str) -> String) {
        let mut events = self.events.lock();
        if events.len() >= MAX_EVENTS {
            return;
        }
        let id = format!("{}-{}", self.number, events.len());
        events.push(event(&id));
        self.progress.send_modify(|progress| progress.events = events.len());
    }
}

/// Splits an event id into the stream's number and the position after the event.
pub(crate) fn position_after(event_id: &str) -> Option<(u64, usize)> {
    let (stream, index) = event_id.split_once('-')?;
    Some((stream.parse().ok()?, index.parse::<usize>().ok()?.checked_add(1)?))
}

struct Reader {
    log: Arc<EventLog>,
    position: usize,
    hang_ups: usize,
    updates: watch::Receiver<Progress>,
}

impl Reader {
    async fn next(&mut self) -> Option<String> {
        loop {
            // Read before the events, so that what happens in between wakes us.
            let progress = *self.updates.borrow_and_update();
            if let Some(event) = self.log.events.lock().get(self.position).cloned() {
                self.position += 1;
                return Some(event);
            }
            if progress.finished || progress.hang_ups != self.hang_ups {
                return None;
            }
            self.updates.changed().await.ok()?;
        }
    }
}

const RETRY_MILLISECONDS: u32 = 100;
const MAX_EVENTS: usize = 10_000;
