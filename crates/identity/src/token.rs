//! What an access token says, and how it is signed: RFC 9068 (`at+jwt`), RFC 8693 (`act`), RFC 9449 (`cnf.jkt`).
//! Claims are written and read here, so that both sides of the format stand in one file.

use placet_domain::{AgentName, InstanceId, Json, Object, PersonName, Timestamp, limits};

use crate::{
    ChainError, Delegation, Scope, Thumbprint, TokenKey,
    fault::{TokenError, TokenFault},
    jose::seconds,
    limits::TOKEN_ID_BYTES,
};

/// The names under which this deployment issues and accepts tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `iss`: this deployment, for example `http://127.0.0.1:7420`.
    pub issuer: String,
    /// `aud`: what tokens are good for (RFC 8707 resource).
    pub audience: String,
}

/// Who a verified token names, and until when: all that a plain bearer token of an instance says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The instance that acts.
    pub instance: InstanceId,
    /// The agent it claims to be a run of (`client_id`).
    pub agent: AgentName,
    /// When it ends (`exp`).
    pub expires: Timestamp,
}

/// Everything an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The token's own id (`jti`), for revocation.
    pub id: String,
    /// The agent whose instance acts (`client_id`).
    pub agent: AgentName,
    /// Who acts for whom (`sub`, `act`).
    pub delegation: Delegation,
    /// What it is good for (`aud`).
    pub audience: String,
    /// When it was issued (`iat`).
    pub issued: Timestamp,
    /// When it ends (`exp`).
    pub expires: Timestamp,
    /// What the token narrows its instance to. `None`: the mandate's scope alone applies.
    pub scope: Option<Scope>,
    /// The key whose possession must be proved with every use (`cnf.jkt`). `None`: a bearer token.
    pub bound_to: Option<Thumbprint>,
}

/// A token could not be issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The chain of delegation.
    #[error("the token cannot be issued: {0}")]
    Chain(#[from] ChainError),
    /// No life, or more than the longest.
    #[error("the token would not live between 1 s and {} s", limits::INSTANCE_LIFE.as_secs())]
    Life,
    /// Nothing would be left to do with it.
    #[error("the token's scope permits nothing")]
    Powerless,
    /// A scope with more entries than a token can carry, or an id that is no id.
    #[error("the token would be larger than {} bytes", limits::TOKEN_BYTES)]
    Size,
}

pub(crate) const TYPE: &str = "at+jwt";

impl AccessToken {
    /// A bearer token of one instance acting for itself.
    #[must_use]
    pub fn new(claims: &Claims, id: impl Into<String>, audience: impl Into<String>, now: Timestamp) -> Self {
        Self {
            id: id.into(),
            agent: claims.agent.clone(),
            delegation: Delegation::own(claims.instance),
            audience: audience.into(),
            issued: now,
            expires: claims.expires,
            scope: None,
            bound_to: None,
        }
    }

    /// Binds it to a key.
    #[must_use]
    pub fn bound_to(mut self, key: Thumbprint) -> Self {
        self.bound_to = Some(key);
        self
    }

    /// Narrows it to a scope.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Names the chain of delegation it is for.
    #[must_use]
    pub fn acting(mut self, delegation: Delegation) -> Self {
        self.delegation = delegation;
        self
    }

    /// The instance that acts, however long the chain is.
    #[must_use]
    pub fn instance(&self) -> InstanceId {
        self.delegation.instance()
    }

    /// The person it acts for, if the token says so.
    #[must_use]
    pub fn person(&self) -> Option<&PersonName> {
        self.delegation.person()
    }

    /// Who it names and until when, without what limits it.
    #[must_use]
    pub fn claims(&self) -> Claims {
        Claims { instance: self.instance(), agent: self.agent.clone(), expires: self.expires }
    }

    /// The claims as they are signed and introspected.
    pub(crate) fn to_claims(&self, issuer: &str) -> Object {
        let (subject, actors) = self.delegation.to_claims(issuer);
        Object::new()
            .with("iss", issuer)
            .with("aud", self.audience.as_str())
            .with("sub", subject)
            .with("client_id", self.agent.as_str())
            .with("iat", self.issued.seconds())
            .with("exp", self.expires.seconds())
            .with("jti", self.id.as_str())
            .with_some("scope", self.scope.as_ref().map(Scope::to_string))
            .with_some("act", actors)
            .with_some("cnf", self.bound_to.map(|key| Object::new().with("jkt", key.to_string())))
    }

