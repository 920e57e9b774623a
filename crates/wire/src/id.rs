//! JSON-RPC request ids: a string or a 64-bit integer, given back as they came.

use std::fmt;

use placet_domain::{Json, Number};

/// The id of a request. `1` and `"1"` are two ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// An integer.
    Integer(i64),
    /// A string.
    Text(String),
}

impl Id {
    /// Reads the id of a parsed message; `null`, fractions and everything else are no ids (MCP `RequestId`).
    #[must_use]
    pub fn of(value: &Json) -> Option<Self> {
        match value {
            Json::Number(Number::Integer(integer)) => Some(Self::Integer(*integer)),
            Json::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// Reads the id from one JSON text, so that integers beyond 2^53 survive.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        match text.starts_with('"') {
            true => serde_json::from_str(text).ok().map(Self::Text),
            false => text.parse().ok().map(Self::Integer),
        }
    }

    /// Appends the id as JSON.
    pub fn write(&self, text: &mut String) {
        match self {
            Self::Integer(integer) => text.push_str(&integer.to_string()),
            Self::Text(string) => Json::write_canonical(&Json::from(string.as_str()), text),
        }
    }
}

/// The id as JSON.
impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        formatter.write_str(&text)
    }
}

impl From<i64> for Id {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
