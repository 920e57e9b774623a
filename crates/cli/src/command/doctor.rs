//! `placet doctor`: checks files and the running program, and says how to mend what is wrong.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use clap::Args;
use placet_domain::{Json, Object};

use crate::{
    archive,
    command::ledger,
    config::Config,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, out, text},
};

#[derive(Debug, Args)]
pub(crate) struct Doctor {}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    Warning,
    Bad,
}

/// One check and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Check {
    mark: Mark,
    what: String,
    /// What to do; absent when nothing needs doing.
    fix: Option<String>,
}

impl Check {
    fn good(what: impl Into<String>) -> Self {
        Self { mark: Mark::Good, what: what.into(), fix: None }
    }

    fn warning(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { mark: Mark::Warning, what: what.into(), fix: Some(fix.into()) }
    }

    fn bad(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { mark: Mark::Bad, what: what.into(), fix: Some(fix.into()) }
    }
}

/// Ends with 1 if anything is bad.
pub(crate) async fn run(_: Doctor, context: &Context) -> Result<Exit, Failure> {
    let mut checks = vec![configuration(&context.config)];
    checks.extend(home(&context.home));
    checks.extend(ledger(&context.home));
    checks.extend(online(context).await);
    show(&checks, context);
    let bad = checks.iter().any(|check| check.mark == Mark::Bad);
    Ok(if bad { Exit::Failed } else { Exit::Ok })
}

fn configuration(path: &Path) -> Check {
    let sources = Config::read(path).and_then(|config| config.policy_sources());
    match sources.map_err(Failure::from) {
        Ok(sources) if sources.is_empty() => {
            let what = format!("{} names no policy file: everything is denied", path.display());
            Check::bad(what, "add files under `[policy] files`")
        }
        Ok(sources) => Check::good(format!("{} makes sense, {} policy files", path.display(), sources.len())),
        Err(failure) => Check::bad(failure.to_string(), "mend placet.toml, or name another with `--config`"),
    }
}

/// The home, its folders and its keys are their owner's alone.
fn home(home: &Path) -> Vec<Check> {
    if !home.exists() {
        let what = format!("there is no home at {} yet", home.display());
        return vec![Check::warning(what, "`placet up` makes it, or name another with `--home`")];
    }
    let mut checks = vec![private(home, 0o700)];
    for folder in ["keys", "run", "ledger"] {
        checks.push(private(&home.join(folder), 0o700));
    }
    for key in ["keys/token.key", "keys/ledger.key"] {
        checks.push(private(&home.join(key), 0o600));
    }
    checks
}

fn private(path: &Path, wanted: u32) -> Check {
    let name = path.display();
    match fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => Check::good(format!("{name} is yours alone ({mode:03o})")),
        Ok(mode) => {
            let what = format!("{name} is open to others ({mode:03o})");
            Check::bad(what, format!("chmod {wanted:o} {name}, and think about who read it"))
        }
        Err(error) => {
            Check::bad(format!("{name} cannot be looked at: {error}"), "`placet up` makes what is missing")
        }
    }
}

fn ledger(home: &Path) -> Option<Check> {
    if !home.join("ledger").exists() {
        return None;
    }
    let looked = archive::keys(&[], home).and_then(|keys| ledger::look(&home.join("ledger"), &keys, None));
    Some(match looked {
        Ok(report) => match &report.first_bad {
            None => Check::good(format!(
                "the ledger verifies: {} entries, {} checkpoints",
                report.entries, report.checkpoints
            )),
            Some(finding) => Check::bad(format!("the ledger is damaged: {finding}"), "placet ledger verify"),
        },
        Err(failure) => Check::bad(failure.to_string(), "placet ledger verify"),
    })
}

async fn online(context: &Context) -> Vec<Check> {
    let status = match context.client().get("/v1/status?probe=true").await {
        Ok(status) => status,
        Err(failure) => {
            let message = failure.to_string();
            let (what, fix) = message.split_once("\n  next: ").unwrap_or((&message, "placet up"));
            return vec![Check::bad(what, fix)];
        }
    };
    let mut checks = vec![Check::good(format!(
        "Placet {} answers on {}; you are `{}`",
        text(&status, "version"),
        context.socket.display(),
        text(&status, "you")
    ))];
    checks.extend(told(&status));
    checks
}

/// What the running program says of itself.
fn told(status: &Json) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match status.member("ready").and_then(Json::as_bool) {
        Some(true) => Check::good(format!("calls are taken under {} policies", text(status, "policies"))),
        _ => Check::bad(format!("no calls are taken: {}", text(status, "why_not")), "placet policy reload"),
    });
    if text(status, "version") != env!("CARGO_PKG_VERSION") {
        let what = format!(
            "this is version {}, the running one is {}",
            env!("CARGO_PKG_VERSION"),
            text(status, "version")
        );
        checks.push(Check::warning(what, "start the running one again"));
    }
    for connector in list(status, "connectors") {
        let name = text(connector, "name");
        checks.push(match connector.member("reachable").and_then(Json::as_bool) {
            Some(true) => Check::good(format!("connector `{name}` answers")),
            _ => Check::bad(
                format!("connector `{name}` does not answer: {}", text(connector, "why_not")),
                format!("look at `[connector.{name}]` in placet.toml, and at the system behind it"),
            ),
        });
    }
    let quarantined = status.member("quarantined_tools").and_then(Json::as_integer).unwrap_or(0);
    if quarantined > 0 {
        checks
            .push(Check::warning(format!("{quarantined} tools are in quarantine"), "placet connector list"));
    }
    checks
}

fn show(checks: &[Check], context: &Context) {
    let screen = context.screen;
    if screen.is_json() {
        let all: Vec<Object> = checks.iter().map(to_json).collect();
        screen.json(&Object::new().with("schema", "placet/v1/doctor").with("checks", all).into());
        return;
    }
    for check in checks {
        let (sign, tone) = match check.mark {
            Mark::Good => ("✓", Tone::Good),
            Mark::Warning => ("!", Tone::Attention),
            Mark::Bad => ("✗", Tone::Bad),
        };
        out(&format!("{} {}", screen.tone(sign, tone), check.what));
        if let Some(fix) = &check.fix {
            out(&format!("  next: {fix}"));
        }
    }
}

fn to_json(check: &Check) -> Object {
    let mark = match check.mark {
        Mark::Good => "ok",
        Mark::Warning => "warning",
        Mark::Bad => "bad",
    };
    Object::new().with("mark", mark).with("what", check.what.as_str()).with_some("fix", check.fix.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_bad_and_the_fix_is_a_command() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("token.key");
        fs::write(&key, [0; 32]).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let check = private(&key, 0o600);
        assert_eq!(check.mark, Mark::Bad);
        assert!(check.fix.unwrap().starts_with("chmod 600 "));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(private(&key, 0o600).mark, Mark::Good);
    }

    #[test]
    fn a_running_program_that_takes_no_calls_is_bad() {
        let connector = Object::new().with("name", "crm").with("reachable", false).with("why_not", "refused");
        let status = Object::new()
            .with("ready", false)
            .with("why_not", "no policies")
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("connectors", vec![connector])
            .with("quarantined_tools", 2);
        let marks: Vec<Mark> = told(&status.into()).iter().map(|check| check.mark).collect();
        assert_eq!(marks, [Mark::Bad, Mark::Bad, Mark::Warning]);
    }

    #[test]
    fn a_configuration_that_is_not_there_is_bad() {
        let check = configuration(Path::new("/nonexistent/placet.toml"));
        assert_eq!(check.mark, Mark::Bad);
        assert!(check.what.contains("placet init"), "{}", check.what);
    }
}
