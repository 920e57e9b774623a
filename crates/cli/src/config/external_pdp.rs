//! `[[external_pdp]]`: decision points of others that are asked about some tools, as a veto or as a gate.

use std::{collections::BTreeMap, path::Path, time::Duration};

use placet_connect::{DecisionPointConfig, Interface};
use placet_domain::{ConnectorName, Json, Object, ToolName, limits};
use placet_engine::{ExternalPoint, Objection};
use serde::Deserialize;

use super::{
    connector::{SecretEntry, secret},
    file::{Wrong, duration, wrong},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    kind: String,
    url: String,
    tools: Vec<String>,
    #[serde(rename = "as")]
    stands: Option<String>,
    #[serde(default)]
    approvers: Vec<String>,
    timeout: Option<String>,
    deadline: Option<String>,
    authorization: Option<SecretEntry>,
    #[serde(default)]
    subject: BTreeMap<String, toml::Value>,
}

/// How long a decision point may take if the file does not say.
const DEADLINE: Duration = Duration::from_millis(250);
/// How long it may take at most: a call waits for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Both sides of a decision point: what the engine does with it, and how it is asked.
pub(super) fn resolve(
    folder: &Path,
    entries: Vec<Entry>,
    connectors: &[ConnectorName],
) -> Result<(Vec<ExternalPoint>, Vec<DecisionPointConfig>), Wrong> {
    let (mut points, mut configs) = (Vec::<ExternalPoint>::new(), Vec::new());
    for entry in entries {
        let key = |part: &str| format!("external_pdp.{}{part}", entry.name);
        if points.iter().any(|known| known.name == entry.name) {
            return Err(wrong(key(""), "it is declared twice"));
        }
        let interface = match entry.kind.as_str() {
            "authzen" => Interface::Authzen,
            "opa" => Interface::Opa,
            _ => return Err(wrong(key(".kind"), "write `authzen` or `opa`")),
        };
        let stands = match entry.stands.as_deref() {
            None | Some("veto") if entry.approvers.is_empty() && entry.timeout.is_none() => Objection::Veto,
            Some("gate") if !entry.approvers.is_empty() => {
                let groups = entry.approvers.iter().map(|group| group.parse());
                let groups =
                    groups.collect::<Result<_, _>>().map_err(|error| wrong(key(".approvers"), error))?;
                let timeout = duration(&key(".timeout"), entry.timeout.as_deref(), limits::APPROVAL_WAIT)?;
                Objection::Gate(groups, timeout)
            }
            _ => {
                let message = "write `veto`, or `gate` with `approvers` and, if you like, `timeout`";
                return Err(wrong(key(".as"), message));
            }
        };
        let deadline = duration(&key(".deadline"), entry.deadline.as_deref(), DEADLINE)?;
        if deadline.is_zero() || deadline > LONGEST {
            return Err(wrong(key(".deadline"), "a decision point has up to 5 seconds"));
        }
        let mut subject = Object::new();
        for (name, value) in &entry.subject {
            subject.set(
                name,
                constant(value).ok_or_else(|| wrong(key(".subject"), "write texts or lists of texts"))?,
            );
        }
        points.push(ExternalPoint {
            id: format!("external:{}", entry.name).parse().map_err(|error| wrong(key(".name"), error))?,
            about: about(&key(".tools"), &entry.tools, connectors)?,
            stands,
            subject,
            name: entry.name.clone(),
        });
        let authorization = match entry.authorization {
            Some(kept) => Some(secret(folder, &key(".authorization"), kept)?),
            None => None,
        };
        let (name, url) = (entry.name, entry.url);
        configs.push(DecisionPointConfig { name, url, interface, authorization, deadline });
    }
    Ok((points, configs))
}

/// `crm` or `crm.update_deal`.
fn about(
    key: &str,
    tools: &[String],
    connectors: &[ConnectorName],
) -> Result<Vec<(ConnectorName, Option<ToolName>)>, Wrong> {
    if tools.is_empty() {
        return Err(wrong(key, "name the tools it is asked about: `connector` or `connector.tool`"));
    }
    let named = |text: &String| {
        connectors.iter().find_map(|connector| match text.strip_prefix(connector.as_str())? {
            "" => Some((connector.clone(), None)),
            rest => Some((connector.clone(), Some(rest.strip_prefix('.')?.parse().ok()?))),
        })
    };
    let unknown = |text: &String| wrong(key, format!("`{text}` names no connector of this file"));
    tools.iter().map(|text| named(text).ok_or_else(|| unknown(text))).collect()
}

fn constant(value: &toml::Value) -> Option<Json> {
    match value {
        toml::Value::String(text) => Some(Json::from(text.as_str())),
        toml::Value::Array(texts) => {
            let texts: Option<Vec<&str>> = texts.iter().map(toml::Value::as_str).collect();
            texts.map(Json::from)
        }
        _ => None,
    }
}
