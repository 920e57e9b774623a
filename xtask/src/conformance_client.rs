//! The MCP conformance suite's authorization scenarios, with Placet as the client: the suite is the tool and its
//! authorization server, `xtask/conformance/client.mjs` the operator and the agent.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

use crate::{failure::Failure, node::Node, process, tree};

const SUITE: &str = "@modelcontextprotocol/conformance";
/// The version that the other checks use.
const SUITE_VERSION: &str = "0.2.0-alpha.12";
/// How long one scenario may take, for the suite and for us.
const SCENARIO: Duration = Duration::from_secs(120);
/// Scenarios at the same time, each with a Placet of its own.
const AT_ONCE: usize = 4;
/// The revisions on whose wire the scenarios are run.
const REVISIONS: [&str; 2] = [NEWEST, "2025-11-25"];
const NEWEST: &str = "2026-07-28";

/// Scenarios of both revisions.
const BOTH: [&str; 16] = [
    "auth/metadata-default",
    "auth/metadata-var1",
    "auth/metadata-var2",
    "auth/metadata-var3",
    "auth/basic-cimd",
    "auth/scope-from-www-authenticate",
    "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined",
    "auth/scope-step-up",
    "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic",
    "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none",
    "auth/pre-registration",
    "auth/client-credentials-jwt",
    "auth/client-credentials-basic",
];
/// Scenarios that came with the newer one.
const NEWER: [&str; 11] = [
    "auth/resource-mismatch",
    "auth/offline-access-scope",
    "auth/offline-access-not-supported",
    "auth/authorization-server-migration",
    "auth/iss-supported",
    "auth/iss-not-advertised",
    "auth/iss-supported-missing",
    "auth/iss-wrong-issuer",
    "auth/iss-unexpected",
    "auth/iss-normalized",
    "auth/metadata-issuer-mismatch",
];
/// Scenarios in which no call may reach the tool: what the sign-in would rest on is false, or never enough.
const STOPPED: [&str; 7] = [
    "auth/iss-normalized",
    "auth/iss-supported-missing",
    "auth/iss-unexpected",
    "auth/iss-wrong-issuer",
    "auth/metadata-issuer-mismatch",
    "auth/resource-mismatch",
    "auth/scope-retry-limit",
];
/// Scenarios that do not apply, and why.
const INAPPLICABLE: [(&str, &str); 4] = [
    (
        "auth/dpop, auth/dpop-nonce",
        "an extension that no revision requires: Placet sends upstreams bearer tokens, and refuses others",
    ),
    (
        "auth/enterprise-managed-authorization",
        "an extension that no revision requires: Placet is at a tool in its own name or that of an operator who signed in",
    ),
    (
        "auth/wif-jwt-bearer",
        "an extension that no revision requires: Placet proves itself upstream by a secret or a key of its own",
    ),
    (
        "auth/2025-03-26-*",
        "of a revision that Placet does not speak: a server that a resource does not name is not asked",
    ),
];
/// Checks that end otherwise, and why that is right.
const EXPECTED: [(&str, &str, &str); 0] = [];

/// What one run of one scenario came to.
struct Ended {
    scenario: &'static str,
    revision: &'static str,
    /// Status by check.
    checks: Result<Vec<(String, String, String)>, Failure>,
    /// Whether a call went through in the end.
    called: bool,
}

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("conformance-client")?;
    let node = Node::with("conformance", &[&format!("{SUITE}@{SUITE_VERSION}")])?;
    let [placet] = tree::binaries([("placet-cli", "placet")], &folder)?;
    let plan: Vec<(&str, &str)> = BOTH
        .iter()
        .flat_map(|scenario| REVISIONS.map(|revision| (*scenario, revision)))
        .chain(NEWER.iter().map(|scenario| (*scenario, NEWEST)))
        .collect();
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, revision)) = plan.get(turn) else { break };
                    let work = folder.join(turn.to_string());
                    let checks = scene(&node, &placet, &folder, &work, scenario, revision);
                    let one = Ended { scenario, revision, checks, called: work.join("called").exists() };
                    ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(one);
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    ended.sort_by_key(|one| (one.revision, one.scenario));
    let (mut missed, mut totals) = (0, BTreeMap::<(&str, String), usize>::new());
    for one in &ended {
        let bad = print(one);
        missed += usize::from(bad);
        for (_, status, _) in one.checks.iter().flatten() {
            *totals.entry((one.revision, status.clone())).or_default() += 1;
        }
    }
    for (what, why) in INAPPLICABLE {
        println!("       {what} does not apply: {why}");
    }
    let totals: Vec<String> =
        totals.iter().map(|((revision, status), count)| format!("{revision} {status} {count}")).collect();
    println!("{} scenarios, {missed} missed; checks: {}", ended.len(), totals.join(", "));
    match missed {
        0 => Ok(()),
        missed => Err(Failure::Missed(format!("{missed} of {} scenarios do not hold", ended.len()))),
    }
}

