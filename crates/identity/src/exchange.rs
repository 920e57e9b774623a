//! Token exchange (RFC 8693): an instance takes up somebody's authority, and nothing grows on the way.
//! Scope, audience and life only narrow; chains are short and do not close; there are no refresh tokens.

use std::time::Duration;

use placet_domain::{Json, PersonName, Timestamp, limits};

use crate::{
    AccessToken, ChainError, Delegation, Deployment, ForeignClaims, OAuthCode, OAuthError, Scope, Target,
    Thumbprint,
};

/// The grant type in a token request.
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The one type of token that is issued.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";
/// A subject token that is some JWT.
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// A subject token that is an `OpenID` Connect id token.
pub const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// On whose behalf.
#[derive(Debug, Clone, Copy)]
pub enum ExchangeSubject<'a> {
    /// A person, by a verified token of the company's IdP. Which person its claims mean was decided by the caller.
    Person {
        /// Who it is here.
        person: &'a PersonName,
        /// What the IdP says.
        claims: &'a ForeignClaims,
    },
    /// Whoever a verified token of this deployment is for. The caller has looked in the registry that its
    /// instance lives and is the actor's parent: being handed a token does not make one a child.
    Own(&'a AccessToken),
}

/// A request whose tokens were verified.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeRequest<'a> {
    /// `subject_token`.
    pub subject: ExchangeSubject<'a>,
    /// `actor_token`: the instance's own token.
    pub actor: &'a AccessToken,
    /// `scope`, as it was sent.
    pub scope: Option<&'a str>,
    /// Every `resource` and `audience`, as they were sent.
    pub targets: &'a [&'a str],
    /// `requested_token_type`, as it was sent.
    pub requested_type: Option<&'a str>,
    /// The key that the request's `DPoP` proof proved.
    pub proved: Option<Thumbprint>,
    /// The id of the token to be issued, from random bytes.
    pub id: &'a str,
}

/// What may be had by exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRule {
    /// What the token may be good for: these, and what is below them.
    pub audiences: Vec<String>,
    /// The widest scope.
    pub scope: Scope,
    /// The longest life; an hour at most whatever it says.
    pub life: Duration,
}

impl ExchangeRule {
    /// The token to be signed with [`crate::TokenKey::issue_access`].
    ///
    /// # Errors
    /// `invalid_request` for tokens that cannot be exchanged (RFC 8693 section 2.2.2), `invalid_target`,
    /// `invalid_scope`.
    pub fn grant(
        &self,
        deployment: &Deployment,
        request: &ExchangeRequest<'_>,
        now: Timestamp,
    ) -> Result<AccessToken, OAuthError> {
        if !matches!(request.requested_type, None | Some(ACCESS_TOKEN_TYPE)) {
            return refuse("only access tokens are issued by exchange");
        }
        if request.actor.bound_to.is_some_and(|key| request.proved != Some(key)) {
            return refuse("the actor token is bound to a key that the request does not prove");
        }
        Ok(AccessToken {
            id: request.id.to_owned(),
            agent: request.actor.agent.clone(),
            delegation: delegation(deployment, request)?,
            audience: self.audience(request)?,
            issued: now,
            expires: self.end(request, now)?,
            scope: self.scope(request)?,
            bound_to: request.proved,
        })
    }

    fn end(&self, request: &ExchangeRequest<'_>, now: Timestamp) -> Result<Timestamp, OAuthError> {
        let subject_ends = match request.subject {
            ExchangeSubject::Person { claims, .. } => claims.expires(),
            ExchangeSubject::Own(token) => Some(token.expires),
        };
        let Some(subject_ends) = subject_ends else { return refuse("the subject token does not expire") };
        if now >= subject_ends {
            return refuse("the subject token has expired");
        }
        if now >= request.actor.expires {
            return refuse("the actor token has expired");
        }
        let longest = now.after(self.life.min(limits::INSTANCE_LIFE));
        let ends = longest.min(subject_ends).min(request.actor.expires);
        match ends.seconds() > now.seconds() {
            true => Ok(ends),
            false => refuse("the subject or actor token ends within a second"),
        }
    }

