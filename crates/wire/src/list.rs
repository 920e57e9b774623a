//! `tools/list`: reading a server's definitions strictly, and showing a client only what it may use.
//! Which tools those are is decided elsewhere.

use std::collections::HashSet;

use placet_domain::{Json, JsonError, JsonFault, Object, ToolDefinition, limits};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Era, RawResult, UpstreamError,
    lookalike::cut,
    raw::{self, Member},
};

/// Longest time a client may keep a list, milliseconds. A revocation shows in the list after that at the latest;
/// calls are judged anew each time.
pub const LIST_TTL_MS: u64 = 5_000;
/// Member added to a definition that holds numbers beyond ±(2^53 - 1): their spellings, in order. It makes the
/// pin cover every digit; a server's own definition must not have it.
pub const INEXACT_NUMBERS: &str = "dev.placet/inexactNumbers";

/// One page of `tools/list`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// The definitions, in the server's order.
    pub tools: Vec<ToolDefinition>,
    /// Entries that are no usable definition. They can neither be listed nor called.
    pub refused: Vec<RefusedTool>,
    /// Where the next page starts.
    pub next_cursor: Option<String>,
}

/// An entry that is no usable definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTool {
    /// The name, if it could be made out, cut to a length fit for a message.
    pub name: Option<String>,
    /// Why.
    pub why: String,
}

/// Reads one page of definitions strictly. One bad entry does not spoil the others.
///
/// A definition with numbers beyond ±(2^53 - 1), which real schemas hold as bounds, is read with the nearest
/// exact ones and with their spellings in [`INEXACT_NUMBERS`]: no acceptable argument can be so large, so the bounds mean the
/// same, and the pin still changes with every digit.
///
/// # Errors
/// The result has no array `tools`, or its `nextCursor` is not a string.
pub fn tools(result: &RawResult) -> Result<Listing, UpstreamError> {
    let members = result.members()?;
    let entries = entries(&members)?;
    let next_cursor = match raw::member(&members, "nextCursor") {
        None | Some("null") => None,
        Some(cursor) => Some(serde_json::from_str(cursor).map_err(|_| "`nextCursor` is not a string")?),
    };
    let names = names_of(&entries);
    let repeated = repeated(&names);
    let mut listing = Listing { tools: Vec::with_capacity(entries.len()), refused: Vec::new(), next_cursor };
    for (entry, name) in entries.iter().zip(&names) {
        match definition(entry.get(), &repeated) {
            Ok(tool) => listing.tools.push(tool),
            Err(why) => listing.refused.push(RefusedTool { name: name.as_deref().map(cut), why }),
        }
    }
    Ok(listing)
}

fn entries<'a>(members: &[Member<'a>]) -> Result<Vec<&'a RawValue>, UpstreamError> {
    let tools = raw::member(members, "tools").ok_or("the list has no `tools`")?;
    serde_json::from_str(tools).map_err(|_| "`tools` is not an array".into())
}

fn definition(text: &str, repeated: &HashSet<&str>) -> Result<ToolDefinition, String> {
    let definition = match Json::parse(text.as_bytes()) {
        Err(JsonError { fault: JsonFault::Inexact, .. }) => with_nearest(text),
        parsed => parsed.map_err(|error| error.to_string()),
    }?;
    let name = match definition.member("name") {
        Some(Json::String(name)) => name,
        _ => return Err("the definition has no string `name`".to_owned()),
    };
    if repeated.contains(name.as_str()) {
        return Err("two definitions have this name".to_owned());
    }
    let name = name.parse().map_err(|error: placet_domain::ParseNameError| error.to_string())?;
    Ok(ToolDefinition { name, definition })
}

