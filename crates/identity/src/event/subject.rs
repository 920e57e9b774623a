//! Whom a security event is about: subject identifiers of RFC 9493, those that IdPs send.

use placet_domain::{Json, Object};

use crate::{TokenError, TokenFault};

/// One principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventPrincipal {
    /// `email`.
    Email(String),
    /// `iss_sub`: an account at an issuer, as its tokens name it.
    IssuerSubject {
        /// The issuer.
        issuer: String,
        /// The account.
        subject: String,
    },
    /// `opaque`: a session or a stream that both sides know.
    Opaque(String),
}

/// Whom or what an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSubject {
    /// One principal.
    One(EventPrincipal),
    /// `complex`: a user, perhaps only in one session. What else it names (device, tenant) narrows further; acting on
    /// the whole user is then more than is asked, which is the safe side.
    Complex {
        /// The user.
        user: Option<EventPrincipal>,
        /// The session.
        session: Option<EventPrincipal>,
    },
}

impl EventSubject {
    /// The person it is about, if it names one.
    #[must_use]
    pub fn user(&self) -> Option<&EventPrincipal> {
        match self {
            Self::One(EventPrincipal::Opaque(_)) => None,
            Self::One(principal) => Some(principal),
            Self::Complex { user, .. } => user.as_ref(),
        }
    }

    pub(super) fn read(id: &Object) -> Result<Self, TokenError> {
        if id.member("format").and_then(Json::as_str) != Some("complex") {
            return EventPrincipal::read(id).map(Self::One);
        }
        let mut user = None;
        let mut session = None;
        for (name, value) in id.members() {
            match (name, value.as_object()) {
                ("format", None) => {}
                ("user", Some(id)) => user = Some(EventPrincipal::read(id)?),
                ("session", Some(id)) => session = Some(EventPrincipal::read(id)?),
                ("application" | "device" | "group" | "org_unit" | "tenant", Some(_)) => {}
                _ => return Err(malformed()),
            }
        }
        match user.is_none() && session.is_none() {
            true => Err(malformed()),
            false => Ok(Self::Complex { user, session }),
        }
    }
}

impl EventPrincipal {
    /// Exactly the members of its format (RFC 9493 section 3).
    fn read(id: &Object) -> Result<Self, TokenError> {
        let text = |name: &str| {
            id.member(name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let principal = match (text("format").as_deref(), id.members().len()) {
            (Some("email"), 2) => text("email").map(Self::Email),
            (Some("opaque"), 2) => text("id").map(Self::Opaque),
            (Some("iss_sub"), 3) => {
                text("iss").zip(text("sub")).map(|(issuer, subject)| Self::IssuerSubject { issuer, subject })
            }
            _ => None,
        };
        principal.ok_or_else(malformed)
    }
}

fn malformed() -> TokenError {
    TokenError::new(
        TokenFault::Claim,
        "`sub_id` is not a subject of format iss_sub, email, opaque or complex",
    )
}
