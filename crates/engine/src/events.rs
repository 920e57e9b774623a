//! Security events of IdPs: whose session has ended there, or whose credential has changed, ends here with everything
//! that depends on them. The tokens and their rules are `placet_identity`'s.

use std::collections::BTreeSet;

use placet_domain::{Object, PersonName, RegistryChange, RegistryReceipt};
use placet_identity::{EventKind, EventReceiver, Replays, SecurityEvent, TokenError, TokenFault};
use tokio::sync::Mutex;

use crate::{Engine, StartError};

/// Ids of events that are remembered, and how many of them one transmitter may take.
const REMEMBERED: (usize, usize) = (65_536, 16_384);

/// The transmitters we believe, and what they have told us that is not done yet.
#[derive(Debug)]
pub(crate) struct Events {
    receivers: Vec<EventReceiver>,
    replays: Replays,
    /// People whose runs could not all be revoked: the next delivery, or the next look at the clock, tries again.
    undone: Mutex<BTreeSet<PersonName>>,
}

impl Events {
    pub(crate) fn from(receivers: Vec<EventReceiver>) -> Self {
        Self { receivers, replays: Replays::new(REMEMBERED.0, REMEMBERED.1), undone: Mutex::default() }
    }
}

/// Why an event is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// It could not be acted on; the transmitter is to deliver it again.
    #[error("the event could not be acted on")]
    NotDone(#[from] StartError),
    /// It is not an event that its transmitter has signed for us.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// It is of a transmitter that nobody has declared.
    #[error("the issuer is not one whose events are taken here")]
    Stranger,
}

impl EventError {
    /// The error code of RFC 8935 section 2.4; none if the transmitter is to try again.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::NotDone(_) => None,
            Self::Stranger => Some("invalid_issuer"),
            Self::Refused(error) => Some(match error.fault {
                TokenFault::Issuer => "invalid_issuer",
                TokenFault::Audience => "invalid_audience",
                TokenFault::Key | TokenFault::Signature | TokenFault::Algorithm => "invalid_key",
                _ => "invalid_request",
            }),
        }
    }
}

impl Engine {
    /// Whether there is anybody whose events are believed.
    #[must_use]
    pub fn hears_events(&self) -> bool {
        !self.events.receivers.is_empty()
    }

    /// Takes a security event token (RFC 8417). After `Ok` no further call of any run that depends on its subject is
    /// accepted: those the person has started, and those that act for them; and their own sign-ins are over. A second delivery changes nothing.
    ///
    /// # Errors
    /// See [`EventError`].
    pub async fn take_event(&self, token: &str) -> Result<(), EventError> {
        match self.verified(token) {
            Ok(event) => {
                if let Some(person) = self.concerned(&event) {
                    tracing::warn!(%person, event = event.id, "an identity provider has ended somebody's session");
                    self.events.undone.lock().await.insert(person);
                }
            }
            Err(EventError::Refused(error)) if is_known(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(self.finish_events().await?)
    }

    /// Does what events have asked for and could not be done.
    ///
    /// # Errors
    /// It still cannot.
    pub async fn finish_events(&self) -> Result<(), StartError> {
        let mut undone = self.events.undone.lock().await;
        while let Some(person) = undone.first().cloned() {
            self.revoke_of(&person, "event", None).await?;
            self.end_sessions_of(&person, "event").await?;
            undone.remove(&person);
        }
        Ok(())
    }

    /// Ends whatever a person has opened at the control API by signing in. After `Ok` none of it opens anything.
    async fn end_sessions_of(&self, person: &PersonName, cause: &str) -> Result<(), StartError> {
        let keys = self.ports.accounts.end_keys(person).await?;
        if keys == 0 {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        let about = Object::new().with("person", person.as_str()).with("keys", keys).with("cause", cause);
        let change = RegistryChange::SessionsEnded;
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by: None, about })
            .await?;
        Ok(())
    }

    fn verified(&self, token: &str) -> Result<SecurityEvent, EventError> {
        let now = self.ports.clock.now();
        for receiver in &self.events.receivers {
            match receiver.receive(token, &self.events.replays, now) {
                // Perhaps it is the next one's.
                Err(error) if error.fault == TokenFault::Issuer => {}
                ended => return Ok(ended?),
            }
        }
        Err(EventError::Stranger)
    }

    /// The person whose runs are to end.
    fn concerned(&self, event: &SecurityEvent) -> Option<PersonName> {
        match &event.kind {
            EventKind::SessionRevoked | EventKind::AccountDisabled | EventKind::CredentialChange { .. } => {
                let person = event.subject.user().and_then(|user| self.ports.people.known_as(user));
                if person.is_none() {
                    tracing::warn!(event = event.id, "an event is about nobody who is declared here");
                }
                person
            }
            EventKind::Verification { .. } | EventKind::Other(_) => None,
        }
    }
}

/// Whether the event was delivered before (RFC 8935 section 2: acknowledge it again). A memory that is full is another
/// matter: the event would be lost.
fn is_known(error: &TokenError) -> bool {
    error.fault == TokenFault::Replay && error.to_string() == "the token was used before"
}
