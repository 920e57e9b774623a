//! Identification: from a presented credential to a live instance of a registered agent.
//! A [`Caller`] exists only if every check passed; there is no anonymous one.

use std::sync::Arc;

use placet_domain::{
    Agent, AgentName, AgentStatus, Code, ConnectorName, Instance, InstanceId, PersonName, Refusal, Timestamp,
    limits,
};
use placet_identity::{Claims, Scope, VerifyError};

use crate::{Engine, Presented, judged::Judged, registry::stage_refusal};

/// A credential as it was presented.
#[derive(Debug, Clone)]
pub enum Credential {
    /// No credential, or one that could not be read.
    Absent,
    /// A bearer token.
    Bearer(Arc<str>),
    /// A token and a proof of the key that it is bound to.
    Dpop(Arc<Presented>),
}

/// A live instance of a registered agent.
#[derive(Debug, Clone)]
pub struct Caller {
    agent: Arc<Agent>,
    instance: Arc<Instance>,
    /// What the token narrows the instance to.
    scope: Option<Scope>,
}

impl Caller {
    /// The agent.
    #[must_use]
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// The run of it.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    pub(crate) fn token_scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    pub(crate) fn with_instance(&self, instance: Arc<Instance>) -> Self {
        Self { instance, ..self.clone() }
    }

    pub(crate) fn within(self, scope: Option<Scope>) -> Self {
        Self { scope, ..self }
    }
}

/// Why a credential identifies nobody, and whom it named if its signature is ours.
#[derive(Debug)]
pub(crate) struct Unidentified {
    pub(crate) refusal: Refusal,
    pub(crate) named: Option<(AgentName, InstanceId)>,
}

impl Engine {
    /// Identifies a caller of the whole deployment at this moment.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn authenticate(&self, credential: &Credential) -> Result<Caller, Refusal> {
        self.identify(credential, None, self.ports.clock.now()).map_err(|unidentified| unidentified.refusal)
    }

    /// [`Engine::authenticate`] at a connector, where tokens for it alone are good too.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn authenticate_at(
        &self,
        credential: &Credential,
        connector: &ConnectorName,
    ) -> Result<Caller, Refusal> {
        let now = self.ports.clock.now();
        self.identify(credential, Some(connector), now).map_err(|unidentified| unidentified.refusal)
    }

    pub(crate) fn identify(
        &self,
        credential: &Credential,
        connector: Option<&ConnectorName>,
        now: Timestamp,
    ) -> Result<Caller, Unidentified> {
        let Some(token) = credential.token() else {
            return Err(Unidentified {
                refusal: Refusal::new(Code::NoCredential, "the request carries no token"),
                named: None,
            });
        };
        let is_here = |audience: &str| {
            audience == self.deployment.audience
                || connector.is_some_and(|connector| audience == self.resource_of(connector))
        };
        let token = self.verifier.inspect(token, is_here, now).map_err(refused_token)?;
        self.possesses(&token, credential, now)
            .and_then(|()| self.believe(&token, now))
            .map_err(|refusal| Unidentified { refusal, named: Some((token.agent.clone(), token.instance())) })
    }

    /// Refuses what would run for an instance that was revoked, or by a road that was stopped, while its call was
    /// judged. Nothing is awaited between this look and the append: a decision that lets a call go precedes the receipt
    /// of the revocation.
    pub(crate) fn unless_revoked(&self, judged: Judged) -> Judged {
        let Judged { request: Some(request), refusal: None, .. } = &judged else { return judged };
        let call = &request.call;
        let stands = self
            .lives(request.instance.id, request.now)
            .and_then(|_living| self.unless_road_halted(call.connector(), Some(call.operation())))
            .and_then(|()| self.unless_grant_revoked(request, judged.decision.as_ref()));
        match stands {
            Ok(()) => judged,
            Err(refusal) => Judged { refusal: Some(refusal), ..judged },
        }
    }

    /// A signature says who an instance was when it started; the registry says whether it still lives.
    pub(crate) fn living(&self, claims: &Claims, now: Timestamp) -> Result<Caller, Refusal> {
        // Two names for one instance: the token is not believed, whatever has become of the instance.
        let known = self.ports.mandates.instance(claims.instance);
        match known.is_some_and(|instance| instance.agent == claims.agent) {
            true => self.lives(claims.instance, now),
            false => Err(unknown(&claims.agent)),
        }
    }

    /// The instance, if it and everything it depends on live: its agent, the instances that started it, the people
    /// it was started by and acts for; and nobody has stopped any of them.
    pub(crate) fn lives(&self, id: InstanceId, now: Timestamp) -> Result<Caller, Refusal> {
        let caller = self.lives_alone(id, now)?;
        let mut parent = caller.instance.parent;
        for _ in 0..limits::INSTANCE_DEPTH {
            let Some(id) = parent else { return Ok(caller) };
            parent = match self.lives_alone(id, now) {
                Ok(ancestor) => ancestor.instance.parent,
                Err(refusal) => {
                    let why = format!("the instance that started it, `{id}`, has ended: {}", refusal.why);
                    return Err(Refusal { why, ..refusal });
                }
            };
        }
        let why = format!("`{}` is started by too long a chain of instances", caller.instance.id);
        Err(Refusal::new(Code::RevokedInstance, why))
    }

    fn lives_alone(&self, id: InstanceId, now: Timestamp) -> Result<Caller, Refusal> {
        let instance = self.ports.mandates.instance(id);
        let instance = instance
            .ok_or_else(|| Refusal::new(Code::UnknownAgent, format!("instance `{id}` is not known")))?;
        let agent = self.ports.registry.agent(&instance.agent).ok_or_else(|| unknown(&instance.agent))?;
        if agent.status != AgentStatus::Active {
            return Err(stage_refusal(&agent));
        }
        self.unless_run_halted(&instance, &agent)?;
        let owner = || format!("{}, owner of `{}`", agent.owner, agent.name);
        let revoked = |why: String| Refusal::new(Code::RevokedInstance, why).with_who(owner());
        if let Some(at) = instance.revoked {
            return Err(revoked(format!("instance `{id}` was revoked at {at}")));
        }
        if now >= instance.expires {
            return Err(Refusal::new(
                Code::ExpiredCredential,
                format!("instance `{id}` ended at {}", instance.expires),
            ));
        }
        let gone = |person: &PersonName| self.ports.people.person(person).is_none();
        if instance.mandate.on_behalf_of.as_ref().is_some_and(gone) {
            return Err(revoked(format!("the person for whom `{id}` acts is not here any more")));
        }
        if gone(&instance.started_by) {
            return Err(revoked(format!("the person who started `{id}` is not here any more")));
        }
        Ok(Caller { agent, instance, scope: None })
    }
}

fn unknown(agent: &AgentName) -> Refusal {
    Refusal::new(Code::UnknownAgent, format!("agent `{agent}` is not registered"))
}

fn refused_token(error: VerifyError) -> Unidentified {
    let why = error.to_string();
    match error {
        VerifyError::Expired(claims) => Unidentified {
            refusal: Refusal::new(Code::ExpiredCredential, why),
            named: Some((claims.agent, claims.instance)),
        },
        VerifyError::Rejected(_) => {
            Unidentified { refusal: Refusal::new(Code::BadCredential, why), named: None }
        }
        VerifyError::WrongAudience => {
            Unidentified { refusal: Refusal::new(Code::WrongAudience, why), named: None }
        }
    }
}
