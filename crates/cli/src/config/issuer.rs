//! `[[issuer]]`: systems whose tokens are believed, and where their keys come from.

use std::path::Path;

use placet_engine::{IssuerKind, KeySource, TrustedIssuer};
use placet_identity::{ClaimPath, Condition, Jwks, Target};
use serde::Deserialize;

use super::file::{Wrong, wrong};

/// An issuer as people type it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    kind: String,
    url: Option<String>,
    audience: Option<String>,
    client_id: Option<String>,
    person: Option<String>,
    groups: Option<String>,
    jwks_file: Option<String>,
    jwks: Option<String>,
    jwks_url: Option<String>,
}

pub(super) fn resolve(folder: &Path, entries: Vec<Entry>) -> Result<Vec<TrustedIssuer>, Wrong> {
    let mut issuers: Vec<TrustedIssuer> = Vec::new();
    for entry in entries {
        let key = format!("issuer `{}`", entry.name);
        let issuer = issuer(folder, &key, entry)?;
        if issuers.iter().any(|other| other.name == issuer.name) {
            return Err(wrong(key, "the issuer is declared twice"));
        }
        let same = |other: &&TrustedIssuer| {
            other.url == issuer.url && other.kind.is_federated() == issuer.kind.is_federated()
        };
        if let Some(other) = issuers.iter().find(same) {
            return Err(wrong(
                key,
                format!("it has the address of `{}`: one of them would never be asked", other.name),
            ));
        }
        issuers.push(issuer);
    }
    Ok(issuers)
}

fn issuer(folder: &Path, key: &str, entry: Entry) -> Result<TrustedIssuer, Wrong> {
    let kind = IssuerKind::from_word(&entry.kind)
        .ok_or_else(|| wrong(key, "`kind` is github, gitlab, idp, kubernetes, oidc or spiffe"))?;
    let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.');
    if entry.name.is_empty() || !entry.name.chars().all(is_name) {
        return Err(wrong(key, "`name` holds letters, digits, `.`, `_` and `-`"));
    }
    let url = match (entry.url, kind) {
        (Some(url), _) => url,
        (None, IssuerKind::GitHub) => Condition::github_issuer().to_owned(),
        (None, IssuerKind::GitLab) => "https://gitlab.com".to_owned(),
        (None, _) => return Err(wrong(key, "`url` is missing: the `iss` of its tokens")),
    };
    check_url(key, kind, &url)?;
    let about_people = [&entry.client_id, &entry.person, &entry.groups];
    if kind != IssuerKind::Idp && about_people.iter().any(|entry| entry.is_some()) {
        return Err(wrong(key, "`client_id`, `person` and `groups` are for an issuer of kind `idp`"));
    }
    let groups = entry.groups.unwrap_or_else(|| "groups".to_owned());
    let _path: ClaimPath = groups.parse().map_err(|error| wrong(key, error))?;
    let person = entry.person.unwrap_or_else(|| "email".to_owned());
    let _path: ClaimPath = person.parse().map_err(|error| wrong(key, error))?;
    let parse = |document: &[u8]| match kind {
        IssuerKind::Spiffe => Jwks::parse_bundle(document),
        _ => Jwks::parse(document),
    };
    let fixed = |document: &[u8]| parse(document).map(KeySource::Fixed).map_err(|error| wrong(key, error));
    let keys = match (entry.jwks_file, entry.jwks, entry.jwks_url) {
        (Some(file), None, None) => {
            fixed(&std::fs::read(folder.join(file)).map_err(|error| wrong(key, error))?)?
        }
        (None, Some(text), None) => fixed(text.as_bytes())?,
        (None, None, Some(address)) => {
            check_fetched(key, &address)?;
            KeySource::Published(address)
        }
        (None, None, None) if kind == IssuerKind::Spiffe => {
            return Err(wrong(key, "give the trust bundle as `jwks_file`, `jwks` or `jwks_url`"));
        }
        (None, None, None) => {
            check_fetched(key, &url)?;
            KeySource::Discovered
        }
        _ => return Err(wrong(key, "give its keys once: as `jwks_file`, `jwks` or `jwks_url`")),
    };
    Ok(TrustedIssuer {
        name: entry.name,
        kind,
        url,
        audience: entry.audience,
        client_id: entry.client_id,
        person,
        groups,
        keys,
    })
}

