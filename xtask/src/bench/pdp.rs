//! The decision API against Cerbos: the same questions, rules that say the same, the same client, in one alternating run.
//! Placet writes a durable signed receipt for each answer; Cerbos writes none.

use std::{
    collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command, thread::sleep, time::Duration,
};

use serde_json::{Value, json};

use super::{MEASURING, Medians, is_quick, medians, verdict};
use crate::{
    authzen::cerbos,
    failure::Failure,
    place::{Place, Plan},
    process, tree,
};

/// How often the policies are replaced while decisions are timed.
const RELOADS: Duration = Duration::from_secs(1);

/// Runs the benchmark.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let quick = is_quick(arguments)?;
    let folder = tree::fresh("bench-pdp")?;
    let wanted = [("placet-cli", "placet"), ("mcpload", "mcpload")];
    let [placet, mcpload] = tree::shipped(wanted, &folder)?;
    let rules = folder.join("cerbos");
    fs::create_dir_all(&rules)?;
    fs::write(rules.join("deal.yaml"), rules_of_cerbos())?;
    let (cerbos, address) = cerbos::start(&rules, &folder)?;
    let small = open(&placet, &folder.join("small"), 0)?;
    let large = open(&placet, &folder.join("large"), if quick { 1_000 } else { 10_000 })?;

    let (seconds, concurrency) = if quick { (1.0, json!([16])) } else { (3.0, json!([1, 16, 64])) };
    let target = |name: &str, url: String, token: &str, process: u32| {
        json!({
            "name": name, "mode": "http", "url": url, "body": question(),
            "headers": { "authorization": format!("Bearer {token}"), "content-type": "application/json" },
            "expect": "\"decision\":true", "reject": "\"decision\":false", "pids": { "gateway": process },
        })
    };
    let of = |name: &str, (place, token): &(Place, String)| {
        let url = format!("http://{}/access/v1/evaluation", place.address());
        target(name, url, token, place.process_id())
    };
    let theirs = target("cerbos", format!("http://{address}/access/v1/evaluation"), "none", cerbos.id());
    let plan = |targets: Vec<Value>| json!({ "rounds": 5, "seconds": seconds, "warmup_seconds": 1.0, "concurrency": concurrency, "targets": targets });
    let beside = plan(vec![theirs, of("placet", &small), of("placet-large", &large)]);
    let beside = load(&mcpload, &folder.join("beside"), &beside, || Ok(()))?;
    let alone = plan(vec![of("placet-large", &large)]);
    let quiet = load(&mcpload, &folder.join("quiet"), &alone, || Ok(()))?;
    let policies = folder.join("large/policies/check.cedar");
    let text = fs::read_to_string(&policies)?;
    let mut turn = 0;
    let reloading = load(&mcpload, &folder.join("reloading"), &alone, || {
        turn += 1;
        // Another set each time, or nothing would be loaded.
        fs::write(&policies, format!("{text}\n// {turn}\n"))?;
        sleep(RELOADS);
        Ok(())
    })?;
    println!("{turn} reloads of {} policies", text.matches("@id").count());
    let held = hold(&beside, &quiet, &reloading, quick);
    // Beside a client and under one second's reloads, cores are shared; alone it is seen whether a decision waits.
    let turns: &[&str] = if quick { &["--turns", "3"] } else { &[] };
    let stalls = super::example("placet-engine", "bench_reload", turns, quick);
    together([held, stalls, super::flat(arguments)])
}

/// What all parts came to: none hides another, and a part that could not be measured is no missed bar.
fn together<const N: usize>(parts: [Result<(), Failure>; N]) -> Result<(), Failure> {
    let (mut missed, mut broke) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Ok(()) => {}
            Err(Failure::Missed(why)) => missed.push(why),
            Err(other) => broke.push(other.to_string()),
        }
    }
    match (broke.is_empty(), missed.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(Failure::Missed(missed.join("; "))),
        (false, _) => Err(Failure::Broke([broke, missed].concat().join("; "))),
    }
}

#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn hold(beside: &Medians, quiet: &Medians, reloading: &Medians, quick: bool) -> Result<(), Failure> {
    let of = |medians: &Medians, target: &str, concurrency: u64, figure: &str| {
        let found = medians.get(&(target.to_owned(), concurrency)).and_then(|figures| figures.get(figure));
        found.copied().unwrap_or(f64::NAN)
    };
    let bad = |medians: &Medians| medians.values().filter_map(|figures| figures.get("bad")).sum::<f64>();
    let bad = bad(beside) + bad(quiet) + bad(reloading);
    let mut bars = vec![(format!("no bad reply ({bad})"), bad == 0.0)];
    let concurrencies: Vec<u64> =
        beside.keys().filter(|(target, _)| target == "cerbos").map(|(_, at)| *at).collect();
    for at in concurrencies {
        let rate = of(beside, "placet", at, "rate") / of(beside, "cerbos", at, "rate");
        let tail = of(beside, "cerbos", at, "p99") / of(beside, "placet", at, "p99");
        let many = of(beside, "placet-large", at, "rate") / of(beside, "placet", at, "rate");
        let stall = of(reloading, "placet-large", at, "p99") - of(quiet, "placet-large", at, "p99");
        bars.push((format!("≥ 5 × Cerbos' decisions a second at {at} ({rate:.1})"), rate >= 5.0));
        bars.push((format!("≤ 1/5 of Cerbos' p99 at {at} (1/{tail:.1})"), tail >= 5.0));
        bars.push((format!("≥ 0.8 of the rate with 10,000 policies more at {at} ({many:.2})"), many >= 0.8));
        println!("       with reloads all the time, the p99 at {at} is {:.2} ms longer", stall / 1_000.0);
    }
    verdict(&bars, quick)
}

