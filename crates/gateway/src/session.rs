//! Sessions of the session era: our id for the client, the upstream's behind it, bound to one instance.
//! A session id is no authority: every request is authenticated anew, and the ids must belong together.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;
use placet_domain::{ConnectorName, InstanceId, limits};
use placet_engine::{Caller, ports::UpstreamSession};
use placet_wire::SessionVersion;

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

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.read().len()
    }
}
