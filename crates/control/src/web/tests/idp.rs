//! A small identity provider: discovery, keys, codes that work once and want their verifier, real signatures.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use placet_domain::{Digest, Json, Object};
use placet_engine::ports::{Fetched, ProviderError, Providers};

pub(super) const ISSUER: &str = "https://idp.example";
pub(super) const CLIENT: &str = "placet console";
pub(super) const SECRET: &str = "s:e cret";

pub(super) struct Idp {
    keys: Mutex<Ed25519KeyPair>,
    key_id: AtomicUsize,
    codes: Mutex<HashMap<String, Asked>>,
    /// Members of the next id token, over the honest ones.
    pub(super) lies: Mutex<Object>,
    /// Signs with a key that is not published.
    pub(super) forges: Mutex<bool>,
    numbers: AtomicUsize,
}

struct Asked {
    nonce: String,
    challenge: String,
    redirect: String,
    claims: Object,
}

impl Idp {
    pub(super) fn new() -> Self {
        Self {
            keys: Mutex::new(Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap()),
            key_id: AtomicUsize::new(1),
            codes: Mutex::default(),
            lies: Mutex::default(),
            forges: Mutex::default(),
            numbers: AtomicUsize::default(),
        }
    }

    pub(super) fn rotate(&self) {
        *self.keys.lock() = Ed25519KeyPair::from_seed_unchecked(&[4; 32]).unwrap();
        self.key_id.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody signs in at the authorization endpoint; where the browser is sent.
    pub(super) fn authorize(&self, to: &str, claims: Object) -> String {
        let (endpoint, query) = to.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{ISSUER}/authorize"));
        let asked: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (key, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("code_challenge_method", "S256"),
            ("scope", "openid email"),
        ] {
            assert_eq!(asked.get(key).map(String::as_str), Some(value), "{key}");
        }
        let code = format!("code-{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let redirect = asked["redirect_uri"].clone();
        self.codes.lock().insert(
            code.clone(),
            Asked {
                nonce: asked["nonce"].clone(),
                challenge: asked["code_challenge"].clone(),
                redirect: redirect.clone(),
                claims,
            },
        );
        let path = redirect.splitn(4, '/').nth(3).unwrap();
        let answer = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            .append_pair("iss", ISSUER)
            .finish();
        format!("/{path}?{answer}")
    }

    fn sign(&self, asked: &Asked) -> String {
        let mut claims = Object::new()
            .with("iss", ISSUER)
            .with("aud", CLIENT)
            .with("sub", "account-1")
            .with("nonce", asked.nonce.as_str())
            .with("iat", 1_795_300_000)
            .with("exp", 1_795_300_300);
        for (key, value) in asked.claims.members().chain(self.lies.lock().members()) {
            claims.remove(key);
            claims = claims.with(key, value.clone());
        }
        let id = format!("k{}", self.key_id.load(Ordering::Relaxed));
        let header = Object::new().with("alg", "EdDSA").with("kid", id);
        let part = |object: Object| URL_SAFE_NO_PAD.encode(Json::Object(object).canonical());
        let signed = format!("{}.{}", part(header), part(claims));
        let forger = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let keys = self.keys.lock();
        let signature =
            if *self.forges.lock() { forger.sign(signed.as_bytes()) } else { keys.sign(signed.as_bytes()) };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

#[async_trait]
impl Providers for Idp {
    async fn get(&self, url: &str) -> Result<Fetched, ProviderError> {
        let document = match url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => Object::new()
                .with("issuer", ISSUER)
                .with("authorization_endpoint", format!("{ISSUER}/authorize"))
                .with("token_endpoint", format!("{ISSUER}/token"))
                .with("jwks_uri", format!("{ISSUER}/keys"))
                .with("code_challenge_methods_supported", vec!["S256"]),
            Some("/keys") => {
                let key = Object::new()
                    .with("kty", "OKP")
                    .with("crv", "Ed25519")
                    .with("use", "sig")
                    .with("alg", "EdDSA")
                    .with("kid", format!("k{}", self.key_id.load(Ordering::Relaxed)))
                    .with("x", URL_SAFE_NO_PAD.encode(self.keys.lock().public_key().as_ref()));
                Object::new().with("keys", Json::Array(vec![Json::Object(key)]))
            }
            _ => return Err(ProviderError(format!("{url} does not answer"))),
        };
        Ok(Fetched { document: Json::Object(document), max_age: None })
    }

    async fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Result<Fetched, ProviderError> {
        let refused = |why: &str| Err(ProviderError(format!("{url}: {why}")));
        let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        let basic = base64::engine::general_purpose::STANDARD.encode("placet+console:s%3Ae+cret");
        if authorization != Some(format!("Basic {basic}").as_str()) {
            return refused("invalid_client");
        }
        // A code works once, whoever sends it.
        let Some(asked) = self.codes.lock().remove(field("code")) else { return refused("invalid_grant") };
        let challenge = URL_SAFE_NO_PAD.encode(Digest::of(field("code_verifier").as_bytes()).as_bytes());
        if challenge != asked.challenge || field("redirect_uri") != asked.redirect {
            return refused("invalid_grant");
        }
        let document = Object::new().with("access_token", "unused").with("id_token", self.sign(&asked));
        Ok(Fetched { document: Json::Object(document), max_age: None })
    }
}
