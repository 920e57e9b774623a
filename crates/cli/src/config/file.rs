//! `placet.toml` as people type it, and its way into a [`Config`]. Unknown keys are errors that name the known ones.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use placet_domain::limits;
use placet_policy::PolicyConfig;
use serde::Deserialize;

use super::{APPROVAL_USE, Config, ConfigError, DRAIN, LISTEN, People, SEGMENT_BYTES, connector, fact_type};

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
    approvals: Approvals,
    #[serde(default)]
    ledger: Ledger,
    #[serde(default)]
    person: Vec<PersonEntry>,
    #[serde(default)]
    connector: BTreeMap<String, connector::Entry>,
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
    time_zone: Option<String>,
    #[serde(default)]
    require_user_grants: bool,
    #[serde(default)]
    facts: BTreeMap<String, String>,
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    name: String,
    #[serde(default)]
    groups: Vec<String>,
    os_user: Option<String>,
    os_uid: Option<u32>,
}

/// Parses and resolves the text of a `placet.toml`.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text)
        .map_err(|error| ConfigError::Syntax { path: path.to_owned(), message: error.to_string() })?;
    resolve(path, file).map_err(|(key, message)| ConfigError::Value { path: path.to_owned(), key, message })
}

type Wrong = (String, String);

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
    let mut policy =
        PolicyConfig { require_user_grants: file.policy.require_user_grants, ..PolicyConfig::default() };
    if let Some(zone) = file.policy.time_zone {
        jiff::tz::TimeZone::get(&zone).map_err(|error| wrong("policy.time_zone", error))?;
        policy.time_zone = zone;
    }
    for (name, kind) in file.policy.facts {
        let kind = fact_type(&kind).map_err(|message| wrong(format!("policy.facts.{name}"), message))?;
        policy.facts.insert(name, kind);
    }
    let mut connectors = Vec::new();
    for (name, entry) in file.connector {
        let (model, config) = connector::resolve(&folder, &name, entry)?;
        policy.connectors.push(model);
        connectors.push(config);
    }
    let files =
        if file.policy.files.is_empty() { vec!["policies/*.cedar".to_owned()] } else { file.policy.files };
    Ok(Config {
        public_url: file.gateway.public_url.unwrap_or_else(|| format!("http://{listen}")),
        origin: file.ledger.origin.unwrap_or_else(|| "placet.local/ledger".to_owned()),
        segment_bytes: file.ledger.segment_bytes.unwrap_or(SEGMENT_BYTES),
        listen,
        hosts: file.gateway.hosts,
        origins: file.gateway.origins,
        body_bytes: file.limits.body_bytes.unwrap_or(limits::BODY_BYTES),
        drain: duration("gateway.drain", file.gateway.drain.as_deref(), DRAIN)?,
        policy_files: files.iter().map(|file| folder.join(file)).collect(),
        policy,
        connectors,
        approval_use: duration("approvals.usable", file.approvals.usable.as_deref(), APPROVAL_USE)?,
        people: people(file.person)?,
    })
}

fn people(entries: Vec<PersonEntry>) -> Result<People, Wrong> {
    let mut people = People::default();
    for PersonEntry { name, groups, os_user, os_uid } in entries {
        let key = format!("person `{name}`");
        let groups = groups.iter().map(|group| group.parse().map_err(|error| wrong(&key, error)));
        let uid = match (os_uid, os_user) {
            (Some(_), Some(_)) => return Err(wrong(key, "give `os_user` or `os_uid`, not both")),
            (Some(uid), None) => Some(uid),
            (None, Some(user)) => {
                let uid =
                    uid_of(&user).ok_or_else(|| wrong(&key, format!("no user `{user}` on this machine")))?;
                Some(uid)
            }
            (None, None) => None,
        };
        if uid.is_some_and(|uid| people.of_uid(uid).is_some()) {
            return Err(wrong(key, "another person already has this operating-system user"));
        }
        let parsed = name.parse().map_err(|error| wrong(&key, error))?;
        people.declare(parsed, groups.collect::<Result<_, _>>()?, uid);
    }
    Ok(people)
}

/// The id of a user of this machine, by `/etc/passwd`.
fn uid_of(user: &str) -> Option<u32> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == user).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

pub(super) fn duration(key: &str, text: Option<&str>, default: Duration) -> Result<Duration, Wrong> {
    let Some(text) = text else { return Ok(default) };
    let parsed: jiff::SignedDuration = text.parse().map_err(|error| wrong(key, error))?;
    parsed.try_into().map_err(|_| wrong(key, "a duration cannot be negative"))
}