/// Prints how a scenario ended; whether it misses.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn print(ended: &Ended) -> bool {
    let Ended { scenario, revision, checks, called } = ended;
    let checks = match checks {
        Ok(checks) => checks,
        Err(failure) => {
            println!("MISSED {revision} {scenario}: {failure}");
            return true;
        }
    };
    let bad = |check: &&(String, String, String)| {
        let expected = EXPECTED.iter().any(|(of, id, _)| of == scenario && *id == check.0);
        matches!(check.1.as_str(), "FAILURE" | "WARNING") && !expected
    };
    let strayed = *called == STOPPED.contains(scenario);
    let missed = checks.iter().any(|check| bad(&check)) || checks.is_empty() || strayed;
    let passed = checks.iter().filter(|(_, status, _)| status == "SUCCESS").count();
    println!("{} {revision} {scenario}: {passed} checks passed", if missed { "MISSED" } else { "held  " });
    if strayed {
        println!("       {}", if *called { "a call went through" } else { "no call went through" });
    }
    for (id, status, why) in checks.iter().filter(bad) {
        println!("       {status} {id}: {why}");
    }
    for (_, id, why) in EXPECTED.iter().filter(|(of, ..)| of == scenario) {
        println!("       {id}: {why}");
    }
    missed
}

/// One scenario: its checks, their status, and what the suite says about them.
fn scene(
    node: &Node,
    placet: &Path,
    folder: &Path,
    work: &Path,
    scenario: &str,
    revision: &str,
) -> Result<Vec<(String, String, String)>, Failure> {
    let name = format!("{}-{revision}", scenario.replace('/', "-"));
    let results = folder.join(&name);
    fs::create_dir_all(work)?;
    let client = tree::root().join("xtask/conformance/client.mjs");
    let mut command = node.script(node.file(&format!("{SUITE}/dist/index.js")));
    command
        // Extensions belong to no revision: they are run on the wire of each all the same.
        .args(["client", "--force", "--scenario", scenario, "--spec-version", revision, "--timeout"])
        .arg(SCENARIO.as_millis().to_string())
        .arg("--command")
        .arg(format!("{} {}", node.binary().display(), client.display()))
        .arg("-o")
        .arg(&results)
        .env("PLACET", placet)
        .env("WORK", work);
    // The suite's exit code counts warnings differently from scenario to scenario; the checks are read instead.
    process::finish(&mut command, &folder.join(format!("{name}.log")), SCENARIO * 2)?;
    let file = found(&results)?
        .ok_or_else(|| Failure::Broke(format!("the suite wrote no checks to {}", results.display())))?;
    let checks: Value = serde_json::from_slice(&fs::read(file)?)?;
    let text =
        |check: &Value, key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = |check: &Value| {
        let why = Some(text(check, "errorMessage")).filter(|why| !why.is_empty());
        (text(check, "id"), text(check, "status"), why.unwrap_or_else(|| text(check, "description")))
    };
    Ok(checks.as_array().into_iter().flatten().map(read).collect())
}

/// The file of checks below a folder.
fn found(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(file) = found(&path)? {
                return Ok(Some(file));
            }
        } else if path.file_name().is_some_and(|name| name == "checks.json") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
