//! What is kept of a sign-in between two starts: who we are to which authorization server, and its tokens. Sealed with a
//! key of the home before it leaves memory, bound to its connector. The parts never print.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use placet_domain::{ConnectorName, Json, Object, Timestamp};
use placet_engine::ports::Entropy;
use secrecy::{ExposeSecret as _, SecretString};

/// The version of the sealed document, and the first part of what it is bound to.
const FORM: &str = "placet/upstream-sign-in/v1";

/// A key of the home that seals what upstreams gave us.
pub struct VaultKey(LessSafeKey);

/// A sealed document that this key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unopened;

/// Who we are to an authorization server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<SecretString>,
    pub(crate) method: Method,
    /// The address it was registered with, if we registered ourselves.
    pub(crate) redirect: Option<String>,
}

/// How a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Basic,
    Key,
    None,
    Post,
}

/// A sign-in at an upstream.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: String,
    /// Where its tokens are taken back, if anywhere (RFC 7009).
    pub(crate) revocation_endpoint: Option<String>,
    /// The resource that tokens are asked for (RFC 8707). They are sent nowhere else.
    pub(crate) resource: String,
    pub(crate) client: Client,
    pub(crate) access: Option<SecretString>,
    pub(crate) refresh: Option<SecretString>,
    pub(crate) expires: Option<Timestamp>,
    /// What was granted, or asked for if the server did not say.
    pub(crate) scopes: Vec<String>,
    /// What the upstream has asked for since.
    pub(crate) wanted: Vec<String>,
}

impl VaultKey {
    /// Takes 32 random bytes; none if the library does not take them.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, bytes).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Seals a sign-in for one connector, with a fresh nonce in front.
    pub(crate) fn seal(
        &self,
        connector: &ConnectorName,
        kept: &Kept,
        entropy: &dyn Entropy,
    ) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = Json::Object(kept.to_json()).canonical().into_bytes();
        let bound = Aad::from(bound_to(connector));
        self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut sealed).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for this connector.
    pub(crate) fn open(&self, connector: &ConnectorName, sealed: &[u8]) -> Result<Kept, Unopened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut opened = sealed.to_vec();
        let plain = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound_to(connector)), &mut opened)
            .map_err(|_| Unopened)?;
        let document = Json::parse(plain).map_err(|_| Unopened)?;
        Kept::from_json(&document).ok_or(Unopened)
    }
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("VaultKey(…)")
    }
}

fn bound_to(connector: &ConnectorName) -> String {
    format!("{FORM}/{connector}")
}

impl Method {
    /// The name of RFC 7591.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Key => "private_key_jwt",
            Self::None => "none",
            Self::Post => "client_secret_post",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Basic, Self::Key, Self::None, Self::Post].into_iter().find(|method| method.as_str() == name)
    }
}

impl Kept {
    fn to_json(&self) -> Object {
        let secret =
            |secret: &Option<SecretString>| secret.as_ref().map(|one| one.expose_secret().to_owned());
        Object::new()
            .with("issuer", self.issuer.as_str())
            .with("token_endpoint", self.token_endpoint.as_str())
            .with_some("revocation_endpoint", self.revocation_endpoint.as_deref())
            .with("resource", self.resource.as_str())
            .with("client_id", self.client.id.as_str())
            .with_some("client_secret", secret(&self.client.secret))
            .with("method", self.client.method.as_str())
            .with_some("redirect", self.client.redirect.as_deref())
            .with_some("access", secret(&self.access))
            .with_some("refresh", secret(&self.refresh))
            .with_some("expires_us", self.expires.map(Timestamp::micros))
            .with("scopes", listed(&self.scopes))
            .with("wanted", listed(&self.wanted))
    }

    fn from_json(document: &Json) -> Option<Self> {
        let text = |name| document.member(name).and_then(Json::as_str).map(str::to_owned);
        let secret = |name| text(name).map(SecretString::from);
        let texts = |name| {
            let listed = document.member(name).and_then(Json::as_array).unwrap_or_default();
            listed.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        };
        Some(Self {
            issuer: text("issuer")?,
            token_endpoint: text("token_endpoint")?,
            revocation_endpoint: text("revocation_endpoint"),
            resource: text("resource")?,
            client: Client {
                id: text("client_id")?,
                secret: secret("client_secret"),
                method: Method::from_name(&text("method")?)?,
                redirect: text("redirect"),
            },
            access: secret("access"),
            refresh: secret("refresh"),
            expires: document.member("expires_us").and_then(Json::as_integer).map(Timestamp::from_micros),
            scopes: texts("scopes"),
            wanted: texts("wanted"),
        })
    }
}

fn listed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn kept() -> Kept {
        Kept {
            issuer: "https://as.example".into(),
            token_endpoint: "https://as.example/token".into(),
            revocation_endpoint: Some("https://as.example/revoke".into()),
            resource: "https://mcp.example/mcp".into(),
            client: Client {
                id: "me".into(),
                secret: Some("client-secret".into()),
                method: Method::Basic,
                redirect: Some("http://127.0.0.1:7429/callback".into()),
            },
            access: Some("access-secret".into()),
            refresh: Some("refresh-secret".into()),
            expires: Some(Timestamp::from_micros(7)),
            scopes: vec!["a".into()],
            wanted: vec!["b".into()],
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_connector_and_with_its_key_alone() {
        let (key, other) = (VaultKey::new(&[1; 32]).unwrap(), VaultKey::new(&[2; 32]).unwrap());
        let (crm, mail) = ("crm".parse().unwrap(), "mail".parse().unwrap());
        let sealed = key.seal(&crm, &kept(), &Counting).unwrap();
        let opened = key.open(&crm, &sealed).unwrap();
        assert_eq!(Json::Object(opened.to_json()).canonical(), Json::Object(kept().to_json()).canonical());
        assert!(key.open(&mail, &sealed).is_err() && other.open(&crm, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(key.open(&crm, &bent).is_err(), "byte {at}");
        }
        assert!(key.open(&crm, &[]).is_err());
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!text.contains("secret") && !text.contains("example"));
    }

    #[test]
    fn nothing_of_it_prints() {
        let shown = format!("{:?} {:?}", kept(), VaultKey::new(&[1; 32]).unwrap());
        assert!(!shown.contains("secret-") && !shown.contains("-secret"), "{shown}");
    }
}