fn check_url(key: &str, kind: IssuerKind, url: &str) -> Result<(), Wrong> {
    let is_sound = match kind {
        IssuerKind::Spiffe => {
            url.strip_prefix("spiffe://").is_some_and(|domain| !domain.is_empty() && !domain.contains('/'))
        }
        _ => url.starts_with("https://") || url.starts_with("http://"),
    };
    match (is_sound, kind) {
        (true, _) => Ok(()),
        (false, IssuerKind::Spiffe) => Err(wrong(key, "`url` is the trust domain: `spiffe://prod.example`")),
        (false, _) => Err(wrong(key, "`url` is the `iss` of its tokens: an address")),
    }
}

/// Keys that are fetched over the open network without TLS are anybody's keys.
fn check_fetched(key: &str, address: &str) -> Result<(), Wrong> {
    let plain = address.parse::<Target>().is_ok();
    let host = address.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
    let is_here = host.is_some_and(|host| matches!(host, "127.0.0.1" | "localhost"));
    match plain && (address.starts_with("https://") || is_here) {
        true => Ok(()),
        false => Err(wrong(key, "keys are fetched by `https` only; give them as `jwks_file` or `jwks`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","alg":"EdDSA","use":"sig"}]}"#;

    fn read(text: &str) -> Result<Vec<TrustedIssuer>, Wrong> {
        #[derive(Deserialize)]
        struct File {
            issuer: Vec<Entry>,
        }
        let file: File = toml::from_str(&text.replace("@KEYS@", KEYS)).unwrap();
        resolve(Path::new("/nonexistent"), file.issuer)
    }

    #[test]
    fn platforms_have_their_addresses_and_keys_are_discovered() {
        let issuers = read(
            "[[issuer]]\nname = \"ci\"\nkind = \"github\"\n[[issuer]]\nname = \"idp\"\nkind = \"idp\"\n\
             url = \"https://idp.example\"\nclient_id = \"placet\"\njwks = '@KEYS@'",
        )
        .unwrap();
        assert_eq!(issuers[0].url, "https://token.actions.githubusercontent.com");
        assert!(matches!(issuers[0].keys, KeySource::Discovered));
        assert!(matches!(issuers[1].keys, KeySource::Fixed(_)));
        assert_eq!(issuers[1].person, "email");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for text in [
            "name = \"a\"\nkind = \"other\"",
            "name = \"a b\"\nkind = \"github\"",
            "name = \"a\"\nkind = \"oidc\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"http://idp.example\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"ftp://idp.example\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"https://a\"\njwks_url = \"http://169.254.169.254/\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"https://a\"\njwks = '@KEYS@'\njwks_file = \"x\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"https://a\"\njwks = '{}'",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"https://a\"\nclient_id = \"x\"",
            "name = \"a\"\nkind = \"oidc\"\nurl = \"https://a\"\ngroups = \"roles\"",
            "name = \"a\"\nkind = \"idp\"\nurl = \"https://a\"\ngroups = \"a..b\"",
            "name = \"a\"\nkind = \"spiffe\"\nurl = \"spiffe://a\"",
            "name = \"a\"\nkind = \"spiffe\"\nurl = \"spiffe://a/b\"\njwks = '@KEYS@'",
            "name = \"a\"\nkind = \"github\"\n[[issuer]]\nname = \"b\"\nkind = \"github\"",
        ] {
            assert!(read(&format!("[[issuer]]\n{text}")).is_err(), "{text}");
        }
    }
}
