//! What must be done with an allowed call, or it does not run. Policies ask for it with `@unless`; how it is carried
//! out is the engine's business. Written for people in `docs/policies/obligations.md`.

use std::{fmt, str::FromStr};

use crate::PolicyId;

/// Something that must be done with an allowed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// The gate that asks for it.
    pub policy: PolicyId,
    /// What it asks for.
    pub duty: Duty,
}

/// What a gate asks for. Closed: a duty that nobody carries out would be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Duty {
    /// Take these values out of the result.
    Redact(Vec<FieldPath>),
    /// Leave at most so many elements of this array of the result.
    CapRows {
        /// So many.
        rows: usize,
        /// The array.
        path: FieldPath,
    },
    /// Have these arguments in the call: there, not null and not empty.
    RequireFields(Vec<FieldPath>),
}

impl Duty {
    /// The word of `@unless`, which receipts use too.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Redact(_) => "redact",
            Self::CapRows { .. } => "cap_rows",
            Self::RequireFields(_) => "require_fields",
        }
    }

    /// Whether it changes the result of the call, so that nothing may pass before the result is whole.
    #[must_use]
    pub fn edits_the_result(&self) -> bool {
        match self {
            Self::Redact(_) | Self::CapRows { .. } => true,
            Self::RequireFields(_) => false,
        }
    }
}

/// What was done about an obligation: counted, never the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discharge {
    /// The gate that asked for it.
    pub policy: PolicyId,
    /// The word of `@unless`.
    pub kind: &'static str,
    /// Values that were taken out, rows that were cut.
    pub count: u64,
}

/// Where values stand in a JSON document: a part of RFC 9535, namely `$`, `.name`, `['name']`, `[0]` and `[*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<Step>);

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The member of this name.
    Member(String),
    /// The element at this place, from 0.
    Element(usize),
    /// Every element.
    Each,
}

/// Not a path of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path reads like `$.structuredContent.customers[*].ssn`: {0}")]
pub struct ParsePathError(&'static str);

impl FieldPath {
    /// The steps from the root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path from the value of a member on; `None` if it does not begin with that member or ends there.
    #[must_use]
    pub fn below(&self, member: &str) -> Option<&[Step]> {
        match self.0.split_first() {
            Some((Step::Member(name), rest)) if name == member && !rest.is_empty() => Some(rest),
            _ => None,
        }
    }

    /// Several paths, separated by commas.
    ///
    /// # Errors
    /// One of them is none, or there is none.
    pub fn list(text: &str) -> Result<Vec<Self>, ParsePathError> {
        let (mut paths, mut from, mut quoted) = (Vec::new(), 0, false);
        for (at, character) in text.char_indices().chain([(text.len(), ',')]) {
            quoted ^= character == '\'';
            if character == ',' && (!quoted || at == text.len()) {
                paths.push(text.get(from..at).unwrap_or_default().trim().parse()?);
                from = at + 1;
            }
        }
        Ok(paths)
    }
}

impl FromStr for FieldPath {
    type Err = ParsePathError;

    /// `$` may be left out, as in `ticket` for `$.ticket`.
    fn from_str(text: &str) -> Result<Self, ParsePathError> {
        let mut steps = Vec::new();
        let mut rest = match text.strip_prefix('$') {
            Some(rest) => rest,
            None => {
                let (name, rest) = name(text)?;
                steps.push(name);
                rest
            }
        };
        while !rest.is_empty() {
            let (step, after) = if let Some(after) = rest.strip_prefix('.') {
                name(after)?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after)?
            } else {
                return Err(ParsePathError("a step begins with `.` or `[`"));
            };
            steps.push(step);
            rest = after;
        }
        match steps.is_empty() {
            true => Err(ParsePathError("it leads to the whole")),
            false if steps.len() > STEPS => Err(ParsePathError("it has too many steps")),
            false => Ok(Self(steps)),
        }
    }
}

fn name(text: &str) -> Result<(Step, &str), ParsePathError> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((name, rest)) if !name.is_empty() => Ok((Step::Member(name.to_owned()), rest)),
        _ => Err(ParsePathError("a name is missing; write unusual ones as `['name']`")),
    }
}

fn bracket(text: &str) -> Result<(Step, &str), ParsePathError> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (name, rest) = rest.split_once("']").ok_or(ParsePathError("`['` without `']`"))?;
        if name.is_empty() || name.contains(['\'', '\\']) {
            return Err(ParsePathError("a quoted name has no quotation mark and no backslash"));
        }
        return Ok((Step::Member(name.to_owned()), rest));
    }
    let (inside, rest) = text.split_once(']').ok_or(ParsePathError("`[` without `]`"))?;
    if inside == "*" {
        return Ok((Step::Each, rest));
    }
    let plain =
        inside.bytes().all(|digit| digit.is_ascii_digit()) && (inside == "0" || !inside.starts_with('0'));
    match inside.parse() {
        Ok(place) if plain => Ok((Step::Element(place), rest)),
        _ => Err(ParsePathError("brackets hold `*`, a place from 0 or a quoted name")),
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Member(name) if name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') => {
                    write!(formatter, ".{name}")?;
                }
                Step::Member(name) => write!(formatter, "['{name}']")?,
                Step::Element(place) => write!(formatter, "[{place}]")?,
                Step::Each => formatter.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// No document that is looked into is deeper.
const STEPS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_read_and_written_back() {
        for (text, written) in [
            ("$.structuredContent.customers[*].ssn", "$.structuredContent.customers[*].ssn"),
            ("ticket", "$.ticket"),
            ("customer-id[0]['odd, name']", "$['customer-id'][0]['odd, name']"),
        ] {
            assert_eq!(path(text).to_string(), written);
            assert_eq!(path(written), path(text));
        }
        assert_eq!(
            FieldPath::list("a, b['x, y'].c ,$.d").unwrap(),
            [path("a"), path("b['x, y'].c"), path("d")]
        );
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", "$", ".a", "a..b", "a.", "a[", "a[-1]", "a[01]", "a[x]", "a['b", "a['']", "a b", "$..a",
            "a[*",
        ] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
        assert!(FieldPath::list("a,,b").is_err() && FieldPath::list("a,").is_err());
        assert!("a.".repeat(80).trim_end_matches('.').parse::<FieldPath>().is_err());
    }

    #[test]
    fn a_path_goes_on_below_a_member() {
        assert!(path("rows.id").below("rows").is_some() && path("rows").below("rows").is_none());
    }
}