/// Reads numbers beyond ±(2^53 - 1) as the nearest exact one and notes their spelling.
fn with_nearest(text: &str) -> Result<Json, String> {
    let mut spellings = Vec::new();
    let mut rewritten = String::with_capacity(text.len() + 32);
    let mut end = 0;
    for number in numbers(text) {
        let spelling = text.get(number.clone()).unwrap_or_default();
        // From 1e21 on, a double has an exponent in its canonical spelling and is read as one everywhere.
        let is_plain = !spelling.contains(['e', 'E', '.']);
        let is_inexact =
            |value: f64| value.abs() > limits::JSON_INTEGER as f64 && (is_plain || value.abs() < 1e21);
        if spelling.parse().is_ok_and(is_inexact) {
            rewritten.push_str(text.get(end..number.start).unwrap_or_default());
            rewritten.push_str(if spelling.starts_with('-') { "-" } else { "" });
            rewritten.push_str(&limits::JSON_INTEGER.to_string());
            end = number.end;
            spellings.push(Json::from(spelling));
        }
    }
    rewritten.push_str(text.get(end..).unwrap_or_default());
    match Json::parse(rewritten.as_bytes()).map_err(|error| error.to_string())? {
        Json::Object(definition) if definition.member(INEXACT_NUMBERS).is_none() => {
            Ok(definition.with(INEXACT_NUMBERS, spellings).into())
        }
        _ => Err(format!("the definition is no object, or holds `{INEXACT_NUMBERS}`")),
    }
}

/// Where the numbers of a valid JSON text stand.
fn numbers(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut in_string = false;
        while let Some(byte) = bytes.get(at) {
            match (in_string, byte) {
                (true, b'\\') => at += 1,
                (_, b'"') => in_string = !in_string,
                (false, b'-' | b'0'..=b'9') => {
                    let start = at;
                    let part = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                    at += bytes.get(at..).unwrap_or_default().iter().take_while(part).count();
                    return Some(start..at);
                }
                _ => {}
            }
            at += 1;
        }
        None
    })
}

/// The name each entry gives, if it gives exactly one.
fn names_of(entries: &[&RawValue]) -> Vec<Option<String>> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let name = |entry: &&RawValue| serde_json::from_str::<Named>(entry.get()).ok().map(|named| named.name);
    entries.iter().map(name).collect()
}

/// Names that stand for more than one entry, and so for none.
fn repeated(names: &[Option<String>]) -> HashSet<&str> {
    let mut seen = HashSet::with_capacity(names.len());
    names.iter().flatten().map(String::as_str).filter(|name| !seen.insert(*name)).collect()
}

/// The list with only the tools that `keep` accepts, in their order, each byte for byte; and one of `ours`, its definition
/// given as JSON text. What has no name, or
/// shares it with another entry, is left out. The list becomes private to the caller and short-lived; for a
/// stateless client, members of that era that an older server did not send are added.
///
/// # Errors
/// The result has no array `tools`.
pub fn filter(
    result: &RawResult,
    mut keep: impl FnMut(&str) -> bool,
    ours: Option<&str>,
    era: Era,
) -> Result<String, UpstreamError> {
    let members = result.members()?;
    let entries = entries(&members)?;
    let names = names_of(&entries);
    let repeated = repeated(&names);
    let mut kept = String::from("[");
    for (entry, name) in entries.iter().zip(&names) {
        if name.as_deref().is_some_and(|name| !repeated.contains(name) && keep(name)) {
            if kept.len() > 1 {
                kept.push(',');
            }
            kept.push_str(entry.get());
        }
    }
    if let Some(definition) = ours {
        if kept.len() > 1 {
            kept.push(',');
        }
        kept.push_str(definition);
    }
    kept.push(']');
    let mut edits = Vec::with_capacity(4);
    let mut set =
        |key: &str, value: String, is_needed: bool| match members.iter().find(|member| member.key == key) {
            Some(member) => edits.push((member.place.clone(), value)),
            None if is_needed => edits.push(raw::addition(result.as_str(), false, key, &value)),
            None => {}
        };
    set("tools", kept, true);
    set("cacheScope", r#""private""#.to_owned(), era.is_stateless());
    set("ttlMs", time_to_live(raw::member(&members, "ttlMs")).to_string(), era.is_stateless());
    if result.result_type().is_none() {
        set("resultType", r#""complete""#.to_owned(), era.is_stateless());
    }
    Ok(raw::splice(result.as_str(), &mut edits))
}

/// At most [`LIST_TTL_MS`]; a server that says nothing, or nothing sensible, means: do not keep.
fn time_to_live(sent: Option<&str>) -> u64 {
    sent.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0).min(LIST_TTL_MS)
}

/// An empty list, for a caller who may use nothing.
#[must_use]
pub fn empty(era: Era) -> Object {
    let list = Object::new().with("tools", Vec::<Json>::new());
    match era.is_stateless() {
        true => list.with("cacheScope", "private").with("resultType", "complete").with("ttlMs", 0),
        false => list,
    }
}

#[cfg(test)]
mod tests;
