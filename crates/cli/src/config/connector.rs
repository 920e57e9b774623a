//! One `[connector.NAME]` of `placet.toml`: how it is reached, and how policies see it.

use std::{collections::BTreeMap, path::Path};

use placet_connect::{ConnectorConfig, Secret, Transport};
use placet_domain::{ConnectorName, ToolName, limits};
use placet_policy::{ConnectorModel, Resolver, ResourceBinding};
use serde::Deserialize;

use super::{
    file::{duration, wrong},
    oauth,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    url: Option<String>,
    command: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, SecretEntry>,
    directory: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, SecretEntry>,
    oauth: Option<oauth::Entry>,
    deadline: Option<String>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    resource: Vec<ResourceEntry>,
}

/// A value, or where it is kept: `"text"`, `{ env = "NAME" }` or `{ file = "path" }`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SecretEntry {
    Plain(String),
    Kept(Keep),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum Keep {
    #[serde(rename = "env")]
    Env(String),
    #[serde(rename = "file")]
    File(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceEntry {
    kind: String,
    tools: Vec<String>,
    argument: String,
    resolver: Option<ResolverEntry>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResolverEntry {
    tool: String,
    argument: String,
}

type Wrong = (String, String);

pub(super) fn resolve(
    folder: &Path,
    name: &str,
    entry: Entry,
) -> Result<(ConnectorModel, ConnectorConfig), Wrong> {
    let key = |part: &str| format!("connector.{name}{part}");
    let model = model(name, &entry)?;
    let transport = match (entry.url, entry.command) {
        (Some(url), None) => Transport::Http { url: url.parse().map_err(|error| wrong(key(".url"), error))? },
        (None, Some(command)) => Transport::Stdio {
            command,
            arguments: entry.args,
            environment: secrets(folder, &key(".env"), entry.env)?,
            directory: entry.directory.map(|directory| folder.join(directory)),
        },
        _ => return Err(wrong(key(""), "give `url` for MCP over HTTP or `command` for MCP over stdio")),
    };
    let mut headers = Vec::new();
    for (header, value) in secrets(folder, &key(".headers"), entry.headers)? {
        headers.push((header.parse().map_err(|error| wrong(key(".headers"), error))?, value));
    }
    let deadline = duration(&key(".deadline"), entry.deadline.as_deref(), limits::TOOL_DEADLINE)?;
    let oauth = entry.oauth.map(|entry| oauth::resolve(folder, &key(".oauth"), entry)).transpose()?;
    let name = model.name.clone();
    Ok((model, ConnectorConfig { name, transport, headers, oauth, deadline }))
}

/// How policies see it: nothing secret is looked up.
pub(super) fn model(name: &str, entry: &Entry) -> Result<ConnectorModel, Wrong> {
    let key = |part: &str| format!("connector.{name}{part}");
    let parsed: ConnectorName = name.parse().map_err(|error| wrong(key(""), error))?;
    let mut groups = BTreeMap::new();
    for (tool, names) in &entry.groups {
        groups.insert(tool_name(&key(".groups"), tool)?, names.clone());
    }
    let bindings = entry.resource.iter().map(|resource| binding(&key(".resource"), resource));
    Ok(ConnectorModel {
        name: parsed,
        tools: Vec::new(),
        groups,
        bindings: bindings.collect::<Result<_, _>>()?,
    })
}

fn binding(key: &str, entry: &ResourceEntry) -> Result<ResourceBinding, Wrong> {
    let mut attributes = BTreeMap::new();
    for (name, kind) in &entry.attributes {
        let kind = kind.parse().map_err(|error| wrong(format!("{key}.attributes.{name}"), error))?;
        attributes.insert(name.clone(), kind);
    }
    let resolver = match &entry.resolver {
        Some(ResolverEntry { tool, argument }) => {
            Some(Resolver { tool: tool_name(key, tool)?, argument: argument.clone() })
        }
        None => None,
    };
    let tools = entry.tools.iter().map(|tool| tool_name(key, tool)).collect::<Result<_, _>>()?;
    let (kind, argument) = (entry.kind.clone(), entry.argument.clone());
    Ok(ResourceBinding { kind, tools, argument, resolver, attributes })
}

fn tool_name(key: &str, text: &str) -> Result<ToolName, Wrong> {
    text.parse().map_err(|error| wrong(key, error))
}

fn secrets(
    folder: &Path,
    key: &str,
    entries: BTreeMap<String, SecretEntry>,
) -> Result<Vec<(String, Secret)>, Wrong> {
    let mut secrets = Vec::new();
    for (name, entry) in entries {
        let value = secret(folder, &format!("{key}.{name}"), entry)?;
        secrets.push((name, value));
    }
    Ok(secrets)
}

/// The value that an entry is, or names.
pub(super) fn secret(folder: &Path, at: &str, entry: SecretEntry) -> Result<Secret, Wrong> {
    let value = match entry {
        SecretEntry::Plain(text) => text,
        SecretEntry::Kept(Keep::Env(variable)) => std::env::var(&variable)
            .map_err(|_| wrong(at, format!("the environment variable `{variable}` is not set")))?,
        SecretEntry::Kept(Keep::File(file)) => {
            let path = folder.join(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| wrong(at, format!("{}: {error}", path.display())))?;
            text.trim_end().to_owned()
        }
    };
    Ok(Secret::from(value))
}
