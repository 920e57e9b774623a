//! Identification: from a presented credential to a live instance of a registered agent.
//! A [`Caller`] exists only if every check passed; there is no anonymous one.

use std::sync::Arc;

use placet_domain::{Agent, AgentName, AgentStatus, Code, Instance, InstanceId, Refusal, Timestamp};
use placet_identity::{Claims, VerifyError};

use crate::{Engine, pipeline::Judged};

/// A credential as it was presented.
#[derive(Debug, Clone)]
pub enum Credential {
    /// No credential, or one that could not be read.
    Absent,
    /// A bearer token.
    Bearer(Arc<str>),
}

/// A live instance of a registered agent.
#[derive(Debug, Clone)]
pub struct Caller {
    agent: Arc<Agent>,
    instance: Arc<Instance>,
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
}

/// Why a credential identifies nobody, and whom it named if its signature is ours.
#[derive(Debug)]
pub(crate) struct Unidentified {
    pub(crate) refusal: Refusal,
    pub(crate) named: Option<(AgentName, InstanceId)>,
}

impl Engine {
    /// Identifies the caller at this moment.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub fn authenticate(&self, credential: &Credential) -> Result<Caller, Refusal> {
        self.identify(credential, self.ports.clock.now()).map_err(|unidentified| unidentified.refusal)
    }

    pub(crate) fn identify(&self, credential: &Credential, now: Timestamp) -> Result<Caller, Unidentified> {
        let Credential::Bearer(token) = credential else {
            return Err(Unidentified {
                refusal: Refusal::new(Code::NoCredential, "the request carries no bearer token"),
                named: None,
            });
        };
        let claims = self.verifier.verify(token, now).map_err(refused_token)?;
        self.living(&claims, now)
            .map_err(|refusal| Unidentified { refusal, named: Some((claims.agent.clone(), claims.instance)) })
    }

    /// Refuses what would run for an instance that was revoked while its call was judged. Nothing is awaited between
    /// this look and the append: a decision that lets a call go precedes the receipt of the revocation.
    pub(crate) fn unless_revoked(&self, judged: Judged) -> Judged {
        let Judged { request: Some(request), refusal: None, .. } = &judged else { return judged };
        let instance = &request.instance;
        let claims =
            Claims { instance: instance.id, agent: instance.agent.clone(), expires: instance.expires };
        match self.living(&claims, request.now) {
            Ok(_) => judged,
            Err(refusal) => Judged { refusal: Some(refusal), ..judged },
        }
    }

    /// A signature says who an instance was when it started; the registry says whether it still lives.
    fn living(&self, claims: &Claims, now: Timestamp) -> Result<Caller, Refusal> {
        let unknown =
            || Refusal::new(Code::UnknownAgent, format!("agent `{}` is not registered", claims.agent));
        let instance = self.ports.mandates.instance(claims.instance).ok_or_else(unknown)?;
        let agent = self.ports.registry.agent(&instance.agent).ok_or_else(unknown)?;
        if instance.agent != claims.agent || agent.status != AgentStatus::Active {
            return Err(unknown());
        }
        if let Some(revoked) = instance.revoked {
            return Err(Refusal::new(
                Code::RevokedInstance,
                format!("instance `{}` was revoked at {revoked}", instance.id),
            )
            .with_who(format!("{}, owner of `{}`", agent.owner, agent.name)));
        }
        if now >= instance.expires {
            return Err(Refusal::new(
                Code::ExpiredCredential,
                format!("instance `{}` ended at {}", instance.id, instance.expires),
            ));
        }
        Ok(Caller { agent, instance })
    }
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
