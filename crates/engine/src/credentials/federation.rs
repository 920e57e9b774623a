//! `jwt-bearer` (RFC 7523 section 2.1): tokens of platforms for workloads, and of the company's identity provider for
//! people (ID-JAG). Neither is kept or sent on; what follows is an instance of ours.

use std::sync::Arc;

use placet_domain::{AgentName, Means, Object, PersonName, Timestamp};
use placet_identity::{
    Condition, Federation, FederationRule, ForeignClaims, IdJagTrust, Jwks, OAuthCode, OAuthError,
    UnverifiedToken,
};

use super::{
    Answered, IssuerKind, OAuthRequest,
    client::{Proven, refused},
    groups::groups_of,
    key_cache::KeyCache,
    token::Granted,
};
use crate::{Engine, StartRequest};

impl Engine {
    /// A workload of a trusted platform becomes an instance of the agent whose rule its token meets.
    pub(super) async fn grant_workload(
        &self,
        request: &OAuthRequest,
        assertion: &str,
        now: Timestamp,
    ) -> Answered<Granted> {
        let form = &request.form;
        let client = self.client(form, now).await?;
        let of_platform = |kind: IssuerKind| kind.is_federated();
        let held = self
            .issuer_of(assertion, of_platform)
            .map_err(|why| OAuthError::new(OAuthCode::InvalidGrant, why))?;
        let keys = self.keys_for(held, assertion, now).await?;
        // A workload that is several agents says which of them it comes as.
        let only = match (form.text("client_id"), client) {
            (Some(stated), Some(client)) if stated != client.agent.as_str() => {
                return Err(refused("client_id is not the authenticated client"));
            }
            (_, Some(client)) => Some(client.agent),
            (Some(stated), None) => Some(stated.parse().map_err(|_| refused("client_id is no agent"))?),
            (None, None) => None,
        };
        let rules = self.rules_of(held, &keys, only.as_ref());
        let admitted =
            Federation::new(rules).admit(assertion, now).map_err(|error| OAuthError::grant(&error))?;
        let bound_to = self.key_to_bind(request, now)?;
        let detail = Object::new()
            .with("issuer", held.issuer.name.as_str())
            .with_some("subject", admitted.claims.subject().ok());
        let proven = Proven::new("workload", detail);
        let terms = self.terms(form, bound_to, None, &proven)?;
        Ok(Granted { request: self.run_of(&admitted.agent, form)?, terms, issued_type: None })
    }

    /// The company's identity provider lets one of our agents act for a person (ID-JAG).
    pub(super) async fn grant_identity(
        &self,
        request: &OAuthRequest,
        assertion: &str,
        now: Timestamp,
    ) -> Answered<Granted> {
        let form = &request.form;
        let client = self
            .client(form, now)
            .await?
            .ok_or_else(|| refused("an identity assertion is presented by an authenticated client"))?;
        let of_people = |kind: IssuerKind| kind == IssuerKind::Idp;
        let held = self
            .issuer_of(assertion, of_people)
            .map_err(|why| OAuthError::new(OAuthCode::InvalidGrant, why))?;
        let keys = self.keys_for(held, assertion, now).await?;
        let accepted = IdJagTrust::new(&held.issuer.url, &self.deployment.issuer, keys)
            .accept(assertion, &client.agent, &self.credentialing.assertions, now)
            .map_err(|error| OAuthError::grant(&error))?;
        let person = self.person_of(held, &accepted.claims)?;
        let bound_to = self.key_to_bind(request, now)?;
        let detail = Object::new()
            .with("issuer", held.issuer.name.as_str())
            .with("subject", accepted.subject.as_str())
            .with("client", client.proven.to_json());
        let mut terms = self.terms(form, bound_to, client.ends, &Proven::new("id-jag", detail))?;
        if let Some(resource) = &accepted.resource {
            terms.audience = Some(self.within_resource(resource, terms.audience.as_deref())?);
        }
        let run = self.run_of(&client.agent, form)?;
        let mut mandate = run.mandate;
        mandate.on_behalf_of = Some(person);
        mandate.groups = groups_of(held, &accepted.claims)?;
        if let Some(scope) = &accepted.scope {
            mandate.scope = crate::scope::narrowed_by(&mandate.scope, scope)
                .map_err(|why| OAuthError::new(OAuthCode::InvalidScope, why))?;
        }
        Ok(Granted { request: StartRequest { mandate, ..run }, terms, issued_type: None })
    }

