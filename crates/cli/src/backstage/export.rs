//! Agents and connectors as catalog entities: each agent an `AiResource` of the type `agent`, each connector an `API` of
//! the type `mcp-server` that it depends on.

use placet_domain::Json;
use serde_json::{Map, Value, json};

use super::entity::{AGENT, Entity, Metadata, entity_name};
use crate::print::{list, some_text, text};

const VERSION: &str = "backstage.io/v1alpha1";

/// The entities of what the control API lists. Retired agents are none. An agent whose name collides with another's as a
/// name of an entity is an error.
pub(crate) fn catalog(agents: &Json, connectors: &Json, operators: &str) -> Result<Vec<Entity>, String> {
    let mut entities: Vec<Entity> = Vec::new();
    for connector in list(connectors, "connectors") {
        entities.push(api(connector, operators));
    }
    for agent in list(agents, "agents").iter().filter(|agent| text(agent, "stage") != "retired") {
        let entity = resource(agent, connectors);
        if let Some(other) = entities
            .iter()
            .find(|other| other.is(&entity.kind) && other.metadata.name == entity.metadata.name)
        {
            let (one, two) = (text(agent, "name"), &other.metadata.name);
            return Err(format!(
                "`{one}` would be `{two}` in the catalog, which is another one's; rename one of them"
            ));
        }
        entities.push(entity);
    }
    Ok(entities)
}

fn resource(agent: &Json, connectors: &Json) -> Entity {
    let name = text(agent, "name");
    let charter = agent.member("charter").unwrap_or(&Json::Null);
    let mut annotations = Map::new();
    for (key, value) in [
        (AGENT, Some(name.clone())),
        ("placet.dev/tier", some_text(agent, "tier")),
        ("placet.dev/stage", some_text(agent, "stage")),
        ("placet.dev/owner", some_text(agent, "owner")),
        ("placet.dev/backup-owner", some_text(charter, "backup_owner")),
        ("placet.dev/model", some_text(charter, "model")),
        ("placet.dev/environment", some_text(charter, "environment")),
        ("placet.dev/contact", some_text(charter, "contact")),
        ("placet.dev/until", some_text(charter, "until")),
        ("placet.dev/certification-ends", some_text(agent, "certification_ends")),
    ] {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), Value::String(value));
        }
    }
    let mut spec = Map::new();
    spec.insert("type".to_owned(), json!("agent"));
    spec.insert("lifecycle".to_owned(), json!(lifecycle(agent, charter)));
    spec.insert("owner".to_owned(), json!(format!("user:default/{}", entity_name(&text(agent, "owner")))));
    let depends = depends_on(charter, connectors);
    if !depends.is_empty() {
        spec.insert("dependsOn".to_owned(), json!(depends));
    }
    let metadata = Metadata {
        title: (entity_name(&name) != name).then(|| name.clone()),
        name: entity_name(&name),
        namespace: None,
        description: some_text(agent, "purpose"),
        annotations,
    };
    Entity { api_version: VERSION.to_owned(), kind: "AiResource".to_owned(), metadata, spec }
}

/// What an agent wants; every connector if its charter leaves it to policy.
fn depends_on(charter: &Json, connectors: &Json) -> Vec<String> {
    let wants = list(charter, "wants");
    let mut names: Vec<String> = match wants.is_empty() {
        true => list(connectors, "connectors").iter().map(|connector| text(connector, "name")).collect(),
        false => wants
            .iter()
            .filter_map(Json::as_str)
            .map(|want| want.split_once('.').map_or(want, |(connector, _)| connector).to_owned())
            .collect(),
    };
    names.sort();
    names.dedup();
    names.iter().map(|name| format!("api:default/{}", entity_name(name))).collect()
}

/// The catalog's word for how far an agent is.
fn lifecycle(agent: &Json, charter: &Json) -> &'static str {
    let environment = some_text(charter, "environment");
    match text(agent, "stage").as_str() {
        "active" | "certification_due" => match environment.as_deref() {
            None | Some("production") => "production",
            Some(_) => "experimental",
        },
        "proposed" => "experimental",
        _ => "deprecated",
    }
}

fn api(connector: &Json, operators: &str) -> Entity {
    let name = text(connector, "name");
    let tools = list(connector, "tools").len();
    let mut spec = Map::new();
    spec.insert("type".to_owned(), json!("mcp-server"));
    spec.insert("lifecycle".to_owned(), json!("production"));
    spec.insert("owner".to_owned(), json!(operators));
    spec.insert("remotes".to_owned(), json!([{ "type": "streamable-http", "url": text(connector, "url") }]));
    let metadata = Metadata {
        title: (entity_name(&name) != name).then(|| name.clone()),
        name: entity_name(&name),
        namespace: None,
        description: Some(format!("`{name}` behind Placet: {tools} tools, each call judged and on record")),
        annotations: Map::from_iter([("placet.dev/connector".to_owned(), Value::String(name))]),
    };
    Entity { api_version: VERSION.to_owned(), kind: "API".to_owned(), metadata, spec }
}
