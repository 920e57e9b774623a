//! The identity provider: its discovery document, its keys, and the exchange of a code for an id token.
//! `OpenID` Connect Core 3.1, Discovery 1.0, RFC 7636, RFC 9207. Tokens are verified by `placet-identity`.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use placet_domain::{GroupName, Json, PersonName, Timestamp};
use placet_engine::{Engine, ports::ProviderError};
use placet_identity::{CodeVerifier, EventPrincipal, ForeignClaims, Jwks, SignIn, TokenError, TokenFault};

/// How long what a provider publishes is kept.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// How soon keys are fetched again because a token names one that is not known.
const AGAIN: Duration = Duration::from_secs(10);
/// Groups of one person that are kept.
const GROUPS: usize = 256;

/// A provider, and who we are to it.
#[derive(Debug, Clone)]
pub struct SignInConfig {
    /// Its issuer, exactly.
    pub issuer: String,
    /// Who we are.
    pub client_id: String,
    /// What proves it; none for a public client, which PKCE protects alone.
    pub client_secret: Option<ClientSecret>,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<String>,
    /// The claim that names the person.
    pub person_claim: PersonClaim,
    /// The claim that lists their groups.
    pub groups_claim: String,
    /// Whether people who are not declared become known by signing in.
    pub admit: bool,
}

/// The secret of a client. It never prints.
#[derive(Clone)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// Takes the secret.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

/// The claim of an id token that names the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonClaim {
    /// `email`, if the provider says that it was verified.
    Email,
    /// `preferred_username`.
    PreferredUsername,
    /// `sub`.
    Subject,
}

/// What a provider said of somebody.
#[derive(Debug)]
pub(super) struct Identified {
    pub(super) person: PersonName,
    pub(super) groups: Vec<GroupName>,
    /// Issuer and subject: the account, whatever it is called.
    pub(super) identity: (String, String),
}

/// Why a sign-in did not come to an end. The text is for the log and, where it helps, the page.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignInError {
    #[error("the id token has no usable name: {0}")]
    Name(String),
    #[error("the identity provider cannot be used: {0}")]
    Provider(String),
    #[error("the id token is refused: {0}")]
    Token(#[from] TokenError),
}

impl From<ProviderError> for SignInError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error.to_string())
    }
}

/// What is known of the provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) config: SignInConfig,
    published: Mutex<Option<Arc<Published>>>,
}

#[derive(Debug)]
pub(super) struct Published {
    pub(super) authorization: String,
    token: String,
    keys_at: String,
    keys: Jwks,
    /// Whether answers always name their issuer.
    pub(super) names_issuer: bool,
    /// Whether the secret goes into the form, and not into a header.
    in_form: bool,
    fetched: Timestamp,
}

impl Provider {
    pub(super) fn new(config: SignInConfig) -> Self {
        Self { config, published: Mutex::default() }
    }

    /// The provider's documents, fetched now or a little while ago.
    pub(super) async fn published(&self, engine: &Engine) -> Result<Arc<Published>, SignInError> {
        let now = engine.ports().clock.now();
        let known = self.published.lock().clone();
        match known.filter(|known| now.since(known.fetched) < KEPT) {
            Some(known) => Ok(known),
            None => self.fetch(engine, now).await,
        }
    }

    async fn fetch(&self, engine: &Engine, now: Timestamp) -> Result<Arc<Published>, SignInError> {
        let providers = &engine.ports().providers;
        let base = self.config.issuer.trim_end_matches('/');
        let document = providers.get(&format!("{base}/.well-known/openid-configuration")).await?.document;
        let text = |key: &str| match document.member(key).and_then(Json::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err(SignInError::Provider(format!("its discovery document has no `{key}`"))),
        };
        if text("issuer")? != self.config.issuer {
            return Err(SignInError::Provider("its discovery document is of another issuer".to_owned()));
        }
        let lists = |key: &str, value: &str| {
            let listed = document.member(key).and_then(Json::as_array);
            listed.map(|all| all.iter().any(|one| one.as_str() == Some(value)))
        };
        if lists("code_challenge_methods_supported", "S256") == Some(false) {
            return Err(SignInError::Provider("it does not take code challenges by S256".to_owned()));
        }
        let authorization = text("authorization_endpoint")?;
        if !safe(&authorization) {
            return Err(SignInError::Provider("its authorization endpoint is not `https`".to_owned()));
        }
        let methods = "token_endpoint_auth_methods_supported";
        let keys_at = text("jwks_uri")?;
        let published = Arc::new(Published {
            authorization,
            token: text("token_endpoint")?,
            keys: keys(engine, &keys_at).await?,
            keys_at,
            names_issuer: document
                .member("authorization_response_iss_parameter_supported")
                .and_then(Json::as_bool)
                == Some(true),
            in_form: lists(methods, "client_secret_basic") == Some(false)
                && lists(methods, "client_secret_post") == Some(true),
            fetched: now,
        });
        *self.published.lock() = Some(published.clone());
        Ok(published)
    }