    /// Reads what [`AccessToken::to_claims`] wrote; a member it does not write is refused.
    pub(crate) fn from_claims(claims: &Object, issuer: &str) -> Result<Self, TokenError> {
        const MEMBERS: [&str; 10] =
            ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "act", "cnf"];
        let malformed = |name: &str| {
            TokenError::new(
                TokenFault::Claim,
                format!("claim `{name}` is not one that this deployment writes"),
            )
        };
        if let Some((name, _)) = claims.members().find(|(name, _)| !MEMBERS.contains(name)) {
            return Err(malformed(name));
        }
        let text =
            |name: &'static str| claims.member(name).and_then(Json::as_str).ok_or_else(|| malformed(name));
        let moment = |name: &'static str| seconds(claims, name)?.ok_or_else(|| malformed(name));
        if text("iss")? != issuer {
            return Err(TokenError::new(TokenFault::Issuer, "the token is of another issuer"));
        }
        let id = text("jti")?;
        if id.is_empty() || id.len() > TOKEN_ID_BYTES {
            return Err(malformed("jti"));
        }
        let (issued, expires) = (moment("iat")?, moment("exp")?);
        if expires <= issued || expires.since(issued) > limits::INSTANCE_LIFE {
            return Err(TokenError::new(TokenFault::Life, "the token lives longer than a token may"));
        }
        Ok(Self {
            id: id.to_owned(),
            agent: text("client_id")?.parse().map_err(|_| malformed("client_id"))?,
            delegation: Delegation::from_claims(text("sub")?, claims.member("act"), issuer)?,
            audience: text("aud")
                .map_err(|_| TokenError::new(TokenFault::Audience, "the token's audience is not one text"))?
                .to_owned(),
            issued,
            expires,
            scope: match claims.member("scope") {
                None => None,
                Some(scope) => {
                    let scope = scope.as_str().and_then(|text| text.parse().ok());
                    Some(scope.ok_or_else(|| malformed("scope"))?)
                }
            },
            bound_to: claims.member("cnf").map(confirmation).transpose()?,
        })
    }
}

/// `cnf` of exactly one member: with another method beside `jkt`, two readers could check different ones.
fn confirmation(cnf: &Json) -> Result<Thumbprint, TokenError> {
    let key = cnf.as_object().filter(|cnf| cnf.members().len() == 1).and_then(|cnf| cnf.member("jkt"));
    key.and_then(Json::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| TokenError::new(TokenFault::Claim, "claim `cnf` is not the thumbprint of a key"))
}

impl TokenKey {
    /// Signs a bearer token for one instance acting for itself, good for the deployment's audience.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue(
        &self,
        deployment: &Deployment,
        claims: &Claims,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let id = claims.instance.to_string();
        self.issue_access(deployment, &AccessToken::new(claims, id, &*deployment.audience, now))
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub fn issue_access(&self, deployment: &Deployment, token: &AccessToken) -> Result<String, IssueError> {
        let life = token.expires.seconds().saturating_sub(token.issued.seconds());
        let longest = i64::try_from(limits::INSTANCE_LIFE.as_secs()).unwrap_or(i64::MAX);
        if !(1..=longest).contains(&life) {
            return Err(IssueError::Life);
        }
        if token.scope.as_ref().is_some_and(Scope::is_empty) {
            return Err(IssueError::Powerless);
        }
        let header = Object::new().with("alg", "EdDSA").with("typ", TYPE).with("kid", self.id());
        let signed = self.sign(header, token.to_claims(&deployment.issuer));
        let unreadable = signed.len() > limits::TOKEN_BYTES
            || !(1..=TOKEN_ID_BYTES).contains(&token.id.len())
            || !token.scope.as_ref().is_none_or(Scope::is_writable);
        match unreadable {
            true => Err(IssueError::Size),
            false => Ok(signed),
        }
    }
}
