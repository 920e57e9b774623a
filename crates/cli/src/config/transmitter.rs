//! `[[transmitter]]`: identity providers whose security events end the runs of the people they are about.

use std::path::Path;

use placet_identity::{EventReceiver, Jwks};
use serde::Deserialize;

use super::file::{Wrong, wrong};

/// A transmitter as people type it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    issuer: String,
    audience: String,
    jwks_file: Option<String>,
    jwks: Option<String>,
}

pub(super) fn resolve(folder: &Path, entries: Vec<Entry>) -> Result<Vec<EventReceiver>, Wrong> {
    let mut issuers: Vec<&str> = entries.iter().map(|entry| entry.issuer.as_str()).collect();
    issuers.sort_unstable();
    if let Some([twice, _]) =
        issuers.windows(2).find_map(|pair| <&[&str; 2]>::try_from(pair).ok().filter(|[a, b]| a == b))
    {
        return Err(wrong(format!("transmitter `{twice}`"), "the transmitter is declared twice"));
    }
    entries.into_iter().map(|entry| receiver(folder, &entry)).collect()
}

fn receiver(folder: &Path, entry: &Entry) -> Result<EventReceiver, Wrong> {
    let key = format!("transmitter `{}`", entry.issuer);
    if !entry.issuer.starts_with("https://") && !entry.issuer.starts_with("http://127.0.0.1") {
        return Err(wrong(key, "an issuer is an address that begins with `https://`"));
    }
    let document = match (&entry.jwks_file, &entry.jwks) {
        (Some(file), None) => std::fs::read(folder.join(file)).map_err(|error| wrong(&key, error))?,
        (None, Some(text)) => text.clone().into_bytes(),
        (None, None) | (Some(_), Some(_)) => {
            return Err(wrong(key, "give its keys as `jwks_file` or as `jwks`, not both"));
        }
    };
    let keys = Jwks::parse(&document).map_err(|error| wrong(&key, error))?;
    Ok(EventReceiver::new(&entry.issuer, &entry.audience, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","alg":"EdDSA","use":"sig"}]}"#;

    fn entry(issuer: &str, file: Option<&str>, text: Option<&str>) -> Entry {
        Entry {
            issuer: issuer.to_owned(),
            audience: "https://placet.example".to_owned(),
            jwks_file: file.map(str::to_owned),
            jwks: text.map(str::to_owned),
        }
    }

    #[test]
    fn a_transmitter_has_keys_of_its_own_and_is_declared_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), KEYS).unwrap();
        let of = |entries| resolve(folder.path(), entries).map(|receivers| receivers.len());
        let (one, two) = ("https://idp.example", "https://other.example");
        assert_eq!(of(vec![entry(one, Some("keys.json"), None), entry(two, None, Some(KEYS))]), Ok(2));
        for wrong in [
            vec![entry(one, None, None)],
            vec![entry(one, Some("keys.json"), Some(KEYS))],
            vec![entry(one, Some("nowhere.json"), None)],
            vec![entry(one, None, Some("{}"))],
            vec![entry("http://idp.example", None, Some(KEYS))],
            vec![entry(one, None, Some(KEYS)), entry(one, None, Some(KEYS))],
        ] {
            assert!(of(wrong).is_err());
        }
    }
}
