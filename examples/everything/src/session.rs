//! Sessions: what an `initialize` opened and a DELETE closes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;

use crate::era::SESSION;
use crate::event_log::EventLog;
use crate::hub::{Change, Hub};
use crate::line::Level;
use crate::message::{Fault, INTERNAL_ERROR, notification};
use crate::seal::token;

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    pub(crate) fn start(
        &self,
        revision: &'static str,
        capabilities: Value,
        hub: &Hub,
    ) -> Result<Arc<Session>, Fault> {
        let mut open = self.open.lock();
        if open.len() >= MAX_SESSIONS {
            return Err(Fault::new(INTERNAL_ERROR, "too many sessions are open"));
        }
        let session = Arc::new(Session::new(token()?, revision, capabilities));
        open.insert(session.id.clone(), Arc::clone(&session));
        forward_changes(&session, hub);
        Ok(session)
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.open.lock().get(id).cloned()
    }

    /// Ends a session and all its streams; false when there is none of that id.
    pub(crate) fn end(&self, id: &str) -> bool {
        let ended = self.open.lock().remove(id);
        if let Some(session) = &ended {
            session.streams.lock().values().for_each(|stream| stream.finish());
        }
        ended.is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    revision: &'static str,
    /// As the client declared them.
    pub(crate) capabilities: Value,
    pub(crate) level: Mutex<Level>,
    pub(crate) subscriptions: Mutex<HashSet<String>>,
    streams: Mutex<BTreeMap<u64, Arc<EventLog>>>,
    next_stream: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Result<Value, Value>>>>,
    next_request: AtomicU64,
}

impl Session {
    fn new(id: String, revision: &'static str, capabilities: Value) -> Self {
        let standalone = Arc::new(EventLog::new(STANDALONE));
        let session = Self {
            id,
            revision,
            capabilities,
            level: Mutex::new(Level::Debug),
            subscriptions: Mutex::default(),
            streams: Mutex::new(BTreeMap::from([(STANDALONE, Arc::clone(&standalone))])),
            next_stream: AtomicU64::new(STANDALONE + 1),
            waiting: Mutex::default(),
            next_request: AtomicU64::new(1),
        };
        session.prime(&standalone);
        session
    }

    /// A stream for the answer to one POST, primed.
    pub(crate) fn open_stream(&self) -> Arc<EventLog> {
        let stream = Arc::new(EventLog::new(self.next_stream.fetch_add(1, Ordering::Relaxed)));
        self.prime(&stream);
        let mut streams = self.streams.lock();
        // The standalone stream is the lowest number and never finished.
        let oldest = streams.values().find(|old| old.is_finished()).map(|old| old.number());
        if let (true, Some(oldest)) = (streams.len() >= KEPT_STREAMS, oldest) {
            streams.remove(&oldest);
        }
        streams.insert(stream.number(), Arc::clone(&stream));
        stream
    }

    pub(crate) fn stream(&self, number: u64) -> Option<Arc<EventLog>> {
        self.streams.lock().get(&number).cloned()
    }

    /// Sends a request to the client on `stream` and waits for its answer.
    pub(crate) async fn ask(&self, stream: &EventLog, method: &str, params: &Value) -> Result<Value, String> {
        let id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().insert(id, answer);
        stream.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let outcome = tokio::time::timeout(ANSWER_TIMEOUT, answered).await;
        self.waiting.lock().remove(&id);
        match outcome {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(error))) => Err(format!("the client answered `{method}` with an error: {error}")),
            Ok(Err(_)) | Err(_) => Err(format!("the client did not answer `{method}`")),
        }
    }

    /// Delivers a client's answer; one that nobody waits for is dropped.
    pub(crate) fn answer(&self, id: &Value, outcome: Result<Value, Value>) {
        let waiting = id.as_u64().and_then(|id| self.waiting.lock().remove(&id));
        if let Some(waiting) = waiting {
            let _ = waiting.send(outcome);
        }
    }

    /// Clients of older revisions take an event without data for a broken message.
    fn prime(&self, stream: &EventLog) {
        if self.revision == SESSION {
            stream.prime();
        }
    }

    fn hears(&self, change: &Change) -> bool {
        match change {
            Change::Tools | Change::Prompts | Change::Resources => true,
            Change::Resource(uri) => self.subscriptions.lock().contains(uri),
        }
    }
}

/// Copies changes onto the standalone stream for as long as the session lives.
fn forward_changes(session: &Arc<Session>, hub: &Hub) {
    let mut changes = hub.changes();
    let session = Arc::downgrade(session);
    tokio::spawn(async move {
        loop {
            let change = match changes.recv().await {
                Ok(change) => change,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let Some(session) = session.upgrade() else { return };
            if let (true, Some(stream)) = (session.hears(&change), session.stream(STANDALONE)) {
                stream.send(&notification(change.method(), &change.params()));
            }
        }
    });
}

/// The number of the stream that a GET without `Last-Event-ID` opens.
pub(crate) const STANDALONE: u64 = 0;
const MAX_SESSIONS: usize = 4096;
const KEPT_STREAMS: usize = 64;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
