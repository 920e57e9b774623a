//! `requestState` that a client can carry but not change: JSON with an HMAC-SHA-256 over it, bound to one tool.
//! MCP 2026-07-28, basic/mrtr, "Security". Also the source of unguessable ids.

use std::time::{Duration, Instant};

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::message::{Fault, INTERNAL_ERROR};

/// A key that lives as long as the process.
pub(crate) struct Seal {
    key: hmac::Key,
    start: Instant,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Seal")
    }
}

impl Seal {
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| no_randomness())?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), start: Instant::now() })
    }

    /// Seals `state` for the tool or prompt `owner`.
    pub(crate) fn close(&self, owner: &str, state: &Value) -> String {
        let payload = json!({ "owner": owner, "until": self.now() + LIFETIME.as_secs(), "state": state });
        let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, payload.as_bytes()));
        format!("{payload}.{tag}")
    }

    /// Opens what [`Seal::close`] made for the same owner, if it is whole and young enough.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<Value, Fault> {
        self.verified(sealed)
            .filter(|payload| payload.get("owner").and_then(Value::as_str) == Some(owner))
            .filter(|payload| {
                payload.get("until").and_then(Value::as_u64).is_some_and(|until| self.now() <= until)
            })
            .and_then(|mut payload| payload.get_mut("state").map(Value::take))
            .ok_or_else(|| {
                Fault::invalid_params("`requestState` is not one that this server gave out for this call")
            })
    }

    fn verified(&self, sealed: &str) -> Option<Value> {
        let (payload, tag) = sealed.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, payload.as_bytes(), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Seconds since start: monotonic, so that no clock change revives old state.
    fn now(&self) -> u64 {
        self.start.elapsed().as_secs()
    }
}

/// 128 random bits as visible ASCII.
pub(crate) fn token() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| no_randomness())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn no_randomness() -> Fault {
    Fault::new(INTERNAL_ERROR, "the system gave no random bytes")
}

const LIFETIME: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Seal;

    #[test]
    fn changed_state_and_state_of_another_tool_are_refused() {
        let seal = Seal::new().unwrap();
        let sealed = seal.close("one", &json!({ "round": 1 }));
        assert_eq!(seal.open("one", &sealed).unwrap(), json!({ "round": 1 }));
        assert!(seal.open("one", &format!("{sealed}-TAMPERED")).is_err());
        assert!(seal.open("two", &sealed).is_err());
        assert!(Seal::new().unwrap().open("one", &sealed).is_err());
    }
}
