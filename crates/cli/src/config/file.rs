//! `placet.toml` as people type it, and its way into a [`Config`]. Unknown keys are errors that name the known ones.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use placet_domain::limits;
use placet_engine::{DpopRule, PolicyRules, SecondPerson};
use placet_policy::PolicyConfig;
use serde::Deserialize;

use super::{
    APPROVAL_USE, Config, ConfigError, DRAIN, LISTEN, People, PolicySide, REPLAY_DAYS, SEGMENT_BYTES,
    anomaly_hook, application, connector, control, external_pdp, fact_type, flow, grants, issuer,
    people::PersonEntry, registry, risk, transmitter, usage,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    gateway: Gateway,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    replay: Replay,
    #[serde(default)]
    approvals: Approvals,
    #[serde(default)]
    ledger: Ledger,
    #[serde(default)]
    registry: registry::Entry,
    #[serde(default)]
    tiers: BTreeMap<String, registry::TierEntry>,
    #[serde(default)]
    control: control::Entry,
    roles: Option<BTreeMap<String, Vec<String>>>,
    sign_in: Option<control::SignInEntry>,
    #[serde(default)]
    person: Vec<PersonEntry>,
    #[serde(default)]
    issuer: Vec<issuer::Entry>,
    #[serde(default)]
    transmitter: Vec<transmitter::Entry>,
    #[serde(default)]
    connector: BTreeMap<String, connector::Entry>,
    #[serde(default)]
    application: BTreeMap<String, application::Entry>,
    #[serde(default)]
    external_pdp: Vec<external_pdp::Entry>,
    ext_authz: Option<ExtAuthz>,
    #[serde(default)]
    enforcers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    grants: grants::Entry,
    #[serde(default)]
    usage: BTreeMap<String, usage::Entry>,
    #[serde(default)]
    label: Vec<flow::LabelEntry>,
    #[serde(default)]
    history: BTreeMap<String, flow::HistoryEntry>,
    provenance: Option<flow::ProvenanceEntry>,
    risk: Option<risk::Entry>,
    #[serde(default)]
    anomaly_hook: Vec<anomaly_hook::Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    listen: Option<String>,
    public_url: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default)]
    behind_proxy: bool,
    drain: Option<String>,
    dpop: Option<String>,
    #[serde(default)]
    dpop_nonces: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtAuthz {
    listen: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    body_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(default)]
    files: Vec<String>,
    tools: Option<String>,
    time_zone: Option<String>,
    #[serde(default)]
    require_user_grants: bool,
    follow_files: Option<bool>,
    second_person: Option<String>,
    second_person_group: Option<String>,
    #[serde(default)]
    signers: Vec<String>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    keep_days: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approvals {
    usable: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    origin: Option<String>,
    segment_bytes: Option<u64>,
}

/// Parses and resolves the text of a `placet.toml`.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text)
        .map_err(|error| ConfigError::Syntax { path: path.to_owned(), message: error.to_string() })?;
    resolve(path, file).map_err(|(key, message)| ConfigError::Value { path: path.to_owned(), key, message })
}

/// Parses only what policies depend on: secrets may be absent, and no address is looked at.
pub(crate) fn parse_policy_side(path: &Path, text: &str) -> Result<PolicySide, ConfigError> {
    let file: File = toml::from_str(text)
        .map_err(|error| ConfigError::Syntax { path: path.to_owned(), message: error.to_string() })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let files = policy_files(folder, &file.policy);
    let tools = folder.join(file.policy.tools.as_deref().unwrap_or(TOOLS));
    let connectors = file.connector;
    let resolve = || {
        let mut policy = rules(file.policy, file.usage)?;
        policy.flow = flow::resolve(folder, file.label, file.history, file.provenance)?;
        policy.risk = file.risk.map(risk::resolve).transpose()?;
        for (name, entry) in &connectors {
            policy.connectors.push(connector::model(name, entry)?);
        }
        application::resolve(file.application, file.enforcers, &mut policy)?;
        Ok(PolicySide { files, tools, policy })
    };
    resolve().map_err(|(key, message)| ConfigError::Value { path: path.to_owned(), key, message })
}

fn policy_files(folder: &Path, policy: &Policy) -> Vec<PathBuf> {
    match policy.files.as_slice() {
        [] => vec![folder.join("policies/*.cedar")],
        files => files.iter().map(|file| folder.join(file)).collect(),
    }
}

/// Time zone, facts, usages and what else `[policy]` says, without connectors.
fn rules(entry: Policy, usages: BTreeMap<String, usage::Entry>) -> Result<PolicyConfig, Wrong> {
    let mut policy =
        PolicyConfig { require_user_grants: entry.require_user_grants, ..PolicyConfig::default() };
    if let Some(zone) = entry.time_zone {
        jiff::tz::TimeZone::get(&zone).map_err(|error| wrong("policy.time_zone", error))?;
        policy.time_zone = zone;
    }
    for (name, kind) in entry.facts {
        let kind = fact_type(&kind).map_err(|message| wrong(format!("policy.facts.{name}"), message))?;
        policy.facts.insert(name, kind);
    }
    for (name, entry) in usages {
        let (name, rule) = usage::resolve(&name, entry)?;
        policy.usages.insert(name, rule);
    }
    Ok(policy)
}

/// Where tool definitions are written for those who have no running Placet.
const TOOLS: &str = "policies/tools";

