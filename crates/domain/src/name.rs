//! Names that people choose. A name past its parser is safe in a Cedar id, a metric label and a log line.

use std::{fmt, str::FromStr, sync::Arc};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct ParseNameError {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

const PLAIN: &str = "use 1 to 64 letters, digits, `.`, `_`, `-` or `@`, starting with a letter or a digit";
const PRINTABLE: &str = "use 1 to 128 printable characters without spaces";

fn is_plain(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-' | '@'))
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|one| one.is_ascii_graphic())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $accepts:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $accepts(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(ParseNameError { text: text.to_owned(), kind: $kind, rule: $rule })
                }
            }
        }
    };
}

name!(
    /// A registered agent.
    AgentName, "name of an agent", is_plain, PLAIN
);
name!(
    /// An upstream system, as `placet.toml` calls it.
    ConnectorName, "name of a connector", is_plain, PLAIN
);
name!(
    /// A kind of data an agent handles: `public`, `internal`, `customer`, or what the organisation calls it.
    DataClass, "data class", is_plain, PLAIN
);
name!(
    /// Where an agent runs: `production`, `staging`, or what the organisation calls it.
    EnvironmentName, "name of an environment", is_plain, PLAIN
);
name!(
    /// A group of agents or people, a parent in Cedar.
    GroupName, "name of a group", is_plain, PLAIN
);
name!(
    /// A counted kind of earlier calls, `[history.NAME]`, read as `context.history.NAME`.
    HistoryName, "name of a history", is_plain, PLAIN
);
name!(
    /// What a run has read, as a word for policies: `secret`, `untrusted`, `pii`.
    Label, "label", is_plain, PLAIN
);
name!(
    /// A person who owns agents, approves, or is acted for.
    PersonName, "name of a person", is_plain, PLAIN
);
name!(
    /// The `@id` of a policy.
    PolicyId, "policy id", is_printable, PRINTABLE
);
name!(
    /// A kind of task that an agent's charter declares.
    TaskName, "name of a task kind", is_plain, PLAIN
);
name!(
    /// One operation of a connector (MCP `Tool.name`).
    ToolName, "name of a tool", is_printable, PRINTABLE
);
name!(
    /// A counter that policies read as `context.usage.NAME`.
    UsageName, "name of a usage", is_plain, PLAIN
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_misread_are_refused() {
        for text in ["", " ", "a b", "-a", "a/b", "ünï", "a\u{202e}b", "a\n", &"a".repeat(65)] {
            assert!(text.parse::<AgentName>().is_err(), "{text:?}");
        }
        assert!("ana@example.com".parse::<PersonName>().is_ok());
        assert!("deal-update-agent".parse::<AgentName>().is_ok());
    }

    #[test]
    fn tool_names_keep_the_characters_servers_use() {
        assert!("fs/read_file.v2".parse::<ToolName>().is_ok());
        assert!("a b".parse::<ToolName>().is_err());
        assert!("é".parse::<ToolName>().is_err());
    }
}
