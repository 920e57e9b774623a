//! Requests that wait for their answers, by our own upstream id.
//! An entry lives exactly as long as its [`Waiting`]; dropping the table's entry ends the wait without an answer.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use placet_engine::ports::Relay;
use tokio::sync::oneshot;

use crate::{
    ending::Reply,
    outlet::{Outlet, WeakOutlet},
};

/// The waiting requests of one session or one child process.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    waiting: Mutex<BTreeMap<i64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    answer: oneshot::Sender<Reply>,
    outlet: WeakOutlet,
    progress_token: Option<String>,
}

/// One wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    id: i64,
    pending: Arc<Pending>,
    answer: oneshot::Receiver<Reply>,
}

impl Pending {
    /// Starts to wait. `progress_token` is the canonical text of the token the request carries.
    pub(crate) fn register(
        self: &Arc<Self>,
        id: i64,
        outlet: &Outlet,
        progress_token: Option<String>,
    ) -> Waiting {
        let (answer, waiting) = oneshot::channel();
        let entry = Entry { answer, outlet: outlet.downgrade(), progress_token };
        self.waiting.lock().insert(id, entry);
        Waiting { id, pending: Arc::clone(self), answer: waiting }
    }

    /// Hands an answer to the request that waits for it. `false` if none does.
    pub(crate) fn deliver(&self, id: i64, reply: Reply) -> bool {
        let entry = self.waiting.lock().remove(&id);
        entry.is_some_and(|entry| entry.answer.send(reply).is_ok())
    }

    /// The id of the request whose frames go to this relay.
    pub(crate) fn id_of(&self, relay: &Relay) -> Option<i64> {
        let waiting = self.waiting.lock();
        waiting.iter().find(|(_, entry)| entry.outlet.is(relay)).map(|(id, _)| *id)
    }

    /// The relay of this request.
    pub(crate) fn relay_of(&self, id: i64) -> Option<Relay> {
        self.waiting.lock().get(&id)?.outlet.upgrade()
    }

    /// The request that asked for progress under this token, if exactly one did: two agents may choose the same token,
    /// and neither may read the other's progress.
    pub(crate) fn of_progress_token(&self, token: &str) -> Option<i64> {
        let waiting = self.waiting.lock();
        let mut matching = waiting.iter().filter(|(_, entry)| entry.progress_token.as_deref() == Some(token));
        match (matching.next(), matching.next()) {
            (Some((id, _)), None) => Some(*id),
            _ => None,
        }
    }

    /// The newest waiting request.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.waiting.lock().last_key_value().map(|(id, _)| *id)
    }

    /// Ends one wait without an answer.
    pub(crate) fn abandon(&self, id: i64) {
        self.waiting.lock().remove(&id);
    }

    /// Ends every wait without an answer.
    pub(crate) fn abandon_all(&self) {
        self.waiting.lock().clear();
    }
}

impl Waiting {
    /// The answer; `None` if the session or process ended first.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pending.waiting.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use placet_engine::ports::Answered;
    use tokio::sync::mpsc;

    use super::*;

    fn reply(text: &'static str) -> Reply {
        let answered = Answered::Result(Bytes::from_static(text.as_bytes()));
        Reply { answered, is_error: false, event_id: None, status: None }
    }

    #[tokio::test]
    async fn an_answer_reaches_its_own_request_once() {
        let pending = Arc::new(Pending::default());
        let mut one = pending.register(1, &Outlet::Nowhere, None);
        let mut two = pending.register(2, &Outlet::Nowhere, None);
        assert!(pending.deliver(2, reply("2")));
        assert!(!pending.deliver(2, reply("again")));
        assert!(pending.deliver(1, reply("1")));
        assert!(matches!(one.reply().await.unwrap().answered, Answered::Result(text) if text == "1"));
        assert!(matches!(two.reply().await.unwrap().answered, Answered::Result(text) if text == "2"));
    }

    #[tokio::test]
    async fn a_dropped_wait_takes_no_answer_and_an_abandoned_one_ends() {
        let pending = Arc::new(Pending::default());
        drop(pending.register(1, &Outlet::Nowhere, None));
        assert!(!pending.deliver(1, reply("late")));
        let mut two = pending.register(2, &Outlet::Nowhere, None);
        pending.abandon_all();
        assert!(two.reply().await.is_none());
    }

    #[test]
    fn an_ambiguous_progress_token_belongs_to_nobody() {
        let pending = Arc::new(Pending::default());
        let _one = pending.register(1, &Outlet::Nowhere, Some("7".into()));
        assert_eq!(pending.of_progress_token("7"), Some(1));
        let _two = pending.register(2, &Outlet::Nowhere, Some("7".into()));
        assert_eq!(pending.of_progress_token("7"), None);
        assert_eq!(pending.of_progress_token("8"), None);
    }

    #[test]
    fn a_relay_names_its_request_while_its_stream_is_open() {
        let pending = Arc::new(Pending::default());
        let (relay, _receiver) = mpsc::channel(1);
        let (other, _other_receiver) = mpsc::channel(1);
        let outlet = Outlet::Relay(relay);
        let _waiting = pending.register(9, &outlet, None);
        let Outlet::Relay(relay) = &outlet else { panic!("a relay") };
        assert_eq!(pending.id_of(relay), Some(9));
        assert_eq!(pending.id_of(&other), None);
    }
}