pub(super) type Wrong = (String, String);

pub(super) fn wrong(key: impl Into<String>, message: impl ToString) -> Wrong {
    (key.into(), message.to_string())
}

fn resolve(path: &Path, file: File) -> Result<Config, Wrong> {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let listen: SocketAddr =
        file.gateway.listen.as_deref().unwrap_or(LISTEN).parse().map_err(|_| {
            wrong("gateway.listen", "use an address and a port, for example `127.0.0.1:7420`")
        })?;
    if !listen.ip().is_loopback() && !file.gateway.behind_proxy {
        let message = "agents' tokens would cross the network unencrypted; listen on loopback, or put a proxy with TLS \
                       in front and set `behind_proxy = true`";
        return Err(wrong("gateway.listen", message));
    }
    let policy_rules = policy_rules(&file.policy)?;
    let ext_authz = file
        .ext_authz
        .as_ref()
        .map(|place| grpc_address(&place.listen, file.gateway.behind_proxy))
        .transpose()?;
    let files = policy_files(&folder, &file.policy);
    let mut policy = rules(file.policy, file.usage)?;
    policy.flow = flow::resolve(&folder, file.label, file.history, file.provenance)?;
    policy.grants = grants::resolve(file.grants)?;
    policy.risk = file.risk.map(risk::resolve).transpose()?;
    let control = control::resolve(&folder, file.control, file.roles, file.sign_in)?;
    let mut connectors = Vec::new();
    for (name, entry) in file.connector {
        let (model, config) = connector::resolve(&folder, &name, entry)?;
        policy.connectors.push(model);
        connectors.push(config);
    }
    let known: Vec<_> = policy.connectors.iter().map(|connector| connector.name.clone()).collect();
    let (external, decision_points) = external_pdp::resolve(&folder, file.external_pdp, &known)?;
    let (hooks, anomaly_hooks) = anomaly_hook::resolve(&folder, file.anomaly_hook, &known)?;
    let decisions = application::resolve(file.application, file.enforcers, &mut policy)?;
    Ok(Config {
        public_url: file.gateway.public_url.unwrap_or_else(|| format!("http://{listen}")),
        origin: file.ledger.origin.unwrap_or_else(|| "placet.local/ledger".to_owned()),
        segment_bytes: file.ledger.segment_bytes.unwrap_or(SEGMENT_BYTES),
        listen,
        ext_authz,
        hosts: file.gateway.hosts,
        origins: file.gateway.origins,
        body_bytes: file.limits.body_bytes.unwrap_or(limits::BODY_BYTES),
        drain: duration("gateway.drain", file.gateway.drain.as_deref(), DRAIN)?,
        folder: folder.clone(),
        policy_files: files,
        policy_rules,
        replay_days: file.replay.keep_days.unwrap_or(REPLAY_DAYS),
        policy,
        connectors,
        approval_use: duration("approvals.usable", file.approvals.usable.as_deref(), APPROVAL_USE)?,
        issuers: issuer::resolve(&folder, file.issuer)?,
        dpop: DpopRule {
            required: match file.gateway.dpop.as_deref() {
                None | Some("optional") => false,
                Some("required") => true,
                Some(_) => return Err(wrong("gateway.dpop", "write `required` or `optional`")),
            },
            nonces: file.gateway.dpop_nonces,
        },
        transmitters: transmitter::resolve(&folder, file.transmitter)?,
        people: People::resolve(&folder, file.person)?.admitting(control.admits()),
        control,
        registry: registry::resolve(file.registry, file.tiers)?,
        decisions,
        external,
        decision_points,
        hooks,
        anomaly_hooks,
    })
}

fn policy_rules(policy: &Policy) -> Result<PolicyRules, Wrong> {
    let rules = PolicyRules::default();
    let group = match &policy.second_person_group {
        Some(group) => group.parse().map_err(|error| wrong("policy.second_person_group", error))?,
        None => rules.group,
    };
    let second_person = match policy.second_person.as_deref() {
        Some("always") => SecondPerson::Always,
        None | Some("never") => SecondPerson::Never,
        Some("widening") => SecondPerson::Widening,
        Some(_) => return Err(wrong("policy.second_person", "write `always`, `never` or `widening`")),
    };
    let signers = policy.signers.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    let signers = signers.map_err(|error: placet_ledger::KeyError| wrong("policy.signers", error))?;
    Ok(PolicyRules { second_person, group, signers, follow_files: policy.follow_files.unwrap_or(true) })
}

/// Held requests carry agents' tokens as well.
fn grpc_address(text: &str, behind_proxy: bool) -> Result<SocketAddr, Wrong> {
    let wrong =
        || wrong("ext_authz.listen", "use an address and a port on loopback, for example `127.0.0.1:7423`");
    let address: SocketAddr = text.parse().map_err(|_| wrong())?;
    if address.ip().is_loopback() || behind_proxy { Ok(address) } else { Err(wrong()) }
}

pub(super) fn duration(key: &str, text: Option<&str>, default: Duration) -> Result<Duration, Wrong> {
    let Some(text) = text else { return Ok(default) };
    let parsed: jiff::SignedDuration = text.parse().map_err(|error| wrong(key, error))?;
    parsed.try_into().map_err(|_| wrong(key, "a duration cannot be negative"))
}
