//! The MCP conformance suite against the fixture server, directly and through the gateway. The gateway may not
//! cost a single check: whatever the fixture passes alone, it passes behind the gateway.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    failure::Failure,
    forwarder::Forwarder,
    node::Node,
    place::{ALLOW_ALL, Place, Plan},
    process::{self, Running},
    tree,
};

const SUITE: &str = "@modelcontextprotocol/conformance";
const SUITE_VERSION: &str = "0.2.0-alpha.12";
/// The suite's frozen requirement sets.
const SETS: [&str; 2] = ["2025-11-25", "2026-07-28"];
/// How long one run of one set may take.
const RUN: Duration = Duration::from_secs(120);
/// The time stamp at the end of a scenario's folder, `-2026-11-22T00-49-13-090Z`.
const STAMP: usize = 25;

/// Checks that end otherwise through the gateway, and why that is right.
const EXPECTED: [(&str, &str, &str); 1] = [(
    "server-server-sse-multiple-streams",
    "server-sse-streams-functional",
    "the suite looks at streams of `tools/list`; the gateway answers it whole, because it filters the list",
)];

/// The results of one run: scenario, check, status. A check that comes twice is numbered.
type Results = BTreeMap<(String, String), String>;

/// Runs the check.
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("conformance")?;
    let node = Node::with("conformance", &[&format!("{SUITE}@{SUITE_VERSION}")])?;
    let wanted = [("placet-cli", "placet"), ("placet-example-everything", "everything")];
    let [placet, everything] = tree::binaries(wanted, &folder)?;

    // Two fixtures, so that neither run sees what the other left.
    let (_alone, direct) = fixture(&everything, &folder.join("fixture-direct.log"))?;
    let (_behind, upstream) = fixture(&everything, &folder.join("fixture-behind.log"))?;
    let forwarder = Forwarder::bind()?;
    let address = forwarder.address()?;
    let place_folder = folder.join("place");
    fs::create_dir_all(&place_folder)?;
    let place = Place::open(&Plan {
        placet: &placet,
        folder: &place_folder,
        policy: ALLOW_ALL,
        connectors: &format!("[connector.everything]\nurl = \"http://{upstream}/mcp\"\n"),
        hosts: &[address.to_string()],
    })?;
    forwarder.forward(place.address(), place.agent("conformance")?);

    let through = format!("http://{address}/mcp/everything");
    // The fixture has tools of one era only. The gateway's own first look was in the newer one; what appears
    // later is in quarantine until the operator accepts it.
    let first = ["--scenario", "tools-list", "--spec-version", "2025-11-25"];
    suite(&node, &through, &first, &folder.join("first-look"))?;
    place.accept("everything")?;

    let mut lost = 0;
    for set in SETS {
        let required = ["--requirements", set];
        let alone = folder.join(format!("direct-{set}"));
        let alone = suite(&node, &format!("http://{direct}/mcp"), &required, &alone)?;
        let behind = suite(&node, &through, &required, &folder.join(format!("gateway-{set}")))?;
        lost += compare(set, &alone, &behind);
    }
    place.must(&["ledger", "verify"])?;
    match lost {
        0 => Ok(()),
        lost => Err(Failure::Missed(format!("{lost} checks pass directly and not through the gateway"))),
    }
}

fn fixture(everything: &Path, log: &Path) -> Result<(Running, SocketAddr), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut running = process::start(Command::new(everything).args(["--listen", &address.to_string()]), log)?;
    running.wait_for(address, Duration::from_secs(10))?;
    Ok((running, address))
}

fn suite(node: &Node, url: &str, which: &[&str], folder: &Path) -> Result<Results, Failure> {
    let mut command = node.script(node.file(&format!("{SUITE}/dist/index.js")));
    command.args(["server", "--url", url]).args(which).arg("-o").arg(folder);
    // The suite's exit code says whether all passed; here only the difference counts.
    process::finish(&mut command, &folder.with_extension("log"), RUN)?;
    let mut results = Results::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let scenario = name.get(..name.len().saturating_sub(STAMP)).unwrap_or(&name).to_owned();
        let checks: Value = serde_json::from_slice(&fs::read(entry.path().join("checks.json"))?)?;
        for check in checks.as_array().into_iter().flatten() {
            let text = |key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default();
            let mut id = text("id").to_owned();
            let mut count = 1;
            while results.contains_key(&(scenario.clone(), id.clone())) {
                count += 1;
                id = format!("{} #{count}", text("id"));
            }
            results.insert((scenario.clone(), id), text("status").to_owned());
        }
    }
    match results.is_empty() {
        true => Err(Failure::Broke(format!("the suite wrote no results to {}", folder.display()))),
        false => Ok(results),
    }
}

/// Prints the differences and the totals; returns how many checks the gateway costs.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn compare(set: &str, alone: &Results, behind: &Results) -> usize {
    let mut lost = 0;
    let all: BTreeSet<_> = alone.keys().chain(behind.keys()).collect();
    for key in all {
        let status = |results: &Results| results.get(key).map_or("absent", String::as_str).to_owned();
        let (direct, gateway) = (status(alone), status(behind));
        if direct == gateway {
            continue;
        }
        // Something that was fine and is not, or something bad that was not there.
        let costs = direct == "SUCCESS" || gateway == "FAILURE";
        let reason = EXPECTED.iter().find(|(scenario, check, _)| (*scenario, *check) == (&*key.0, &*key.1));
        let (mark, reason) = match (costs, reason) {
            (true, Some((.., reason))) if gateway == "INFO" => ("    ", *reason),
            (true, _) => ("LOST", ""),
            (false, _) => ("    ", ""),
        };
        lost += usize::from(mark == "LOST");
        println!(
            "{mark} {set} {} / {}: directly {direct}, through the gateway {gateway} {reason}",
            key.0, key.1
        );
    }
    for (name, results) in [("directly", alone), ("gateway", behind)] {
        let scenarios: BTreeSet<_> = results.keys().map(|(scenario, _)| scenario).collect();
        let with = |wanted: &str| results.values().filter(|status| *status == wanted).count();
        println!(
            "{set} {name:<9} {} scenarios, {} checks: {} passed, {} failed, {} warnings",
            scenarios.len(),
            results.len(),
            with("SUCCESS"),
            with("FAILURE"),
            with("WARNING"),
        );
    }
    lost
}
