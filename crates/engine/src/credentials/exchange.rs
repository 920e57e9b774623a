//! Token exchange (RFC 8693): an instance takes up the authority of a person or of another instance, and nothing grows
//! on the way. What is granted is a new instance: it ends with its parent, and may do what both may.

use std::sync::Arc;

use placet_domain::{AgentName, GroupName, InstanceId, Mandate, Object, PersonName, Timestamp};
use placet_identity::{
    ACCESS_TOKEN_TYPE, AccessToken, Audience, Claims, ExchangeRequest, ExchangeRule, ExchangeSubject,
    ForeignClaims, ID_TOKEN_TYPE, JWT_TYPE, OAuthCode, OAuthError, Scope, Thumbprint, TokenType, Trust,
    UnverifiedToken,
};

use super::{
    Answered, Form, IssuerKind, OAuthRequest,
    client::{Client, Proven, refused},
    groups::groups_of,
    mandate::asked_life,
    token::Granted,
};
use crate::{Caller, Engine, StartRequest};

/// On whose authority.
enum Subject {
    /// A person, by the word of the company's identity provider.
    Person { person: PersonName, groups: Vec<GroupName>, claims: ForeignClaims, issuer: String },
    /// A living instance of ours.
    Own { token: Arc<AccessToken>, caller: Caller },
}

/// Who takes it up.
struct Actor {
    agent: AgentName,
    /// The token it presented, or one that stands for the instance to be started.
    token: Arc<AccessToken>,
    /// The instance it presented.
    instance: Option<InstanceId>,
    proven: Object,
}

impl Engine {
    pub(super) async fn grant_exchange(&self, request: &OAuthRequest, now: Timestamp) -> Answered<Granted> {
        let form = &request.form;
        let client = self.client(form, now).await?;
        let bound_to = self.key_to_bind(request, now)?;
        let actor = self.actor(form, client, now)?;
        let subject = self.subject(form, bound_to, now).await?;
        let audience = self.asked_audience(form)?;
        let rule = ExchangeRule {
            audiences: vec![self.deployment.audience.clone()],
            scope: Scope::everything(),
            life: asked_life(form)?,
        };
        let granted = rule.grant(
            &self.deployment,
            &ExchangeRequest {
                subject: match &subject {
                    Subject::Person { person, claims, .. } => ExchangeSubject::Person { person, claims },
                    Subject::Own { token, .. } => ExchangeSubject::Own(token),
                },
                actor: &actor.token,
                scope: form.text("scope"),
                targets: &audience.as_deref().into_iter().collect::<Vec<_>>(),
                requested_type: form.text("requested_token_type"),
                proved: bound_to,
                id: "exchange",
            },
            now,
        )?;
        let (parent, mandate) = self.delegated(form, &subject, &actor)?;
        let scope = granted.scope.as_ref().map(crate::scope::tokens).unwrap_or_default();
        let request = StartRequest {
            mandate: Mandate { scope, ..mandate },
            parent,
            ..self.run_of(&actor.agent, form)?
        };
        let detail = Object::new().with("actor", actor.proven).with("subject", subject.told());
        let mut terms =
            self.terms(form, bound_to, Some(granted.expires), &Proven::new("token-exchange", detail))?;
        terms.audience = Some(granted.audience);
        Ok(Granted { request, terms, issued_type: Some(ACCESS_TOKEN_TYPE) })
    }

    /// Whose child the new instance is, and its mandate: that of the parent, made more precise.
    fn delegated(
        &self,
        form: &Form,
        subject: &Subject,
        actor: &Actor,
    ) -> Answered<(Option<InstanceId>, Mandate)> {
        let asked = self.asked_mandate(form)?;
        let (parent, on_behalf_of, groups) = match subject {
            Subject::Person { person, groups, .. } => (actor.instance, Some(person.clone()), groups.clone()),
            Subject::Own { caller, .. } => {
                let Mandate { on_behalf_of, groups, .. } = &caller.instance().mandate;
                (Some(caller.instance().id), on_behalf_of.clone(), groups.clone())
            }
        };
        let asked = Mandate { on_behalf_of, groups, ..asked };
        let known = parent.and_then(|id| self.ports.mandates.instance(id));
        let Some(known) = known else { return Ok((parent, asked)) };
        let before = &known.mandate;
        // What is known about a job does not change by handing a part of it on.
        let mut facts = before.facts.clone();
        for (name, value) in asked.facts.members() {
            if before.facts.member(name).is_some_and(|known| known != value) {
                let why = format!("fact '{name}' is another one in the mandate of the parent");
                return Err(OAuthError::new(OAuthCode::InvalidRequest, why));
            }
            facts.set(name, value.clone());
        }
        let mandate = Mandate {
            task: asked.task.or_else(|| before.task.clone()),
            ticket: asked.ticket.or_else(|| before.ticket.clone()),
            purpose: asked.purpose.or_else(|| before.purpose.clone()),
            facts,
            ..asked
        };
        Ok((parent, mandate))
    }

