//! Requests at the token endpoint: a code, a refresh token, or our own right for an access token. RFC 6749, RFC 7636,
//! RFC 7523, RFC 8707. Fields and answers hold secrets and are part of no error.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use placet_domain::Json;
use placet_identity::CodeVerifier;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    account::{Account, Lack, Memory},
    asker::Told,
    challenge,
    config::ClientProof,
    discovery::united,
    kept::{Kept, Method},
};

/// What a client assertion is called in a request (RFC 7523 section 2.2).
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest life of a token that is believed: a century does not fit into every clock.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Account {
    /// Exchanges a code for tokens.
    pub(super) async fn by_code(
        &self,
        kept: Kept,
        code: &str,
        verifier: &CodeVerifier,
        redirect: &str,
    ) -> Result<Kept, String> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.as_str()),
        ];
        let told = self.token(&kept, &fields).await?;
        self.taken(kept, &told)
    }

    /// Renews a token. The refresh token that comes with the new one takes the old one's place before either is used.
    pub(super) async fn by_refresh(&self, kept: Kept, memory: &mut Memory) -> Result<Kept, Lack> {
        let refresh = kept.refresh.clone().unwrap_or_default();
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let told = self.token(&kept, &fields).await.map_err(Lack::Trouble)?;
        if told.status.is_client_error() && (told.is("invalid_grant") || told.is("invalid_client")) {
            let why = format!("its authorization server does not renew the credential: {}", told.error());
            let ended = Kept { access: None, refresh: None, expires: None, ..kept };
            self.keep(ended, memory).await.map_err(Lack::Trouble)?;
            return Err(Lack::SignIn(why));
        }
        let kept = self.taken(kept, &told).map_err(Lack::Trouble)?;
        self.keep(kept.clone(), memory).await.map_err(Lack::Trouble)?;
        Ok(kept)
    }

    /// Gets a token in our own right.
    pub(super) async fn by_client_credentials(&self, kept: Kept, memory: &mut Memory) -> Result<Kept, Lack> {
        let scope = united([&kept.scopes, &kept.wanted]).join(" ");
        let mut fields = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        let told = self.token(&kept, &fields).await.map_err(Lack::Trouble)?;
        let kept = self.taken(kept, &told).map_err(|why| match told.status.is_client_error() {
            true => Lack::SignIn(why),
            false => Lack::Trouble(why),
        })?;
        self.keep(kept.clone(), memory).await.map_err(Lack::Trouble)?;
        Ok(kept)
    }

    /// One request at the token endpoint, for the resource.
    async fn token(&self, kept: &Kept, fields: &[(&str, &str)]) -> Result<Told, String> {
        let fields = [fields, &[("resource", kept.resource.as_str())]].concat();
        self.ask(kept, &kept.token_endpoint, &fields).await
    }

    /// One request at an endpoint of the authorization server, with the proof of who we are.
    pub(super) async fn ask(
        &self,
        kept: &Kept,
        endpoint: &str,
        fields: &[(&str, &str)],
    ) -> Result<Told, String> {
        let mut fields: Vec<(&str, &str)> = fields.to_vec();
        let client = &kept.client;
        let configured = self.config.client.as_ref().map(|client| &client.proof);
        let secret = match configured {
            Some(ClientProof::Secret(secret)) => secret.expose_secret(),
            _ => client.secret.as_ref().map_or("", |secret| secret.expose_secret()),
        };
        let assertion;
        let mut authorization = None;
        match client.method {
            Method::None => fields.push(("client_id", &client.id)),
            Method::Post => fields.extend([("client_id", client.id.as_str()), ("client_secret", secret)]),
            Method::Basic => {
                // RFC 6749 section 2.3.1: both are encoded as in a form first.
                let encoded =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let both = SecretString::from(format!("{}:{}", encoded(&client.id), encoded(secret)));
                authorization = Some(format!("Basic {}", STANDARD.encode(both.expose_secret())));
            }
            Method::Key => {
                let Some(ClientProof::Key(key)) = configured else {
                    return Err("the client's key is not configured any more".to_owned());
                };
                let now = self.safe.clock.now();
                let made = key.assertion(&client.id, &kept.issuer, &self.random(), now);
                assertion = made.map_err(|error| format!("the client's key cannot be used: {error}"))?;
                fields
                    .extend([("client_assertion_type", ASSERTION), ("client_assertion", assertion.as_str())]);
            }
        }
        self.asker.post_form(endpoint, &fields, authorization.as_deref()).await
    }

    /// Takes over what a token endpoint gave out.
    fn taken(&self, kept: Kept, told: &Told) -> Result<Kept, String> {
        let document = told.document.as_ref().filter(|_| told.status.is_success());
        let document =
            document.ok_or_else(|| format!("its authorization server gives no token: {}", told.error()))?;
        let text = |name| document.member(name).and_then(Json::as_str);
        let access = text("access_token").ok_or("its authorization server's answer holds no token")?;
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err("its authorization server gives a token that is no bearer token".to_owned());
        }
        let seconds = document.member("expires_in").and_then(Json::as_integer);
        let life = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        let now = self.safe.clock.now();
        Ok(Kept {
            access: Some(access.into()),
            refresh: text("refresh_token").map(SecretString::from).or(kept.refresh),
            expires: life.map(|life| now.after(life.min(LONGEST))),
            scopes: text("scope").map_or_else(|| united([&kept.scopes, &kept.wanted]), challenge::scopes),
            ..kept
        })
    }

    /// A text that nobody can guess.
    pub(super) fn random(&self) -> String {
        let mut bytes = [0; 32];
        self.safe.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
