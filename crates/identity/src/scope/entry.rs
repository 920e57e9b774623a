//! One token of a scope: `connector`, `connector.tool`, `connector.tool:Kind/id`, each part any or one.
//! Connector, tool and id are percent-encoded (RFC 3986 section 2.1) where a character would end them:
//! `.` in a connector's name, `:` in a tool's, `*` everywhere but as the wildcard.

use std::fmt;

use placet_domain::{ConnectorName, Resource, ToolName};

/// What one token permits. `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Entry {
    connector: Option<String>,
    operation: Option<String>,
    resource: Option<Pattern>,
}

/// Resources of one kind: one of them, or those whose id begins so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Pattern {
    kind: String,
    id: String,
    prefix: bool,
}

impl Entry {
    pub(super) fn permits(&self, connector: &str, operation: &str, resource: Option<&Resource>) -> bool {
        self.may_permit(connector, operation)
            && match (&self.resource, resource) {
                (None, _) => true,
                (Some(pattern), Some(resource)) => pattern.matches(resource),
                (Some(_), None) => false,
            }
    }

    pub(super) fn may_permit(&self, connector: &str, operation: &str) -> bool {
        self.connector.as_deref().is_none_or(|one| one == connector)
            && self.operation.as_deref().is_none_or(|one| one == operation)
    }

    /// What both permit, if anything.
    pub(super) fn meet(&self, other: &Self) -> Option<Self> {
        Some(Self {
            connector: same(self.connector.as_ref(), other.connector.as_ref())?,
            operation: same(self.operation.as_ref(), other.operation.as_ref())?,
            resource: match (&self.resource, &other.resource) {
                (Some(one), Some(two)) => Some(one.meet(two)?),
                (one, two) => one.as_ref().or(two.as_ref()).cloned(),
            },
        })
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(self)
    }

    pub(super) fn parse(token: &str) -> Result<Self, &'static str> {
        if token == "*" {
            return Ok(Self::default());
        }
        if !token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err("use printable ASCII without quotes and backslashes, one space between tokens");
        }
        let (connector, rest) = match token.split_once('.') {
            Some((connector, rest)) => (connector, Some(rest)),
            None => (token, None),
        };
        let connector = decode(connector)?;
        connector.parse::<ConnectorName>().map_err(|_| "the connector is not a name")?;
        let mut entry = Self { connector: Some(connector), ..Self::default() };
        if let Some(rest) = rest {
            let (operation, resource) = match rest.split_once(':') {
                Some((operation, resource)) => (operation, Some(resource)),
                None => (rest, None),
            };
            if operation != "*" {
                let operation = decode(operation)?;
                operation.parse::<ToolName>().map_err(|_| "the tool is not a name")?;
                entry.operation = Some(operation);
            }
            entry.resource = resource.map(Pattern::parse).transpose()?;
        }
        Ok(entry)
    }
}

impl Pattern {
    fn matches(&self, resource: &Resource) -> bool {
        self.kind == resource.kind && self.covers(&resource.id)
    }

    fn covers(&self, id: &str) -> bool {
        if self.prefix { id.starts_with(&self.id) } else { id == self.id }
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        let (wide, narrow) = match (self.prefix, other.prefix) {
            (true, false) => (self, other),
            (false, true) => (other, self),
            (true, true) if self.id.len() <= other.id.len() => (self, other),
            _ => (other, self),
        };
        (wide.kind == narrow.kind && wide.covers(&narrow.id)).then(|| narrow.clone())
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let (kind, id) = text.split_once('/').ok_or("a resource is written `Kind/id`")?;
        let (id, prefix) = match id.strip_suffix('*') {
            Some(id) => (id, true),
            None => (id, false),
        };
        let (kind, id) = (decode(kind)?, decode(id)?);
        if kind.is_empty() || (id.is_empty() && !prefix) {
            return Err("a resource is written `Kind/id`");
        }
        Ok(Self { kind, id, prefix })
    }
}

/// `Some(None)` is any, `None` is a contradiction.
fn same(one: Option<&String>, two: Option<&String>) -> Option<Option<String>> {
    match (one, two) {
        (Some(one), Some(two)) => (one == two).then(|| Some(one.clone())),
        (one, two) => Some(one.or(two).cloned()),
    }
}

fn decode(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "write `%` and other special characters as `%` and two upper-case hexadecimal digits";
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    if text.contains('*') {
        return Err("`*` stands alone for any, or at the end of a resource's id");
    }
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(WRONG)?;
        if digits.bytes().any(|digit| !matches!(digit, b'0'..=b'9' | b'A'..=b'F')) {
            return Err(WRONG);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| WRONG)
}

/// Percent-encodes what is not printable in a scope, what is `special` here, `%` and `*`.
fn encode(formatter: &mut fmt::Formatter<'_>, text: &str, special: &[u8]) -> fmt::Result {
    text.bytes().try_for_each(|byte| match byte {
        b'%' | b'*' | b'"' | b'\\' => write!(formatter, "%{byte:02X}"),
        byte if !byte.is_ascii_graphic() || special.contains(&byte) => write!(formatter, "%{byte:02X}"),
        byte => write!(formatter, "{}", char::from(byte)),
    })
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(connector) = &self.connector else { return formatter.write_str("*") };
        encode(formatter, connector, b".")?;
        match (&self.operation, &self.resource) {
            (None, None) => return Ok(()),
            (Some(operation), _) => {
                formatter.write_str(".")?;
                encode(formatter, operation, b":")?;
            }
            (None, Some(_)) => formatter.write_str(".*")?,
        }
        let Some(Pattern { kind, id, prefix }) = &self.resource else { return Ok(()) };
        formatter.write_str(":")?;
        encode(formatter, kind, b"/")?;
        formatter.write_str("/")?;
        encode(formatter, id, b"")?;
        formatter.write_str(if *prefix { "*" } else { "" })
    }
}
