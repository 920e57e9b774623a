//! Protocol traffic without an effect of its own: it needs a known instance, not a decision.
//! The list is closed; whatever is not here is a call and takes the pipeline, or is refused.

use bytes::Bytes;
use placet_domain::{Code, ConnectorName, Object, Refusal};

use crate::{
    Caller, Engine, Placet,
    ports::{ConnectError, Link, Passed, Relay},
};

/// A message of the protocol itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The connector it goes to.
    pub connector: ConnectorName,
    /// What it is.
    pub kind: PassageKind,
}

/// The protocol's own messages.
#[derive(Debug, Clone, PartialEq)]
pub enum PassageKind {
    /// The client's answer to a request of the server (sampling, elicitation, roots): the whole message.
    Answer(Bytes),
    /// `server/discover`.
    Discover(Object),
    /// `initialize`: opens a session.
    Initialize(Object),
    /// Listening to a session's stream (HTTP GET), from after this event on.
    Listen(Option<String>),
    /// `tools/list`.
    ListTools(Object),
    /// A notification of the client.
    Notify {
        /// `notifications/…`.
        method: String,
        /// Its params.
        params: Object,
    },
    /// `ping`.
    Ping(Object),
    /// `logging/setLevel`.
    SetLogLevel(Object),
}

impl Engine {
    /// Passes a protocol message to its connector.
    ///
    /// # Errors
    /// A connector that cannot be reached, or whose session has ended; a caller or a connector that was stopped.
    pub async fn pass(
        &self,
        caller: &Caller,
        passage: Passage,
        link: Link,
        relay: Relay,
    ) -> Result<Passed, Refusal> {
        // The caller may have been identified a while ago.
        self.stands(caller.instance().id, &passage.connector, None)?;
        let placet = Placet::passage(passage, caller);
        self.ports.connectors.pass(placet, link, relay).await.map_err(|error| match error {
            ConnectError::NoSession => Refusal::new(Code::UnknownSession, error.to_string()),
            ConnectError::Protocol(_) | ConnectError::Unreachable(_) | ConnectError::Refused(_) => {
                Refusal::new(Code::ToolUnreachable, error.to_string())
            }
        })
    }
}
