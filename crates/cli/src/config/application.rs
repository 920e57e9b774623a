//! `[application.NAME]`: a foreign system that asks Placet before it acts, its actions and its kinds of resources. And
//! `[enforcers]`: the agents that may ask about others at a connector.

use std::collections::BTreeMap;

use placet_domain::{ConnectorName, Json, Object, Resource, ToolName};
use placet_engine::{Application, DecisionRules, Route, Vocabulary};
use placet_policy::{AttributeType, ConnectorModel, PolicyConfig, ResourceBinding};
use serde::Deserialize;

use super::file::{Wrong, wrong};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default)]
    enforcers: Vec<String>,
    issuer: Option<String>,
    #[serde(default)]
    subject: BTreeMap<String, String>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    kind: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    action: BTreeMap<String, ActionEntry>,
    #[serde(default)]
    route: Vec<RouteEntry>,
    #[serde(default)]
    resource: Vec<ResourceEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    method: String,
    path: String,
    action: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionEntry {
    on: String,
    groups: Option<Vec<String>>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceEntry {
    kind: String,
    id: String,
    #[serde(default)]
    attributes: BTreeMap<String, toml::Value>,
}

/// Resolves the applications and adds them to the policies' configuration.
pub(super) fn resolve(
    entries: BTreeMap<String, Entry>,
    enforcers: BTreeMap<String, Vec<String>>,
    policy: &mut PolicyConfig,
) -> Result<DecisionRules, Wrong> {
    let mut rules = DecisionRules::default();
    for (connector, agents) in enforcers {
        let key = format!("enforcers.{connector}");
        let name: ConnectorName = connector.parse().map_err(|error| wrong(&key, error))?;
        if !policy.connectors.iter().any(|known| known.name == name) {
            return Err(wrong(key, "there is no such connector; an application has `enforcers` of its own"));
        }
        admit(&mut rules, &key, &name, agents)?;
    }
    for (name, entry) in entries {
        let key = |part: &str| format!("application.{name}{part}");
        let parsed: ConnectorName = name.parse().map_err(|error| wrong(key(""), error))?;
        if policy.connectors.iter().any(|known| known.name == parsed) {
            return Err(wrong(key(""), "a connector has this name already"));
        }
        admit(&mut rules, &key(".enforcers"), &parsed, entry.enforcers)?;
        let said = Said { subject: entry.subject, context: entry.context, kinds: entry.kind };
        let (model, actions) = actions(&key(""), parsed.clone(), &said, entry.action)?;
        let mut resources = Vec::new();
        for resource in entry.resource {
            resources.push(declared(&key(".resource"), &said.kinds, resource)?);
        }
        let mut routes = Vec::new();
        for RouteEntry { method, path, action } in entry.route {
            let action: ToolName = action.parse().map_err(|error| wrong(key(".route"), error))?;
            if !actions.iter().any(|(known, _)| known.name == action) {
                return Err(wrong(key(".route"), format!("`{action}` is no `action`")));
            }
            routes.push(Route::new(&method, &path, action).map_err(|error| wrong(key(".route"), error))?);
        }
        policy.connectors.push(model);
        policy.applications.insert(parsed.clone());
        rules.applications.push(Application {
            name: parsed,
            issuer: entry.issuer,
            actions,
            routes,
            resources,
        });
    }
    Ok(rules)
}

fn admit(
    rules: &mut DecisionRules,
    key: &str,
    connector: &ConnectorName,
    agents: Vec<String>,
) -> Result<(), Wrong> {
    for agent in agents {
        rules.enforcers.push((connector.clone(), agent.parse().map_err(|error| wrong(key, error))?));
    }
    Ok(())
}

/// What an application can say, as people type it.
struct Said {
    subject: BTreeMap<String, String>,
    context: BTreeMap<String, String>,
    kinds: BTreeMap<String, BTreeMap<String, String>>,
}

type Actions = Vec<(placet_domain::ToolDefinition, String)>;

fn actions(
    key: &str,
    name: ConnectorName,
    said: &Said,
    entries: BTreeMap<String, ActionEntry>,
) -> Result<(ConnectorModel, Actions), Wrong> {
    if entries.is_empty() {
        return Err(wrong(key, "an application has at least one `action`"));
    }
    let mut model = ConnectorModel { name, tools: Vec::new(), groups: BTreeMap::new(), bindings: Vec::new() };
    let mut actions = Vec::new();
    for (action, entry) in entries {
        let at = format!("{key}.action.{action}");
        let tool: ToolName = action.parse().map_err(|error| wrong(&at, error))?;
        let attributes = said.kinds.get(&entry.on).ok_or_else(|| {
            wrong(format!("{at}.on"), format!("`{}` is not declared as `{key}.kind.{0}`", entry.on))
        })?;
        let vocabulary = Vocabulary {
            subject: types(&format!("{key}.subject"), &said.subject)?,
            action: types(&format!("{at}.properties"), &entry.properties)?,
            context: types(&format!("{key}.context"), &said.context)?,
        };
        if let Some(groups) = entry.groups {
            model.groups.insert(tool.clone(), groups);
        }
        model.bindings.push(ResourceBinding {
            kind: entry.on.clone(),
            tools: vec![tool.clone()],
            argument: "id".to_owned(),
            resolver: None,
            attributes: types(&format!("{key}.kind.{}", entry.on), attributes)?,
        });
        actions.push((vocabulary.action(tool), entry.on));
    }
    Ok((model, actions))
}

fn types(key: &str, named: &BTreeMap<String, String>) -> Result<BTreeMap<String, AttributeType>, Wrong> {
    let read = |(name, kind): (&String, &String)| {
        let kind = kind.parse().map_err(|error| wrong(format!("{key}.{name}"), error))?;
        Ok((name.clone(), kind))
    };
    named.iter().map(read).collect()
}

fn declared(
    key: &str,
    kinds: &BTreeMap<String, BTreeMap<String, String>>,
    entry: ResourceEntry,
) -> Result<(Resource, Object), Wrong> {
    let kind = kinds.get(&entry.kind).ok_or_else(|| wrong(key, format!("`{}` is no `kind`", entry.kind)))?;
    let mut attributes = Object::new();
    for (name, value) in entry.attributes {
        if !kind.contains_key(&name) {
            return Err(wrong(key, format!("`{}` has no attribute `{name}`", entry.kind)));
        }
        attributes.set(&name, json(value).map_err(|why| wrong(format!("{key}.{name}"), why))?);
    }
    Ok((Resource { kind: entry.kind, id: entry.id }, attributes))
}

fn json(value: toml::Value) -> Result<Json, &'static str> {
    Ok(match value {
        toml::Value::String(text) => Json::from(text),
        toml::Value::Integer(number) => Json::from(number),
        toml::Value::Boolean(truth) => Json::from(truth),
        toml::Value::Array(values) => Json::Array(values.into_iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            return Err("write a text, a whole number, a truth value or a list of texts");
        }
    })
}
