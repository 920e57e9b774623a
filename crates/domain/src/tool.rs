//! A tool's definition and its pin: the digest under which it was first accepted.

use crate::{Digest, Json, ToolName};

/// The digest of a tool's whole definition (canonical JSON). A changed definition is another tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin(pub Digest);

impl std::fmt::Display for Pin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One tool as its server defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    /// Name in its connector.
    pub name: ToolName,
    /// The definition as the server gave it, strictly parsed.
    pub definition: Json,
}

impl ToolDefinition {
    /// The digest of name, description, schemas, annotations and everything else in the definition.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin(Digest::of(self.definition.canonical().as_bytes()))
    }

    /// The JSON Schema of the arguments.
    #[must_use]
    pub fn input_schema(&self) -> Option<&Json> {
        self.definition.member("inputSchema")
    }

    /// A boolean annotation such as `readOnlyHint` (MCP `ToolAnnotations`).
    #[must_use]
    pub fn hint(&self, name: &str) -> Option<bool> {
        self.definition.member("annotations")?.member(name)?.as_bool()
    }
}
