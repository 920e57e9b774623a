//! `[[anomaly_hook]]`: others who are asked about some tools before a call is decided.

use std::{path::Path, time::Duration};

use placet_connect::AnomalyHookConfig;
use placet_domain::{ConnectorName, Risk, Want, limits};
use placet_engine::{AnomalyHook, Silence};
use serde::Deserialize;

use super::{
    connector::{SecretEntry, secret},
    file::{Wrong, duration, wrong},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    url: String,
    secret: SecretEntry,
    tools: Vec<String>,
    deadline: Option<String>,
    on_silence: Option<SilenceEntry>,
    #[serde(default)]
    arguments: bool,
}

/// `"veto"`, or points.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SilenceEntry {
    Points(u8),
    Word(String),
}

/// How long a hook may take if the file does not say.
const DEADLINE: Duration = Duration::from_millis(250);
/// How long it may take at most: a call waits for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Both sides of a hook: what the engine does with it, and how it is asked.
pub(super) fn resolve(
    folder: &Path,
    entries: Vec<Entry>,
    connectors: &[ConnectorName],
) -> Result<(Vec<AnomalyHook>, Vec<AnomalyHookConfig>), Wrong> {
    if entries.len() > limits::ANOMALY_HOOKS {
        let most = limits::ANOMALY_HOOKS;
        return Err(wrong("anomaly_hook", format!("a call waits for each of them; {most} are the most")));
    }
    let (mut hooks, mut configs) = (Vec::<AnomalyHook>::new(), Vec::new());
    for entry in entries {
        let key = |part: &str| format!("anomaly_hook.{}{part}", entry.name);
        if hooks.iter().any(|known| known.name == entry.name) {
            return Err(wrong(key(""), "it is declared twice"));
        }
        let deadline = duration(&key(".deadline"), entry.deadline.as_deref(), DEADLINE)?;
        if deadline.is_zero() || deadline > LONGEST {
            return Err(wrong(key(".deadline"), "an anomaly hook has up to 5 seconds"));
        }
        let silence = match entry.on_silence {
            None => Silence::default(),
            Some(SilenceEntry::Word(word)) if word == "veto" => Silence::Veto,
            Some(SilenceEntry::Points(points)) if points <= Risk::MOST => Silence::Adds(points),
            Some(_) => return Err(wrong(key(".on_silence"), "write `\"veto\"`, or points from 0 to 100")),
        };
        hooks.push(AnomalyHook {
            id: format!("hook:{}", entry.name).parse().map_err(|error| wrong(key(".name"), error))?,
            about: about(&key(".tools"), &entry.tools, connectors)?,
            arguments: entry.arguments,
            silence,
            name: entry.name.clone(),
        });
        let secret = secret(folder, &key(".secret"), entry.secret)?;
        configs.push(AnomalyHookConfig { name: entry.name, url: entry.url, secret, deadline });
    }
    Ok((hooks, configs))
}

/// `crm` or `crm.update_deal`.
fn about(key: &str, tools: &[String], connectors: &[ConnectorName]) -> Result<Vec<Want>, Wrong> {
    if tools.is_empty() {
        return Err(wrong(key, "name the tools it is asked about: `connector` or `connector.tool`"));
    }
    let named = |text: &String| {
        connectors.iter().find_map(|connector| {
            let connector = connector.clone();
            match text.strip_prefix(connector.as_str())? {
                "" => Some(Want { connector, tool: None }),
                rest => Some(Want { connector, tool: Some(rest.strip_prefix('.')?.parse().ok()?) }),
            }
        })
    };
    let unknown = |text: &String| wrong(key, format!("`{text}` names no connector of this file"));
    tools.iter().map(|text| named(text).ok_or_else(|| unknown(text))).collect()
}

#[cfg(test)]
mod tests {
    use placet_engine::Silence;

    use crate::config::{Config, parse};

    fn read(rest: &str) -> Result<Config, String> {
        let text = format!(
            "[connector.crm]\nurl = \"http://127.0.0.1:1/mcp\"\n[[anomaly_hook]]\nname = \"fraud\"\n\
             url = \"https://fraud.example/ask\"\n{rest}"
        );
        parse(std::path::Path::new("/etc/placet/placet.toml"), &text).map_err(|error| error.to_string())
    }

    const SECRET: &str = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";

    #[test]
    fn a_hook_is_read_and_its_silence_is_a_veto() {
        let config = read(&format!("{SECRET}tools = [\"crm.update_deal\"]")).unwrap();
        assert_eq!((config.hooks[0].silence, config.hooks[0].arguments), (Silence::Veto, false));
        assert_eq!(config.hooks[0].id.as_str(), "hook:fraud");
        assert_eq!(config.anomaly_hooks.len(), 1);
        let config = read(&format!("{SECRET}tools = [\"crm\"]\non_silence = 30")).unwrap();
        assert_eq!(config.hooks[0].silence, Silence::Adds(30));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (rest, key) in [
            (format!("{SECRET}tools = []"), "anomaly_hook.fraud.tools"),
            (format!("{SECRET}tools = [\"crn\"]"), "anomaly_hook.fraud.tools"),
            (format!("{SECRET}tools = [\"crm\"]\non_silence = \"allow\""), "anomaly_hook.fraud.on_silence"),
            (format!("{SECRET}tools = [\"crm\"]\ndeadline = \"6s\""), "anomaly_hook.fraud.deadline"),
            ("tools = [\"crm\"]".to_owned(), "secret"),
        ] {
            let error = read(&rest).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