    /// Exchanges a code, and verifies what comes back.
    pub(super) async fn identify(
        &self,
        engine: &Engine,
        code: &str,
        verifier: &CodeVerifier,
        nonce: &str,
        redirect: &str,
    ) -> Result<Identified, SignInError> {
        let published = self.published(engine).await?;
        let token = self.exchange(engine, &published, code, verifier, redirect).await?;
        let now = engine.ports().clock.now();
        let rules = |keys: &Jwks| SignIn::new(&self.config.issuer, &self.config.client_id, keys.clone());
        let claims = match rules(&published.keys).verify(&token, nonce, now) {
            // The provider may have changed its keys.
            Err(error) if error.fault == TokenFault::Key && now.since(published.fetched) >= AGAIN => {
                *self.published.lock() = None;
                let keys = keys(engine, &published.keys_at).await?;
                rules(&keys).verify(&token, nonce, now)?
            }
            verified => verified?,
        };
        self.read(engine, &claims)
    }

    /// The person whom the directory knows by this account, or by this address.
    fn declared(&self, engine: &Engine, claims: &ForeignClaims) -> Result<Option<PersonName>, TokenError> {
        let people = &engine.ports().people;
        let (issuer, subject) = (self.config.issuer.clone(), claims.subject()?.to_owned());
        if let Some(person) = people.known_as(&EventPrincipal::IssuerSubject { issuer, subject }) {
            return Ok(Some(person));
        }
        let email = verified_email(claims)?;
        Ok(email.and_then(|email| people.known_as(&EventPrincipal::Email(email.to_owned()))))
    }

    async fn exchange(
        &self,
        engine: &Engine,
        published: &Published,
        code: &str,
        verifier: &CodeVerifier,
        redirect: &str,
    ) -> Result<String, SignInError> {
        let id = self.config.client_id.as_str();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.as_str()),
        ];
        let basic = match &self.config.client_secret {
            None => {
                fields.push(("client_id", id));
                None
            }
            Some(secret) if published.in_form => {
                fields.extend([("client_id", id), ("client_secret", secret.0.as_str())]);
                None
            }
            Some(secret) => {
                // RFC 6749 section 2.3.1: both are encoded as in a form first.
                let encoded =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let both = format!("{}:{}", encoded(id), encoded(&secret.0));
                Some(format!("Basic {}", STANDARD.encode(both)))
            }
        };
        let answer = engine.ports().providers.post_form(&published.token, &fields, basic.as_deref()).await?;
        match answer.document.member("id_token").and_then(Json::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => Err(SignInError::Provider("its answer holds no id token".to_owned())),
        }
    }

    fn read(&self, engine: &Engine, claims: &ForeignClaims) -> Result<Identified, SignInError> {
        let person = match self.declared(engine, claims)? {
            Some(person) => person,
            None => named(self.config.person_claim, claims)?,
        };
        let listed = claims.object().member(&self.config.groups_claim);
        let listed = listed.and_then(Json::as_array).unwrap_or_default();
        // A group whose name is none here can have no role here.
        let groups = listed.iter().filter_map(Json::as_str).filter_map(|group| group.parse().ok());
        Ok(Identified {
            person,
            groups: groups.take(GROUPS).collect(),
            identity: (self.config.issuer.clone(), claims.subject()?.to_owned()),
        })
    }
}

/// The name that a claim gives.
fn named(claim: PersonClaim, claims: &ForeignClaims) -> Result<PersonName, SignInError> {
    let name = match claim {
        PersonClaim::Email => verified_email(claims)?.ok_or_else(|| {
            let why = "the provider does not say that the address was verified (`email_verified`)";
            SignInError::Name(why.to_owned())
        })?,
        PersonClaim::PreferredUsername => claims.text("preferred_username")?,
        PersonClaim::Subject => claims.subject()?,
    };
    name.parse().map_err(|error| SignInError::Name(format!("{error}")))
}

/// An address that the provider has not verified is anybody's to claim.
fn verified_email(claims: &ForeignClaims) -> Result<Option<&str>, TokenError> {
    match claims.object().member("email_verified").and_then(Json::as_bool) {
        Some(true) => claims.optional_text("email"),
        _ => Ok(None),
    }
}

async fn keys(engine: &Engine, at: &str) -> Result<Jwks, SignInError> {
    let document = engine.ports().providers.get(at).await?.document;
    Jwks::parse(document.canonical().as_bytes()).map_err(|error| SignInError::Provider(error.to_string()))
}

/// Where a browser may be sent.
fn safe(url: &str) -> bool {
    let near = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    plain && (url.starts_with("https://") || near.is_some_and(super::guard::is_loopback))
}