    /// The instance of `actor_token`, or the authenticated client's next one.
    fn actor(&self, form: &Form, client: Option<Client>, now: Timestamp) -> Answered<Actor> {
        let Some(token) = form.text("actor_token") else {
            let client = client
                .ok_or_else(|| refused("name who acts: by 'actor_token', or by client authentication"))?;
            let claims = Claims {
                instance: InstanceId::new(now, self.random()),
                agent: client.agent.clone(),
                expires: now
                    .after(asked_life(form)?)
                    .min(client.ends.unwrap_or(now.after(asked_life(form)?))),
            };
            let token = AccessToken::new(&claims, "exchange", &*self.deployment.audience, now);
            let proven = client.proven.to_json();
            return Ok(Actor { agent: client.agent, token: Arc::new(token), instance: None, proven });
        };
        if !matches!(form.text("actor_token_type"), Some(ACCESS_TOKEN_TYPE | JWT_TYPE)) {
            return Err(invalid("actor_token_type is that of an access token"));
        }
        let (token, caller) = self.own_token("actor", token, now)?;
        if client.is_some_and(|client| client.agent != token.agent) {
            return Err(refused("the actor token is of another agent than the authenticated client"));
        }
        let instance = caller.instance().id;
        let proven = Object::new().with("instance", instance.to_string());
        Ok(Actor { agent: token.agent.clone(), token, instance: Some(instance), proven })
    }

    async fn subject(&self, form: &Form, proved: Option<Thumbprint>, now: Timestamp) -> Answered<Subject> {
        let token = form.required("subject_token")?;
        let kind = form.required("subject_token_type")?;
        let unverified = UnverifiedToken::parse(token).map_err(|error| OAuthError::exchanged(&error))?;
        if unverified.issuer() == Some(&self.deployment.issuer) {
            if !matches!(kind, ACCESS_TOKEN_TYPE | JWT_TYPE) {
                return Err(invalid("subject_token_type is that of an access token"));
            }
            let (token, caller) = self.own_token("subject", token, now)?;
            if token.bound_to.is_some() && token.bound_to != proved {
                return Err(invalid("the subject token is bound to a key that the request does not prove"));
            }
            return Ok(Subject::Own { token, caller });
        }
        let held = self.issuer_of(token, |kind| kind == IssuerKind::Idp).map_err(invalid)?;
        let issuer = &held.issuer;
        let (audience, form_of_type) = match kind {
            ID_TOKEN_TYPE => (issuer.client_id.as_ref(), TokenType::JWT),
            ACCESS_TOKEN_TYPE => {
                (issuer.audience.as_ref().or(Some(&self.deployment.issuer)), TokenType::ACCESS)
            }
            JWT_TYPE => (issuer.audience.as_ref().or(Some(&self.deployment.issuer)), TokenType::JWT),
            other => return Err(invalid(format!("subject tokens of type '{other}' are not taken"))),
        };
        let audience = audience
            .ok_or_else(|| invalid("id tokens are taken where the issuer's 'client_id' is configured"))?;
        let keys = self.keys_for(held, token, now).await?;
        let claims = Trust::new(&*issuer.url, audience.as_str(), keys)
            .with_audience_form(Audience::Sole)
            .with_type(form_of_type)
            .accept(unverified, now)
            .map_err(|error| OAuthError::exchanged(&error))?;
        let (person, groups) = (self.person_of(held, &claims)?, groups_of(held, &claims)?);
        Ok(Subject::Person { person, groups, claims, issuer: issuer.name.clone() })
    }

    /// A token of ours whose instance lives.
    fn own_token(&self, role: &str, token: &str, now: Timestamp) -> Answered<(Arc<AccessToken>, Caller)> {
        let wrong = |why: &dyn std::fmt::Display| invalid(format!("the {role} token is not good: {why}"));
        let known = |audience: &str| self.is_known_audience(audience);
        let token = self.verifier.inspect(token, known, now).map_err(|error| wrong(&error))?;
        let caller = self.believe(&token, now).map_err(|refusal| wrong(&refusal.why))?;
        Ok((token, caller))
    }
}

impl Subject {
    fn told(&self) -> Object {
        match self {
            Self::Person { claims, issuer, .. } => {
                Object::new().with("issuer", issuer.as_str()).with_some("subject", claims.subject().ok())
            }
            Self::Own { caller, .. } => Object::new().with("instance", caller.instance().id.to_string()),
        }
    }
}

fn invalid(why: impl AsRef<str>) -> OAuthError {
    OAuthError::new(OAuthCode::InvalidRequest, why)
}
