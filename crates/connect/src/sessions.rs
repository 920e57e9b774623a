//! Handles of upstream sessions. A handle is unique over all connectors, so that none fits another's session.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;
use placet_engine::ports::UpstreamSession;

/// Gives out handles; one for all connectors.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles(Arc<AtomicU64>);

/// The open sessions of one connector.
#[derive(Debug)]
pub(crate) struct Sessions<T> {
    handles: Handles,
    open: RwLock<HashMap<UpstreamSession, Arc<T>>>,
}

impl<T> Sessions<T> {
    pub(crate) fn new(handles: Handles) -> Self {
        Self { handles, open: RwLock::default() }
    }

    pub(crate) fn open(&self, session: T) -> UpstreamSession {
        let handle = UpstreamSession(self.handles.0.fetch_add(1, Ordering::Relaxed));
        self.open.write().insert(handle, Arc::new(session));
        handle
    }

    pub(crate) fn find(&self, handle: UpstreamSession) -> Option<Arc<T>> {
        self.open.read().get(&handle).cloned()
    }

    pub(crate) fn forget(&self, handle: UpstreamSession) -> Option<Arc<T>> {
        self.open.write().remove(&handle)
    }

    pub(crate) fn forget_all(&self) -> Vec<Arc<T>> {
        self.open.write().drain().map(|(_, session)| session).collect()
    }
}
