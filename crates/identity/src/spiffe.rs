//! Client authentication by a JWT-SVID, without any secret (draft-ietf-oauth-spiffe-client-auth, SPIFFE JWT-SVID).
//! The trust bundle is configured; an SVID is cached by its workload and used many times, so replays are no sign.

use std::{fmt, str::FromStr};

use placet_domain::{AgentName, Timestamp};

use crate::{Algorithm, Audience, Jwks, Pattern, TokenError, TokenFault, TokenType, Trust, limits};

/// The type of this assertion in a token request.
pub const SPIFFE_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// A SPIFFE id: `spiffe://trust-domain/path`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId(String);

/// Why a text is not a SPIFFE id of a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a SPIFFE id of a workload: write `spiffe://trust-domain/path`")]
pub struct ParseSpiffeIdError;

impl SpiffeId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trust domain in it.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.0.get("spiffe://".len()..).and_then(|rest| rest.split('/').next()).unwrap_or_default()
    }
}

impl FromStr for SpiffeId {
    type Err = ParseSpiffeIdError;

    /// SPIFFE-ID section 2: no port, query or percent-encoding, no empty or dot segments, at most 2048 bytes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let in_domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        let in_segment = |byte: u8| in_domain(byte) || byte.is_ascii_uppercase();
        let (domain, path) =
            text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).ok_or(ParseSpiffeIdError)?;
        let sound = text.len() <= 2048
            && !domain.is_empty()
            && domain.len() <= 255
            && domain.bytes().all(in_domain)
            && path
                .split('/')
                .all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(in_segment));
        if sound { Ok(Self(text.to_owned())) } else { Err(ParseSpiffeIdError) }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One trust domain: its keys, and which of its workloads are which agents.
#[derive(Debug, Clone)]
pub struct SpiffeTrust {
    trust_domain: String,
    trust: Trust,
    agents: Vec<(Pattern, AgentName)>,
}

/// A workload that proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its SPIFFE id.
    pub id: SpiffeId,
    /// The agent it is.
    pub agent: AgentName,
    /// When its SVID ends: what is issued for it should end no later.
    pub expires: Timestamp,
}

/// Why the configuration of a trust domain is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// A pattern that could fit ids of another trust domain, or end within a segment.
    #[error("`{0}` is not a SPIFFE id of trust domain `{1}`; it may end in `/*`")]
    Pattern(Pattern, String),
}

impl SpiffeTrust {
    /// Believes SVIDs of a trust domain whose `aud` is our issuer, signed by a key of its bundle
    /// ([`Jwks::parse_bundle`]). Each pattern is a SPIFFE id, exact or ending in `/*`.
    ///
    /// # Errors
    /// See [`SpiffeError`].
    pub fn new(
        trust_domain: &str,
        bundle: Jwks,
        issuer: &str,
        agents: Vec<(Pattern, AgentName)>,
    ) -> Result<Self, SpiffeError> {
        for (pattern, _) in &agents {
            let text = pattern.to_string();
            let example = text.strip_suffix('*').map_or(text.clone(), |start| format!("{start}x"));
            let whole_segments = !text.ends_with('*') || text.ends_with("/*");
            match example.parse::<SpiffeId>() {
                Ok(id) if id.trust_domain() == trust_domain && whole_segments => {}
                _ => return Err(SpiffeError::Pattern(pattern.clone(), trust_domain.to_owned())),
            }
        }
        // JWT-SVID section 2.2 knows RSA and ECDSA algorithms only.
        let trust = Trust::new("", issuer, bundle)
            .without_issuer()
            .with_algorithms(&[Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::Es384])
            .with_audience_form(Audience::Sole)
            .with_type(TokenType::or_absent(&["JWT", "JOSE"]))
            .with_longest_life(limits::SVID_LIFE);
        Ok(Self { trust_domain: trust_domain.to_owned(), trust, agents })
    }

    /// The workload that an SVID is of. `client_id`, if the request has one, must be its id.
    ///
    /// # Errors
    /// See [`TokenFault`]; `Match`: not exactly one pattern fits.
    pub fn authenticate(
        &self,
        svid: &str,
        client_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Workload, TokenError> {
        let claims = self.trust.verify(svid, now)?;
        let wrong = |why| TokenError::new(TokenFault::Claim, why);
        let id: SpiffeId =
            claims.text("sub")?.parse().map_err(|_| wrong("the SVID's `sub` is not a SPIFFE id"))?;
        if id.trust_domain() != self.trust_domain {
            return Err(TokenError::new(TokenFault::Issuer, "the SVID is of another trust domain"));
        }
        if client_id.is_some_and(|client| client != id.as_str()) {
            return Err(wrong("`client_id` is not the SVID's `sub`"));
        }
        let expires = claims.expires().ok_or_else(|| wrong("claim `exp` is missing"))?;
        let mut fitting = self.agents.iter().filter(|(pattern, _)| pattern.matches(id.as_str()));
        match (fitting.next(), fitting.next()) {
            (Some((_, agent)), None) => Ok(Workload { agent: agent.clone(), id, expires }),
            (None, _) => {
                Err(TokenError::new(TokenFault::Match, format!("no agent is configured for `{id}`")))
            }
            (Some(_), Some(_)) => {
                Err(TokenError::new(TokenFault::Match, format!("several agents are configured for `{id}`")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spiffe_id_is_read_strictly() {
        let id: SpiffeId = "spiffe://example.org/ns/prod/sa/billing".parse().unwrap();
        assert_eq!(id.trust_domain(), "example.org");
        for text in [
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///x",
            "SPIFFE://example.org/x",
            "spiffe://Example.org/x",
            "spiffe://example.org:8080/x",
            "spiffe://user@example.org/x",
            "spiffe://example.org/a//b",
            "spiffe://example.org/a/../b",
            "spiffe://example.org/a/.",
            "spiffe://example.org/%61",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "https://example.org/a",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
        assert!(format!("spiffe://example.org/{}", "a".repeat(2048)).parse::<SpiffeId>().is_err());
    }

    #[test]
    fn patterns_that_reach_beyond_the_trust_domain_are_refused() {
        let key = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"jwt-svid","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}"#;
        let bundle = Jwks::parse_bundle(key.as_bytes()).unwrap();
        let load = |pattern: &str| {
            let agents = vec![(pattern.parse().unwrap(), "billing".parse().unwrap())];
            SpiffeTrust::new("example.org", bundle.clone(), "https://placet.example", agents)
        };
        assert!(load("spiffe://example.org/ns/prod/*").is_ok());
        assert!(load("spiffe://example.org/*").is_ok());
        for pattern in
            ["spiffe://*", "spiffe://example.org*", "spiffe://other.org/a", "spiffe://example.org/a*"]
        {
            assert!(load(pattern).is_err(), "{pattern}");
        }
    }
}