/// Runs a plan; `beside` is called until it is over.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn load(
    mcpload: &Path,
    folder: &Path,
    plan: &Value,
    mut beside: impl FnMut() -> Result<(), Failure>,
) -> Result<Medians, Failure> {
    fs::create_dir_all(folder)?;
    let (file, rows) = (folder.join("plan.json"), folder.join("rows.jsonl"));
    fs::write(&file, plan.to_string())?;
    let log = folder.join("mcpload.log");
    let mut running = process::start(Command::new(mcpload).arg(&file).arg("--jsonl").arg(&rows), &log)?;
    let started = std::time::Instant::now();
    while !running.ends_within(Duration::from_millis(50)) {
        if started.elapsed() > MEASURING {
            return Err(Failure::Broke("mcpload does not end".to_owned()));
        }
        beside()?;
    }
    println!("{}", fs::read_to_string(&log)?);
    let rows = fs::read_to_string(&rows).unwrap_or_default();
    match rows.is_empty() {
        true => Err(Failure::Broke(format!("mcpload measured nothing, see {}", log.display()))),
        false => medians(&rows),
    }
}

fn open(placet: &Path, folder: &Path, more: usize) -> Result<(Place, String), Failure> {
    fs::create_dir_all(folder)?;
    let plan = Plan { placet, folder, policy: &rules_of_placet(more), connectors: APPLICATION, hosts: &[] };
    let place = Place::open(&plan)?;
    let token = place.agent("deals-app")?;
    Ok((place, token))
}

fn question() -> Value {
    json!({
        "subject": { "type": "user", "id": "ana", "properties": { "cerbos.roles": ["role-3"] } },
        "action": { "name": "update" },
        "resource": { "type": "deal", "id": "789",
            "properties": { "amount": 48_250, "stage": "negotiation", "team": "north" } },
    })
}

const APPLICATION: &str = r#"
[application.deals]
enforcers = ["deals-app"]
[application.deals.kind.deal]
amount = "Long"
stage = "String"
team = "String"
[application.deals.action.update]
on = "deal"
[application.deals.action.delete]
on = "deal"
groups = ["delete"]

[[person]]
name = "ana"
groups = ["role-3"]
"#;

/// Ten roles that may update within limits; nobody deletes. And grants of others.
fn rules_of_placet(more: usize) -> String {
    let mut text = String::from(
        "@id(\"app\") permit (principal == Agent::\"deals-app\", action in Action::\"deals\", resource);\n\
         @id(\"no-delete\") forbid (principal, action == Action::\"deals.delete\", resource);\n",
    );
    for role in 0..10 {
        let _ = writeln!(
            text,
            "@id(\"role-{role}\") permit (principal in Group::\"role-{role}\", action == Action::\"deals.update\", \
             resource is deal) when {{ resource has amount && resource.amount < {} && resource has stage && \
             [\"new\", \"negotiation\", \"won\"].contains(resource.stage) && resource has team && \
             resource.team == \"north\" }};",
            90_000 + role
        );
    }
    for number in 0..more {
        let _ = writeln!(
            text,
            "@id(\"more-{number}\") permit (principal == User::\"user-{number}\", action == Action::\"deals.update\", \
             resource is deal) when {{ resource has amount && resource.amount < {number} }};"
        );
    }
    text
}

fn rules_of_cerbos() -> String {
    let mut rules = BTreeMap::new();
    for role in 0..10 {
        let condition = format!(
            "request.resource.attr.amount < {} && request.resource.attr.stage in [\"new\", \"negotiation\", \"won\"] \
             && request.resource.attr.team == \"north\"",
            90_000 + role
        );
        rules.insert(
            role,
            json!({
                "actions": ["update"], "effect": "EFFECT_ALLOW", "roles": [format!("role-{role}")],
                "condition": { "match": { "expr": condition } },
            }),
        );
    }
    let delete = json!({ "actions": ["delete"], "effect": "EFFECT_DENY", "roles": ["*"] });
    let rules: Vec<Value> = rules.into_values().chain([delete]).collect();
    // YAML reads JSON.
    json!({
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": { "resource": "deal", "version": "default", "rules": rules },
    })
    .to_string()
}
