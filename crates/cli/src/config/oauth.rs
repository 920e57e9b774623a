//! `[connector.NAME.oauth]`: how a connector gets the tokens that its upstream wants.

use std::{path::Path, sync::Arc};

use placet_connect::{ClientProof, OauthClient, OauthConfig, OauthGrant};
use placet_identity::ClientKey;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{
    connector::{SecretEntry, secret},
    file::{Wrong, wrong},
};

/// A sign-in as people type it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    grant: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretEntry>,
    private_key: Option<SecretEntry>,
    key_id: Option<String>,
    client_document: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    private_addresses: bool,
}

pub(super) fn resolve(folder: &Path, key: &str, entry: Entry) -> Result<OauthConfig, Wrong> {
    let at = |part: &str| format!("{key}.{part}");
    let grant = match entry.grant.as_deref() {
        None | Some("authorization_code") => OauthGrant::Code,
        Some("client_credentials") => OauthGrant::ClientCredentials,
        Some(other) => {
            let message = format!("`{other}` is not `authorization_code` or `client_credentials`");
            return Err(wrong(at("grant"), message));
        }
    };
    if entry.key_id.is_some() && entry.private_key.is_none() {
        return Err(wrong(at("key_id"), "it names a `private_key`, and there is none"));
    }
    let proof = match (entry.client_secret, entry.private_key) {
        (None, None) => ClientProof::None,
        (Some(entry), None) => ClientProof::Secret(secret(folder, &at("client_secret"), entry)?),
        (None, Some(kept)) => {
            let pem = secret(folder, &at("private_key"), kept)?;
            let read = ClientKey::from_pem(pem.expose_secret(), entry.key_id);
            ClientProof::Key(Arc::new(read.map_err(|error| wrong(at("private_key"), error))?))
        }
        (Some(_), Some(_)) => return Err(wrong(key, "give `client_secret` or `private_key`, not both")),
    };
    let is_public = matches!(proof, ClientProof::None);
    let client = match entry.client_id {
        Some(id) => Some(OauthClient { id, proof }),
        None if is_public => None,
        None => return Err(wrong(key, "a secret or key is that of a client: give its `client_id`")),
    };
    if grant == OauthGrant::ClientCredentials && is_public {
        let message = "`client_credentials` needs `client_id`, and `client_secret` or `private_key`";
        return Err(wrong(key, message));
    }
    let is_address = |text: &String| text.starts_with("https://") && text.len() > "https://".len();
    if let Some(document) = entry.client_document.as_ref().filter(|document| !is_address(document)) {
        return Err(wrong(at("client_document"), format!("`{document}` does not begin with `https://`")));
    }
    let sound =
        |scope: &String| !scope.is_empty() && !scope.contains(|one: char| one.is_whitespace() || one == '"');
    if let Some(scope) = entry.scopes.iter().find(|scope| !sound(scope)) {
        return Err(wrong(at("scopes"), format!("{scope:?} is no scope; write one in each string")));
    }
    Ok(OauthConfig {
        grant,
        client,
        document: entry.client_document,
        issuer: entry.issuer,
        scopes: entry.scopes,
        private_addresses: entry.private_addresses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OauthConfig, Wrong> {
        resolve(Path::new("/nonexistent"), "connector.x.oauth", toml::from_str(text).unwrap())
    }

    #[test]
    fn without_a_word_a_person_signs_in_and_placet_registers_itself() {
        let config = read("").unwrap();
        assert!(config.client.is_none() && config.issuer.is_none() && !config.private_addresses);
        assert_eq!(config.grant, OauthGrant::Code);
        let config =
            read("grant = \"client_credentials\"\nclient_id = \"me\"\nclient_secret = \"s\"").unwrap();
        assert_eq!(config.grant, OauthGrant::ClientCredentials);
        assert!(!format!("{config:?}").contains("\"s\""));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, key) in [
            ("grant = \"password\"", "connector.x.oauth.grant"),
            ("grant = \"client_credentials\"", "connector.x.oauth"),
            ("grant = \"client_credentials\"\nclient_id = \"me\"", "connector.x.oauth"),
            ("client_secret = \"s\"", "connector.x.oauth"),
            ("client_id = \"me\"\nclient_secret = \"s\"\nprivate_key = \"k\"", "connector.x.oauth"),
            ("client_id = \"me\"\nprivate_key = \"k\"", "connector.x.oauth.private_key"),
            ("client_id = \"me\"\nprivate_key = { file = \"none\" }", "connector.x.oauth.private_key"),
            ("key_id = \"1\"", "connector.x.oauth.key_id"),
            ("client_document = \"http://a.example/x\"", "connector.x.oauth.client_document"),
            ("scopes = [\"a b\"]", "connector.x.oauth.scopes"),
        ] {
            assert_eq!(read(text).unwrap_err().0, key, "{text}");
        }
    }
}
