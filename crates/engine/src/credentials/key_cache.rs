//! The keys of an issuer, kept for as long as their publisher says, within bounds. An unknown key is looked for once;
//! nobody can make us fetch more often than that.

use std::time::Duration;

use placet_domain::{Json, Timestamp};
use placet_identity::{Jwks, OAuthCode, OAuthError, Target, UnverifiedToken};

use super::{Answered, IssuerKind, KeySource, TrustedIssuer};
use crate::{Engine, ports::Providers};

/// A trusted issuer and its keys.
pub(crate) struct KeyCache {
    pub(super) issuer: TrustedIssuer,
    kept: tokio::sync::Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: Option<(Jwks, Timestamp)>,
    tried: Option<Timestamp>,
}

impl KeyCache {
    pub(super) fn new(issuer: TrustedIssuer) -> Self {
        Self { issuer, kept: tokio::sync::Mutex::default() }
    }
}

impl Engine {
    /// The issuer of this name in the configuration.
    pub(super) fn issuer_named(&self, name: &str) -> Option<&KeyCache> {
        self.credentialing.issuers.iter().find(|held| held.issuer.name == name)
    }

    /// The keys to check this token of an issuer by.
    pub(super) async fn keys_for(&self, held: &KeyCache, token: &str, now: Timestamp) -> Answered<Jwks> {
        if let KeySource::Fixed(keys) = &held.issuer.keys {
            return Ok(keys.clone());
        }
        let unverified = UnverifiedToken::parse(token)
            .map_err(|error| OAuthError::new(OAuthCode::InvalidRequest, error.to_string()))?;
        // Held while fetching: all who wait get what the first one fetched.
        let mut kept = held.kept.lock().await;
        let fresh = kept.keys.clone().filter(|(_, until)| now < *until).map(|(keys, _)| keys);
        let suits = |keys: &Jwks| {
            unverified.key_id().is_none_or(|id| keys.keys().iter().any(|key| key.id() == Some(id)))
        };
        if let Some(keys) = fresh.clone().filter(suits) {
            return Ok(keys);
        }
        let unavailable = |why: String| {
            tracing::warn!(issuer = held.issuer.name, why, "the keys of an issuer cannot be had");
            let why = format!("the keys of issuer '{}' cannot be had", held.issuer.name);
            OAuthError::new(OAuthCode::TemporarilyUnavailable, why)
        };
        if kept.tried.is_some_and(|tried| now < tried.after(REFETCH)) {
            return fresh.ok_or_else(|| unavailable("they were asked for a moment ago".to_owned()));
        }
        kept.tried = Some(now);
        match fetch(&*self.ports.providers, &held.issuer).await {
            Ok((keys, max_age)) => {
                kept.keys = Some((keys.clone(), now.after(max_age)));
                Ok(keys)
            }
            Err(why) => fresh.ok_or_else(|| unavailable(why)),
        }
    }
}

async fn fetch(providers: &dyn Providers, issuer: &TrustedIssuer) -> Result<(Jwks, Duration), String> {
    let address = match &issuer.keys {
        KeySource::Published(address) => address.clone(),
        KeySource::Fixed(_) | KeySource::Discovered => discover(providers, issuer).await?,
    };
    let fetched = providers.get(&address).await.map_err(|error| error.to_string())?;
    let document = fetched.document.canonical();
    let keys = match issuer.kind {
        IssuerKind::Spiffe => Jwks::parse_bundle(document.as_bytes()),
        _ => Jwks::parse(document.as_bytes()),
    };
    let age = fetched.max_age.unwrap_or(KEPT).clamp(KEPT_LEAST, KEPT_MOST);
    keys.map(|keys| (keys, age)).map_err(|error| format!("{address}: {error}"))
}

/// The address of the keys, by `OpenID` Connect Discovery. It must be at the issuer's own origin: a document says where
/// to ask next, and that must not be somebody else's inner network.
async fn discover(providers: &dyn Providers, issuer: &TrustedIssuer) -> Result<String, String> {
    let address = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
    let document = providers.get(&address).await.map_err(|error| error.to_string())?.document;
    let text = |name: &str| document.member(name).and_then(Json::as_str);
    if text("issuer") != Some(&issuer.url) {
        return Err(format!("{address} is the document of another issuer"));
    }
    let keys = text("jwks_uri").ok_or_else(|| format!("{address} names no `jwks_uri`"))?;
    match (origin(keys), origin(&issuer.url)) {
        (Some(one), Some(other)) if one == other => Ok(keys.to_owned()),
        _ => Err(format!("{address} names keys of another origin; if that is right, set `jwks_url`")),
    }
}

/// Scheme, host and port of an address, in one spelling.
fn origin(address: &str) -> Option<String> {
    let target: Target = address.parse().ok()?;
    let (scheme, rest) = target.as_str().split_once("://")?;
    Some(format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()))
}

/// How long keys are kept when their publisher does not say.
const KEPT: Duration = Duration::from_secs(60 * 60);
/// Publishers that say less would be asked for every token.
const KEPT_LEAST: Duration = Duration::from_secs(60);
/// A key that its issuer withdrew is believed no longer than this.
const KEPT_MOST: Duration = Duration::from_secs(24 * 60 * 60);
/// How often at most keys are fetched, also when tokens name keys that nobody has.
const REFETCH: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://IdP.example:443/keys?x=1"), origin("https://idp.example"));
        assert_ne!(origin("https://idp.example:8443/keys"), origin("https://idp.example"));
        assert_ne!(origin("http://idp.example/keys"), origin("https://idp.example"));
        assert_ne!(origin("https://idp.example.evil.example/"), origin("https://idp.example"));
        assert_eq!(origin("https://idp.example@evil.example/"), None);
        assert_eq!(origin("file:///etc/passwd"), None);
    }
}
