//! The two eras of MCP: sessions opened by `initialize`, and stateless requests that carry their own version.
//! The rule is written in the MCP specification 2026-07-28, "Versioning and Compatibility".

use std::{fmt, str::FromStr};

use placet_domain::{Json, Object};

/// How a client and a server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2026-07-28: no handshake, each request carries version and capabilities.
    Stateless,
    /// A session opened by `initialize`.
    Session(SessionVersion),
}

/// A revision that works with sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionVersion {
    /// 2025-06-18.
    V2025_06_18,
    /// 2025-11-25.
    V2025_11_25,
}

impl SessionVersion {
    /// The revisions a session can have, newest first.
    pub const SUPPORTED: [Self; 2] = [Self::V2025_11_25, Self::V2025_06_18];

    /// The revision as it stands on the wire.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }
}

impl Era {
    /// Every supported revision, newest first.
    pub const SUPPORTED: [Self; 3] = [
        Self::Stateless,
        Self::Session(SessionVersion::V2025_11_25),
        Self::Session(SessionVersion::V2025_06_18),
    ];

    /// The revision as it stands on the wire.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Stateless => "2026-07-28",
            Self::Session(version) => version.version(),
        }
    }

    /// Whether requests stand alone.
    #[must_use]
    pub fn is_stateless(self) -> bool {
        self == Self::Stateless
    }
}

impl fmt::Display for Era {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.version())
    }
}

/// A protocol version that is not served here: unknown, or too old to be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("MCP {requested:?} is not supported; use 2026-07-28, 2025-11-25 or 2025-06-18")]
pub struct UnsupportedVersion {
    /// What was asked for, cut to a sane length.
    pub requested: String,
}

impl UnsupportedVersion {
    /// Keeps what was asked for, cut to a length fit for a reply.
    #[must_use]
    pub fn new(requested: &str) -> Self {
        Self { requested: requested.chars().take(32).collect() }
    }

    /// The `data` of `UnsupportedProtocolVersionError` (-32022).
    #[must_use]
    pub fn to_json(&self) -> Object {
        let supported: Vec<Json> = Era::SUPPORTED.iter().map(|era| era.version().into()).collect();
        Object::new().with("requested", self.requested.as_str()).with("supported", supported)
    }
}

impl FromStr for Era {
    type Err = UnsupportedVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::SUPPORTED
            .into_iter()
            .find(|era| era.version() == text)
            .ok_or_else(|| UnsupportedVersion::new(text))
    }
}

impl FromStr for SessionVersion {
    type Err = UnsupportedVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::SUPPORTED
            .into_iter()
            .find(|version| version.version() == text)
            .ok_or_else(|| UnsupportedVersion::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_version_reads_back() {
        for era in Era::SUPPORTED {
            assert_eq!(era.version().parse(), Ok(era));
        }
    }

    #[test]
    fn older_newer_and_misspelled_versions_are_refused_with_the_list() {
        for text in ["2025-03-26", "2024-11-05", "2027-01-01", "", "2026-07-28 ", "latest"] {
            let error = text.parse::<Era>().unwrap_err();
            let data = Json::from(error.to_json()).canonical();
            assert!(data.contains(r#""supported":["2026-07-28","2025-11-25","2025-06-18"]"#), "{data}");
        }
        assert!("2026-07-28".parse::<SessionVersion>().is_err());
    }
}