    /// The configured issuer of these kinds whose token this claims to be.
    pub(super) fn issuer_of(
        &self,
        token: &str,
        kind: impl Fn(IssuerKind) -> bool,
    ) -> Result<&KeyCache, String> {
        let unverified = UnverifiedToken::parse(token).map_err(|error| error.to_string())?;
        let stated = unverified.issuer().ok_or("the token names no issuer")?;
        self.credentialing
            .issuers
            .iter()
            .find(|held| held.issuer.url == stated && kind(held.issuer.kind))
            .ok_or_else(|| "the token's issuer is not one that is trusted here for this".to_owned())
    }

    fn rules_of(&self, held: &KeyCache, keys: &Jwks, only: Option<&AgentName>) -> Vec<FederationRule> {
        let audience = held.issuer.audience.as_ref().unwrap_or(&self.deployment.issuer);
        let rule = |credential: Arc<placet_domain::AgentCredential>| {
            let Means::Federated { issuer, claims } = &credential.means else { return None };
            if *issuer != held.issuer.name || only.is_some_and(|only| *only != credential.agent) {
                return None;
            }
            let conditions: Result<Vec<_>, _> =
                claims.iter().map(|(path, pattern)| Condition::parse(path, pattern)).collect();
            let agent = credential.agent.clone();
            FederationRule::new(agent, &held.issuer.url, audience, keys.clone(), conditions.ok()?).ok()
        };
        self.ports.credentials.credentials().into_iter().filter_map(rule).collect()
    }

    /// The person here whom verified claims of the identity provider mean.
    pub(super) fn person_of(&self, held: &KeyCache, claims: &ForeignClaims) -> Answered<PersonName> {
        let denied = |why: String| OAuthError::new(OAuthCode::AccessDenied, why);
        let claim = &held.issuer.person;
        let path: placet_identity::ClaimPath = claim
            .parse()
            .map_err(|_| OAuthError::new(OAuthCode::ServerError, "the issuer's person claim is no path"))?;
        // Anybody can claim an address that nobody has checked.
        let unverified =
            claims.object().member("email_verified").is_some_and(|value| value.as_bool() != Some(true));
        if claim == "email" && unverified {
            return Err(denied("the identity provider has not verified the person's address".to_owned()));
        }
        let name: PersonName = path
            .find(claims.object())
            .and_then(placet_domain::Json::as_str)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| denied(format!("claim '{claim}' does not name a person")))?;
        match self.ports.people.person(&name) {
            Some(_) => Ok(name),
            None => Err(denied(format!("'{name}' is not a person here"))),
        }
    }

    /// The narrower of a resource that was granted and one that was asked for.
    fn within_resource(&self, granted: &str, asked: Option<&str>) -> Answered<String> {
        let invalid = || OAuthError::new(OAuthCode::InvalidTarget, "the assertion is for another resource");
        let form = super::Form::new(vec![("resource".to_owned(), granted.to_owned())])?;
        let granted = self.asked_audience(&form)?.ok_or_else(invalid)?;
        match asked {
            None => Ok(granted),
            Some(asked) if asked == granted || granted == self.deployment.audience => Ok(asked.to_owned()),
            Some(asked) if asked == self.deployment.audience => Ok(granted),
            Some(_) => Err(invalid()),
        }
    }
}
