//! Security events of an IdP: somebody's session or credential has ended (RFC 8417, CAEP 1.0, SSF 1.0).
//! What depends on the subject is revoked by the caller; an event is acted on once.

mod subject;

pub use subject::{EventPrincipal, EventSubject};

use placet_domain::{Json, Object, Timestamp};

use crate::{
    Audience, ForeignClaims, Jwks, Replays, TokenError, TokenFault, TokenType, Trust, jose::seconds, limits,
};

/// What an IdP tells.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityEvent {
    /// Whom or what it is about.
    pub subject: EventSubject,
    /// What happened.
    pub kind: EventKind,
    /// The event's id.
    pub id: String,
    /// When it happened; when it was signed, if the event does not say.
    pub at: Timestamp,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// CAEP `session-revoked`: every session of the subject that began before [`SecurityEvent::at`] is over.
    SessionRevoked,
    /// RISC `account-disabled`: the subject cannot sign in any more.
    AccountDisabled,
    /// CAEP `credential-change`.
    CredentialChange {
        /// What was done to the credential.
        change: CredentialChange,
        /// Of which type it is, such as `password` or `fido2-platform`.
        credential: String,
    },
    /// SSF `verification`: the transmitter tries whether it reaches us.
    Verification {
        /// What we gave it to send back.
        state: Option<String>,
    },
    /// A kind that calls for nothing here. It is to be acknowledged like the others.
    Other(String),
}

/// What was done to a credential (CAEP section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialChange {
    /// A new one.
    Create,
    /// It is gone.
    Delete,
    /// It is no longer good.
    Revoke,
    /// It was replaced or changed.
    Update,
}

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const ACCOUNT_DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The rules for the events of one transmitter.
#[derive(Debug, Clone)]
pub struct EventReceiver(Trust);

impl EventReceiver {
    /// Believes this transmitter's events for this audience.
    #[must_use]
    pub fn new(transmitter: &str, audience: &str, keys: Jwks) -> Self {
        Self(
            Trust::new(transmitter, audience, keys)
                .with_audience_form(Audience::Among)
                .with_type(TokenType::only(&["secevent+jwt"]))
                .with_longest_life(limits::EVENT_AGE)
                .without_expiry(),
        )
    }

    /// What an event token says, once. [`TokenFault::Replay`] means that it was delivered before: acknowledge it and
    /// do nothing (RFC 8935 section 2).
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn receive(
        &self,
        token: &str,
        replays: &Replays,
        now: Timestamp,
    ) -> Result<SecurityEvent, TokenError> {
        let claims = self.0.verify(token, now)?;
        // RFC 8417 section 2.2 and SSF section 4.1.2: an event token must not pass for a token that opens something.
        if claims.object().member("sub").is_some() {
            return Err(TokenError::new(TokenFault::Claim, "an event has `sub_id` and no `sub`"));
        }
        let event = read(&claims, now.after(self.0.leeway()))?;
        let issued = claims.issued().unwrap_or(now);
        let forgotten = issued.after(limits::EVENT_AGE).after(self.0.leeway());
        replays.admit(self.0.issuer().unwrap_or_default(), &event.id, forgotten, now)?;
        Ok(event)
    }
}

fn read(claims: &ForeignClaims, latest: Timestamp) -> Result<SecurityEvent, TokenError> {
    let wrong = |why: &'static str| TokenError::new(TokenFault::Claim, why);
    let mut events = claims.member_object("events")?.members();
    let (Some((uri, event)), None) = (events.next(), events.next()) else {
        return Err(wrong("`events` does not hold exactly one event"));
    };
    let event = event.as_object().ok_or_else(|| wrong("the event is not an object"))?;
    let at = match seconds(event, "event_timestamp")? {
        Some(at) if at > latest => {
            return Err(TokenError::new(TokenFault::NotYet, "the event lies in the future"));
        }
        Some(at) => at,
        None => claims.issued().ok_or_else(|| wrong("claim `iat` is missing"))?,
    };
    Ok(SecurityEvent {
        subject: EventSubject::read(claims.member_object("sub_id")?)?,
        kind: kind(uri, event)?,
        id: claims.token_id()?.to_owned(),
        at,
    })
}

fn kind(uri: &str, event: &Object) -> Result<EventKind, TokenError> {
    let text = |name: &str| event.member(name).and_then(Json::as_str);
    let wrong = |why: &'static str| TokenError::new(TokenFault::Claim, why);
    match uri {
        SESSION_REVOKED => Ok(EventKind::SessionRevoked),
        ACCOUNT_DISABLED => Ok(EventKind::AccountDisabled),
        CREDENTIAL_CHANGE => Ok(EventKind::CredentialChange {
            change: match text("change_type") {
                Some("create") => CredentialChange::Create,
                Some("delete") => CredentialChange::Delete,
                Some("revoke") => CredentialChange::Revoke,
                Some("update") => CredentialChange::Update,
                _ => return Err(wrong("`change_type` is not create, delete, revoke or update")),
            },
            credential: text("credential_type")
                .ok_or_else(|| wrong("`credential_type` is missing"))?
                .to_owned(),
        }),
        VERIFICATION => Ok(EventKind::Verification { state: text("state").map(str::to_owned) }),
        other => Ok(EventKind::Other(other.to_owned())),
    }
}
