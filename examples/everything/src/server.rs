//! What all requests share.

use crate::hub::Hub;
use crate::message::Fault;
use crate::seal::Seal;
use crate::session::Sessions;
use crate::tasks::Tasks;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) hub: Hub,
    pub(crate) seal: Seal,
    pub(crate) sessions: Sessions,
    pub(crate) tasks: Tasks,
}

impl Server {
    pub(crate) fn new() -> Result<Self, Fault> {
        Ok(Self {
            hub: Hub::new(),
            seal: Seal::new()?,
            sessions: Sessions::default(),
            tasks: Tasks::default(),
        })
    }
}
