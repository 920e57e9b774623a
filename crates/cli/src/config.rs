//! `placet.toml`: read completely before anything is opened or bound.
//! `config/file.rs` is what people type; here is what the program uses.

mod anomaly_hook;
mod application;
mod connector;
mod control;
mod external_pdp;
mod file;
mod flow;
mod grants;
mod issuer;
mod oauth;
mod people;
mod registry;
mod risk;
mod transmitter;
mod usage;

use std::{
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use placet_connect::{AnomalyHookConfig, ConnectorConfig, DecisionPointConfig};
use placet_domain::limits;
use placet_engine::{
    AnomalyHook, DecisionRules, DpopRule, ExternalPoint, PolicyRules, RegistryRules, TrustedIssuer,
};
use placet_identity::EventReceiver;
use placet_policy::{FactType, PolicyConfig, PolicySource};

pub(crate) use control::ControlPlace;
pub(crate) use file::{parse, parse_policy_side};
pub(crate) use people::People;

/// A configuration that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where agents connect.
    pub(crate) listen: SocketAddr,
    /// Where Envoy asks by gRPC, if it does.
    pub(crate) ext_authz: Option<SocketAddr>,
    /// The address in tokens and messages.
    pub(crate) public_url: String,
    /// Further accepted `Host` values.
    pub(crate) hosts: Vec<String>,
    /// Further accepted `Origin` values.
    pub(crate) origins: Vec<String>,
    /// Largest accepted request body, bytes.
    pub(crate) body_bytes: usize,
    /// How long open calls may take to end when the program stops.
    pub(crate) drain: Duration,
    /// The folder of the configuration: policies are named relative to it.
    pub(crate) folder: PathBuf,
    /// Policy files, as paths or `*.cedar` patterns.
    pub(crate) policy_files: Vec<PathBuf>,
    /// Who must agree to a change of policies, and whether their files lead.
    pub(crate) policy_rules: PolicyRules,
    /// For how many days what decisions were made of is kept for replays; 0 for not at all.
    pub(crate) replay_days: u16,
    /// Time zone, facts, and the policy side of the connectors.
    pub(crate) policy: PolicyConfig,
    /// The connection side of the connectors.
    pub(crate) connectors: Vec<ConnectorConfig>,
    /// How long an approval may be used.
    pub(crate) approval_use: Duration,
    /// The people of this deployment.
    pub(crate) people: People,
    /// Who must agree to an agent, and how long a certification holds.
    pub(crate) registry: RegistryRules,
    /// The applications that ask before they act, and who may ask about others.
    pub(crate) decisions: DecisionRules,
    /// Decision points of others: what they stand for.
    pub(crate) external: Vec<ExternalPoint>,
    /// Decision points of others: how they are asked.
    pub(crate) decision_points: Vec<DecisionPointConfig>,
    /// Others who look at calls before they are decided: what their silence means.
    pub(crate) hooks: Vec<AnomalyHook>,
    /// The same: how they are asked.
    pub(crate) anomaly_hooks: Vec<AnomalyHookConfig>,
    /// Systems whose tokens are believed.
    pub(crate) issuers: Vec<TrustedIssuer>,
    /// What is asked of credentials.
    pub(crate) dpop: DpopRule,
    /// Whose security events are believed.
    pub(crate) transmitters: Vec<EventReceiver>,
    /// Where people connect, and what groups may do.
    pub(crate) control: ControlPlace,
    /// Name of the ledger (C2SP origin).
    pub(crate) origin: String,
    /// Size of ledger segments, bytes.
    pub(crate) segment_bytes: u64,
}

/// The part of a configuration that policies depend on. The tools of the connectors are not in it.
#[derive(Debug, Clone)]
pub(crate) struct PolicySide {
    /// Policy files, as paths or `*.cedar` patterns.
    pub(crate) files: Vec<PathBuf>,
    /// Folder of tool definitions, `<connector>.json` each.
    pub(crate) tools: PathBuf,
    /// Time zone, facts, and the policy side of the connectors.
    pub(crate) policy: PolicyConfig,
}

/// Why `placet.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It cannot be read.
    #[error("{} cannot be read; `placet init` writes one that works", path.display())]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML, or has an unknown key.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A value makes no sense.
    #[error("{path}: `{key}`: {message}", path = path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Why, and what would.
        message: String,
    },
    /// A policy file cannot be read.
    #[error("policy file {} cannot be read", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Config {
    /// Reads and resolves a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        parse(path, &text)
    }

    /// Reads the policy files, in order of name.
    pub(crate) fn policy_sources(&self) -> Result<Vec<PolicySource>, ConfigError> {
        read_policies(&self.folder, &self.policy_files)
    }
}

impl PolicySide {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        parse_policy_side(path, &text)
    }
}

/// Reads policy files, in order of name. They are named relative to the folder, so that a set has the same name wherever
/// it lies.
pub(crate) fn read_policies(folder: &Path, patterns: &[PathBuf]) -> Result<Vec<PolicySource>, ConfigError> {
    let mut files = Vec::new();
    for pattern in patterns {
        files.extend(expand(pattern)?);
    }
    files.sort();
    files.dedup();
    let read = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => {
            let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            Ok(PolicySource { name, text })
        }
        Err(source) => Err(ConfigError::Policy { path, source }),
    };
    files.into_iter().map(read).collect()
}

/// A file itself, or the files of a folder for a pattern that ends in `*.cedar`.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    if pattern.file_name().is_none_or(|name| name != "*.cedar") {
        return Ok(vec![pattern.to_owned()]);
    }
    let folder = pattern.parent().unwrap_or(Path::new("."));
    let failed = |source| ConfigError::Policy { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "cedar") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The user id of this process: the owner of a file it has just opened in `/proc`.
pub(crate) fn own_uid() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}

fn fact_type(text: &str) -> Result<FactType, String> {
    text.parse().map_err(|error: placet_policy::UnknownType| error.to_string())
}

/// Defaults of `placet.toml`.
const LISTEN: &str = "127.0.0.1:7420";
const DRAIN: Duration = Duration::from_secs(10);
const REPLAY_DAYS: u16 = 30;
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
const APPROVAL_USE: Duration = limits::APPROVAL_USE;

#[cfg(test)]
mod tests;