    fn scope(&self, request: &ExchangeRequest<'_>) -> Result<Option<Scope>, OAuthError> {
        let invalid = |why: String| OAuthError::new(OAuthCode::InvalidScope, why);
        let subject = match request.subject {
            ExchangeSubject::Person { .. } => None,
            ExchangeSubject::Own(token) => token.scope.as_ref(),
        };
        let ceiling = [subject, request.actor.scope.as_ref()]
            .into_iter()
            .flatten()
            .fold(self.scope.clone(), |ceiling, scope| ceiling.narrow(scope));
        let granted = match request.scope {
            None => ceiling,
            Some(text) => {
                let wanted: Scope = text.parse().map_err(|error| invalid(format!("{error}")))?;
                if !wanted.is_within(&ceiling) {
                    return Err(invalid(format!("at most `{ceiling}` can be granted")));
                }
                wanted
            }
        };
        if granted.is_empty() {
            return Err(invalid("subject, actor and rule have no scope in common".to_owned()));
        }
        Ok((granted != Scope::everything()).then_some(granted))
    }

    /// One audience: the actor's own, or a part of it. All of `resource` and `audience` must mean the same one.
    fn audience(&self, request: &ExchangeRequest<'_>) -> Result<String, OAuthError> {
        let invalid = |why: String| OAuthError::new(OAuthCode::InvalidTarget, why);
        let wanted = match request.targets {
            [] => request.actor.audience.as_str(),
            [one, rest @ ..] if rest.iter().all(|other| other == one) => one,
            _ => return Err(invalid("a token is for one resource: ask for one at a time".to_owned())),
        };
        let mut ceilings = vec![request.actor.audience.as_str()];
        if let ExchangeSubject::Own(token) = request.subject {
            ceilings.push(&token.audience);
        }
        let permitted = self.audiences.iter().any(|whole| is_within(wanted, whole))
            && ceilings.iter().all(|whole| is_within(wanted, whole));
        match permitted {
            true => Ok(wanted.to_owned()),
            false => Err(invalid("the tokens do not reach this resource".to_owned())),
        }
    }
}

/// The actor must speak for itself: the authority of others comes from the subject token alone.
fn delegation(deployment: &Deployment, request: &ExchangeRequest<'_>) -> Result<Delegation, OAuthError> {
    if !request.actor.delegation.is_own() {
        return refuse("the actor token must be the instance's own");
    }
    let actor = request.actor.instance();
    let chain = match request.subject {
        ExchangeSubject::Own(token) => token.delegation.extended(actor),
        ExchangeSubject::Person { person, claims } => {
            check_foreign(deployment, claims, request.actor)?;
            Delegation::new(actor, Vec::new(), Some(person.clone()))
        }
    };
    chain.map_err(|error: ChainError| OAuthError::new(OAuthCode::InvalidRequest, error.to_string()))
}

/// What a person's token may say about who uses it: `may_act` names us or nobody; a chain of strangers cannot be
/// carried on; a key that is not ours cannot be proved.
fn check_foreign(
    deployment: &Deployment,
    claims: &ForeignClaims,
    actor: &AccessToken,
) -> Result<(), OAuthError> {
    let claims = claims.object();
    if claims.member("act").is_some() {
        return refuse("the subject token is delegated to somebody already");
    }
    if claims.member("cnf").is_some() {
        return refuse("the subject token is bound to a key");
    }
    let Some(may_act) = claims.member("may_act") else { return Ok(()) };
    let names_actor = |name: &str, value: &Json| match (name, value.as_str()) {
        ("sub", Some(text)) => text == actor.agent.as_str() || text == actor.instance().to_string(),
        ("iss", Some(text)) => text == deployment.issuer,
        ("client_id", Some(text)) => text == actor.agent.as_str(),
        _ => false,
    };
    match may_act.as_object() {
        Some(may_act)
            if (may_act.member("sub").is_some() || may_act.member("client_id").is_some())
                && may_act.members().all(|(name, value)| names_actor(name, value)) =>
        {
            Ok(())
        }
        _ => refuse("the subject token lets somebody else act (may_act)"),
    }
}

/// Whether a resource is the whole or below it. What is not an address, or has a query, is compared as it is.
pub(crate) fn is_within(wanted: &str, whole: &str) -> bool {
    let plain = |text: &str| match text.contains(['?', '#']) {
        true => None,
        false => text.parse::<Target>().ok(),
    };
    wanted == whole
        || matches!((plain(wanted), plain(whole)), (Some(wanted), Some(whole)) if wanted.is_within(&whole))
}

fn refuse<T>(why: &str) -> Result<T, OAuthError> {
    Err(OAuthError::new(OAuthCode::InvalidRequest, why))
}

#[cfg(test)]
mod tests;
