//! `POST /oauth/token`: a proof becomes an instance, and its token. Each grant ends in the start of an instance, by the
//! same function as an operator's start, with a receipt that says how it was proven.

use placet_domain::{AgentName, Object, PersonName, Timestamp};
use placet_identity::{
    AccessToken, JWT_BEARER, OAuthCode, OAuthError, TOKEN_EXCHANGE, Thumbprint, UnverifiedToken,
    token_response,
};

use super::{
    Answered, Form,
    client::{Proven, refused},
    mandate::asked_life,
};
use crate::{
    Credential, Engine, StartError, StartRequest,
    instances::{Issued, Terms},
};

/// A request to one of the OAuth endpoints.
#[derive(Debug)]
pub struct OAuthRequest {
    /// Its parameters.
    pub form: Form,
    /// What came as `Authorization`.
    pub credential: Credential,
    /// What came as `DPoP`.
    pub proof: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The public address it was sent to.
    pub url: String,
}

/// What an OAuth endpoint answers; never to be cached.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuthAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body; absent if there is nothing to say.
    pub body: Option<Object>,
    /// The nonce for the next proof (`DPoP-Nonce`).
    pub nonce: Option<String>,
}

/// What a grant came to, before anything is started.
pub(super) struct Granted {
    pub(super) request: StartRequest,
    pub(super) terms: Terms,
    /// `issued_token_type` of the answer.
    pub(super) issued_type: Option<&'static str>,
}

/// `grant_type` of a client that acts for itself (RFC 6749 section 4.4).
const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The grants that are served.
pub(super) const GRANTS: [&str; 3] = [CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE];

impl Engine {
    /// Answers a token request.
    pub async fn token(&self, request: OAuthRequest) -> OAuthAnswer {
        let now = self.ports.clock.now();
        let granted = self.grant(&request, now).await;
        let issued = match granted {
            Ok(granted) => self.issue(granted).await,
            Err(error) => Err(error),
        };
        self.answered(issued.map(|body| (200, Some(body))), now)
    }

    async fn grant(&self, request: &OAuthRequest, now: Timestamp) -> Answered<Granted> {
        let form = &request.form;
        match form.required("grant_type")? {
            CLIENT_CREDENTIALS => self.grant_client(request, now).await,
            JWT_BEARER => {
                let assertion = form.required("assertion")?;
                let unverified =
                    UnverifiedToken::parse(assertion).map_err(|error| OAuthError::grant(&error))?;
                let is_person =
                    unverified.kind().is_some_and(|kind| kind.eq_ignore_ascii_case("oauth-id-jag+jwt"));
                match is_person {
                    true => self.grant_identity(request, assertion, now).await,
                    false => self.grant_workload(request, assertion, now).await,
                }
            }
            TOKEN_EXCHANGE => self.grant_exchange(request, now).await,
            other => {
                let why = format!("grant type '{other}' is not served here");
                Err(OAuthError::new(OAuthCode::UnsupportedGrantType, why))
            }
        }
    }

    async fn grant_client(&self, request: &OAuthRequest, now: Timestamp) -> Answered<Granted> {
        let form = &request.form;
        let client = self
            .client(form, now)
            .await?
            .ok_or_else(|| refused("authenticate the client by private_key_jwt or a JWT-SVID"))?;
        let bound_to = self.key_to_bind(request, now)?;
        let terms = self.terms(form, bound_to, client.ends, &client.proven)?;
        Ok(Granted { request: self.run_of(&client.agent, form)?, terms, issued_type: None })
    }

    /// A start of this agent as the request asks for it. It is started in its owner's name, who answers for it; the
    /// receipt says how it was proven that the agent asked.
    pub(super) fn run_of(&self, agent: &AgentName, form: &Form) -> Answered<StartRequest> {
        Ok(StartRequest {
            agent: agent.clone(),
            mandate: self.asked_mandate(form)?,
            life: asked_life(form)?,
            by: self.owner_of(agent)?,
            parent: None,
        })
    }

    pub(super) fn owner_of(&self, agent: &AgentName) -> Answered<PersonName> {
        let known = self.ports.registry.agent(agent);
        known.map(|agent| agent.owner.clone()).ok_or_else(|| refused(format!("'{agent}' is not registered")))
    }

    pub(super) fn terms(
        &self,
        form: &Form,
        bound_to: Option<Thumbprint>,
        latest: Option<Timestamp>,
        proven: &Proven,
    ) -> Answered<Terms> {
        let audience = self.asked_audience(form)?;
        Ok(Terms { audience, bound_to, latest, proven: Some(proven.to_json()) })
    }

    async fn issue(&self, granted: Granted) -> Answered<Object> {
        let Granted { request, terms, issued_type } = granted;
        let Issued { started, access } = self.start_on(request, terms).await.map_err(not_started)?;
        let now = started.instance.started;
        let answer = token_response(&started.token, &access, issued_type, now);
        Ok(answer.with("instance", started.instance.id.to_string()))
    }

    /// The one form of every endpoint's answer.
    pub(super) fn answered(&self, answer: Answered<(u16, Option<Object>)>, now: Timestamp) -> OAuthAnswer {
        let nonce = self.credentialing.nonce(now);
        match answer {
            Ok((status, body)) => OAuthAnswer { status, body, nonce },
            Err(error) => {
                tracing::info!(%error, "an OAuth request was refused");
                OAuthAnswer { status: error.status(), body: Some(error.to_json()), nonce }
            }
        }
    }

    /// The living instance that a token of ours names, if the registry agrees with every word of it.
    pub(crate) fn believe(
        &self,
        token: &AccessToken,
        now: Timestamp,
    ) -> Result<crate::Caller, placet_domain::Refusal> {
        let caller = self.living(&token.claims(), now)?;
        let disagree = |what: &str| {
            let why = format!("the token names another {what} than the instance was started for");
            Err(placet_domain::Refusal::new(placet_domain::Code::BadCredential, why))
        };
        let instance = caller.instance();
        if token.person().is_some_and(|person| instance.mandate.on_behalf_of.as_ref() != Some(person)) {
            return disagree("person");
        }
        if token.delegation.parents().first().is_some_and(|parent| instance.parent != Some(*parent)) {
            return disagree("parent");
        }
        Ok(caller.within(token.scope.clone()))
    }
}

/// A refused start, as OAuth says it.
fn not_started(error: StartError) -> OAuthError {
    let code = match &error {
        StartError::Fact(_) | StartError::Life | StartError::Task(_) => OAuthCode::InvalidRequest,
        StartError::Issue(_) => OAuthCode::ServerError,
        StartError::Ledger(_) | StartError::Store(_) => OAuthCode::TemporarilyUnavailable,
        StartError::NotRunning { .. } => OAuthCode::UnauthorizedClient,
        StartError::Parent { .. } => OAuthCode::InvalidGrant,
        StartError::Scope(_) => OAuthCode::InvalidScope,
        StartError::UnknownAgent(_) => OAuthCode::InvalidClient,
        StartError::UnknownPerson(_) => OAuthCode::AccessDenied,
    };
    match &error {
        StartError::NotRunning { why, next } => OAuthError::new(code, format!("{why}; {next}")),
        error => OAuthError::new(code, error.to_string()),
    }
}
