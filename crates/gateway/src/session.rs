//! Sessions of the session era: our id for the client, the upstream's behind it, bound to one instance.
//! A session id is no authority: every request is authenticated anew, and the ids must belong together.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use placet_domain::{ConnectorName, InstanceId, limits};
use placet_engine::{
    Caller,
    ports::{Relay, RelayFrame, UpstreamSession},
};
use placet_wire::{Id, SessionVersion};
use tokio::sync::{Notify, mpsc::WeakSender};

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The instance that opened it, and alone may use it.
    pub(crate) instance: InstanceId,
    /// The connector it was opened at.
    pub(crate) connector: ConnectorName,
    /// The upstream's session.
    pub(crate) upstream: UpstreamSession,
    /// The negotiated revision.
    pub(crate) version: SessionVersion,
    /// The calls under way in it.
    pub(crate) calls: Calls,
    /// Answers that come after their streams have ended.
    pub(crate) late: Late,
}

/// Calls under way, by the client's own ids: a client cancels by its id, the connector knows a call by its relay.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<HashMap<Id, WeakSender<RelayFrame>>>);

impl Calls {
    /// Remembers a call for as long as somebody holds its relay.
    pub(crate) fn begin(&self, id: &Id, relay: &Relay) {
        let mut calls = self.0.lock();
        calls.retain(|_, relay| relay.strong_count() > 0);
        calls.insert(id.clone(), relay.downgrade());
    }

    /// Whether no call is under way.
    pub(crate) fn are_over(&self) -> bool {
        self.0.lock().values().all(|relay| relay.strong_count() == 0)
    }

    /// The relay of a call that has not ended.
    pub(crate) fn relay_of(&self, id: &Id) -> Option<Relay> {
        self.0.lock().get(id)?.upgrade()
    }
}

/// Answers of calls whose stream the upstream ended early, for the client to resume (MCP 2025-11-25, "Transports",
/// "Resumability"). They leave on the session's own stream.
#[derive(Debug, Default)]
pub(crate) struct Late {
    expected: AtomicUsize,
    arrived: Mutex<VecDeque<LateAnswer>>,
    wake: Notify,
}

/// A JSON-RPC message and the id of its event.
pub(crate) type LateAnswer = (Bytes, Option<String>);

/// Late answers that wait for a client; the oldest make room.
const LATE_ANSWERS: usize = 16;

impl Late {
    /// One more answer will come.
    pub(crate) fn expect(&self) {
        self.expected.fetch_add(1, Ordering::Relaxed);
    }

    /// An expected answer is there.
    pub(crate) fn arrive(&self, answer: LateAnswer) {
        let mut arrived = self.arrived.lock();
        if arrived.len() == LATE_ANSWERS {
            arrived.pop_front();
        }
        arrived.push_back(answer);
        self.expected.fetch_sub(1, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Whether an answer will come, or has and waits.
    pub(crate) fn is_due(&self) -> bool {
        self.expected.load(Ordering::Relaxed) > 0 || !self.arrived.lock().is_empty()
    }

    /// The next answer. May be dropped at any time without losing one.
    pub(crate) async fn next(&self) -> LateAnswer {
        loop {
            if let Some(answer) = self.arrived.lock().pop_front() {
                return answer;
            }
            self.wake.notified().await;
        }
    }
}

/// All open sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: RwLock<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    /// Opens a session under an unguessable id; `None` if the instance has too many.
    pub(crate) fn open(&self, id: [u8; 16], session: Session) -> Option<String> {
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut open = self.open.write();
        let held = open.values().filter(|other| other.instance == session.instance).count();
        if held >= limits::SESSIONS_PER_INSTANCE {
            return None;
        }
        open.insert(id.clone(), Arc::new(session));
        Some(id)
    }

    /// The session of this id, if it is this caller's at this connector.
    pub(crate) fn of(&self, id: &str, caller: &Caller, connector: &ConnectorName) -> Option<Arc<Session>> {
        let session = self.open.read().get(id).cloned()?;
        (session.instance == caller.instance().id && session.connector == *connector).then_some(session)
    }

    /// Forgets a session.
    pub(crate) fn close(&self, id: &str) {
        self.open.write().remove(id);
    }

    /// Takes out the sessions that do not stand any more.
    pub(crate) fn take_fallen(&self, stands: impl Fn(&Session) -> bool) -> Vec<Arc<Session>> {
        let fallen: Vec<String> = {
            let open = self.open.read();
            open.iter().filter(|(_, session)| !stands(session)).map(|(id, _)| id.clone()).collect()
        };
        if fallen.is_empty() {
            return Vec::new();
        }
        let mut open = self.open.write();
        fallen.iter().filter_map(|id| open.remove(id)).collect()
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.read().len()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn a_cancellation_finds_its_call_until_that_has_ended() {
        let calls = Calls::default();
        let (relay, _frames) = mpsc::channel(1);
        let (one, same_digits) = (Id::Integer(1), Id::Text("1".to_owned()));
        calls.begin(&one, &relay);
        assert!(calls.relay_of(&one).is_some_and(|found| found.same_channel(&relay)));
        assert!(calls.relay_of(&same_digits).is_none());
        drop(relay);
        assert!(calls.relay_of(&one).is_none());
    }

    #[tokio::test]
    async fn a_late_answer_waits_for_the_client_that_resumes() {
        let late = Late::default();
        assert!(!late.is_due());
        late.expect();
        assert!(late.is_due());
        late.arrive((Bytes::from_static(b"{}"), Some("7".to_owned())));
        assert!(late.is_due());
        assert_eq!(late.next().await, (Bytes::from_static(b"{}"), Some("7".to_owned())));
        assert!(!late.is_due());
    }
}
