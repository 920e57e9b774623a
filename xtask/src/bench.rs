//! Speed and memory: each check prints medians of alternating rounds of one run and holds them against its bars.
//! `--quick` is for machines that others use too: fewer seconds, figures only, no verdict on them.

use std::{collections::BTreeMap, fmt::Write as _, fs, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    failure::Failure,
    place::{Place, Plan},
    process, tree,
};

mod flat;
mod pdp;

pub(crate) use flat::run as flat;
pub(crate) use pdp::run as pdp;

/// How long a whole measurement may take.
const MEASURING: Duration = Duration::from_secs(30 * 60);

/// Direct against the gateway: a verified token, 100 policies judged on the payload, both receipts durable.
pub(crate) fn gateway(arguments: &[String]) -> Result<(), Failure> {
    let quick = is_quick(arguments)?;
    let folder = tree::fresh("bench-gateway")?;
    let wanted = [("placet-cli", "placet"), ("mcpload", "mcpload"), ("bench-upstream", "bench-upstream")];
    let [placet, mcpload, bench_upstream] = tree::shipped(wanted, &folder)?;
    let upstream_address = format!("127.0.0.1:{}", process::free_port()?);
    let mut upstream =
        process::start(Command::new(bench_upstream).arg(&upstream_address), &folder.join("upstream.log"))?;
    let address = upstream_address.parse().map_err(|error| Failure::Broke(format!("{error}")))?;
    upstream.wait_for(address, Duration::from_secs(10))?;
    let place = Place::open(&Plan {
        placet: &placet,
        folder: &folder,
        policy: &policies(),
        connectors: &format!("[connector.crm]\nurl = \"http://{upstream_address}/mcp\"\n"),
        hosts: &[],
    })?;
    let token = place.agent("bench-agent")?;
    let plan = plan(&place, &upstream, &token, &upstream_address, quick);
    let plan_file = folder.join("plan.json");
    fs::write(&plan_file, plan.to_string())?;
    let rows_file = folder.join("rows.jsonl");
    let mut load = Command::new(mcpload);
    load.arg(&plan_file).arg("--jsonl").arg(&rows_file);
    let finished = process::finish(&mut load, &folder.join("mcpload.log"), MEASURING)?;
    if finished.code != Some(0) {
        return Err(Failure::Broke(format!("mcpload ended with {:?}:\n{}", finished.code, finished.errors)));
    }
    println!("{}", finished.output);
    hold(&medians(&fs::read_to_string(rows_file)?)?, quick)
}

/// Payload to verdict, indexed against stock.
pub(crate) fn decide(arguments: &[String]) -> Result<(), Failure> {
    example("placet-policy", "bench_decide", &[], is_quick(arguments)?)
}

/// Durable receipts against a bare writer on the same disk, and the verifier.
pub(crate) fn ledger(arguments: &[String]) -> Result<(), Failure> {
    let quick = is_quick(arguments)?;
    let seconds: &[&str] = if quick { &["--seconds", "0.3"] } else { &[] };
    example("placet-ledger", "bench_ledger", seconds, quick)
}

/// Runs a benchmark that prints its figures and its bars, and says in its exit code whether they hold.
fn example(package: &str, name: &str, options: &[&str], quick: bool) -> Result<(), Failure> {
    let folder = tree::fresh(name)?;
    let mut run = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    run.current_dir(tree::root())
        .args(["run", "--release", "--quiet", "--locked", "--package", package, "--example", name, "--"])
        .args(options)
        // As `placet up` sets it for itself.
        .env("MIMALLOC_PURGE_DELAY", "0");
    let finished = process::finish(&mut run, &folder.join("bench.log"), MEASURING)?;
    println!("{}", finished.output);
    match finished.code {
        Some(0) => Ok(()),
        Some(1) if quick => {
            println!("(a quick run gives figures, not a verdict)");
            Ok(())
        }
        Some(1) => Err(Failure::Missed(finished.errors)),
        code => Err(Failure::Broke(format!("{name} ended with {code:?}:\n{}", finished.errors))),
    }
}

/// Prints the bars, and fails on a missed one unless only figures are wanted.
fn verdict(bars: &[(String, bool)], quick: bool) -> Result<(), Failure> {
    let mut missed = Vec::new();
    for (bar, held) in bars {
        println!("{} {bar}", if *held { "held  " } else { "MISSED" });
        if !held {
            missed.push(bar.as_str());
        }
    }
    if quick {
        println!("(a quick run gives figures, not a verdict)");
        return Ok(());
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(Failure::Missed(missed.join("; "))),
    }
}

fn is_quick(arguments: &[String]) -> Result<bool, Failure> {
    match arguments {
        [] => Ok(false),
        [one] if one == "--quick" => Ok(true),
        _ => Err(Failure::Broke("the only option is `--quick`".to_owned())),
    }
}

/// A hundred policies: guardrails that read the payload, roles, and grants of other agents.
fn policies() -> String {
    let mut text = String::new();
    let mut put = |policy: String| {
        let _ = writeln!(text, "{policy}");
    };
    for number in 0..20 {
        put(format!(
            "@id(\"guard-{number}\") forbid (principal is Agent, action in Action::\"write\", resource) \
             when {{ context.mandate has ticket && context.mandate.ticket == \"frozen-{number}\" }};"
        ));
    }
    for number in 0..10 {
        put(format!(
            "@id(\"amount-{number}\") forbid (principal is Agent, action == Action::\"crm.update_deal\", resource) \
             when {{ context.input.stage == \"stage-{number}\" && context.input.amount.greaterThan(decimal(\"{}.0\")) }};",
            100_000 + number
        ));
    }
    for number in 0..10 {
        put(format!(
            "@id(\"role-{number}\") permit (principal in Group::\"role-{number}\", action == Action::\"crm.echo\", \
             resource);"
        ));
    }
    for number in 0..58 {
        put(format!(
            "@id(\"grant-{number}\") permit (principal == Agent::\"agent-{number}\", \
             action == Action::\"crm.update_deal\", resource) when {{ context.input.stage == \"won\" && \
             context.input.deal_id like \"D-*\" && context.time.weekday <= 7 }};"
        ));
    }
    put("@id(\"bench\") permit (principal == Agent::\"bench-agent\", action == Action::\"crm.update_deal\", resource) \
         when { context.input.deal_id like \"D-*\" && context.input.amount.lessThan(decimal(\"100000.0\")) && \
         context.input.stage == \"negotiation\" && context.time.weekday <= 7 };"
        .to_owned());
    put("@id(\"no-delete\") @reason(\"agents do not delete deals\") forbid (principal is Agent, action == \
         Action::\"crm.delete_deal\", resource) when { context.input.message like \"D-*\" };"
        .to_owned());
    text
}

fn plan(
    place: &Place,
    upstream: &process::Running,
    token: &str,
    upstream_address: &str,
    quick: bool,
) -> Value {
    let headers = json!({ "authorization": format!("Bearer {token}") });
    let pids = json!({ "gateway": place.process_id(), "upstream": upstream.id() });
    let (seconds, warmup, concurrency) = match quick {
        true => (1.0, 0.3, json!([16, 64])),
        false => (3.0, 1.0, json!([1, 16, 64, 256])),
    };
    json!({
        "rounds": 5, "seconds": seconds, "warmup_seconds": warmup, "concurrency": concurrency,
        "targets": [
            { "name": "direct", "url": format!("http://{upstream_address}/mcp"),
              "pids": { "upstream": upstream.id() } },
            { "name": "allowed", "url": place.url("crm"), "headers": headers, "pids": pids },
            { "name": "denied", "url": place.url("crm"), "headers": headers, "pids": pids,
              "tool": "delete_deal", "arguments": { "message": "D-1" },
              "expect": "\"isError\":true", "reject": "\"updated\"" },
        ]
    })
}

/// Medians by target and concurrency.
type Medians = BTreeMap<(String, u64), BTreeMap<&'static str, f64>>;

fn medians(rows: &str) -> Result<Medians, Failure> {
    let mut all: BTreeMap<(String, u64), BTreeMap<&'static str, Vec<f64>>> = BTreeMap::new();
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).map_err(|error| Failure::Broke(error.to_string()))?;
        let number = |pointer: &str| row.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let target = row.get("target").and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = all.entry((target, number("/concurrency") as u64)).or_default();
        for (name, pointer) in [
            ("rate", "/rps"),
            ("p99", "/p99_us"),
            ("bad", "/bad"),
            ("cpu", "/procs/gateway/cpu_us_per_call"),
            ("memory", "/procs/gateway/rss_mib"),
        ] {
            at.entry(name).or_default().push(number(pointer));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let of = |figures: BTreeMap<_, Vec<f64>>| {
        figures.into_iter().map(|(name, values)| (name, median(values))).collect()
    };
    Ok(all.into_iter().map(|(key, figures)| (key, of(figures))).collect())
}

fn hold(medians: &Medians, quick: bool) -> Result<(), Failure> {
    let of = |target: &str, concurrency: u64, figure: &str| {
        let found = medians.get(&(target.to_owned(), concurrency)).and_then(|figures| figures.get(figure));
        found.copied().unwrap_or(f64::NAN)
    };
    let ratio = |concurrency| of("allowed", concurrency, "rate") / of("direct", concurrency, "rate");
    let tail = of("allowed", 64, "p99") / of("direct", 64, "p99");
    let (cpu_16, cpu_64) = (of("allowed", 16, "cpu"), of("allowed", 64, "cpu"));
    let (memory_64, memory_256) = (of("allowed", 64, "memory"), of("allowed", 256, "memory"));
    let bad: f64 = medians.values().filter_map(|figures| figures.get("bad")).sum();
    let mut bars = vec![
        (format!("no bad reply ({bad})"), bad == 0.0),
        (format!("throughput ≥ 0.30 of direct at 16 ({:.2})", ratio(16)), ratio(16) >= 0.30),
        (format!("throughput ≥ 0.45 of direct at 64 ({:.2})", ratio(64)), ratio(64) >= 0.45),
        (format!("gateway CPU ≤ 90 µs a call at 16 ({cpu_16:.0})"), cpu_16 <= 90.0),
        (format!("gateway CPU ≤ 90 µs a call at 64 ({cpu_64:.0})"), cpu_64 <= 90.0),
        (format!("p99 ≤ 3 × direct at 64 ({tail:.1})"), tail <= 3.0),
        (format!("resident memory < 64 MiB at 64 ({memory_64:.0})"), memory_64 < 64.0),
    ];
    if !quick {
        bars.push((format!("resident memory < 100 MiB at 256 ({memory_256:.0})"), memory_256 < 100.0));
    }
    verdict(&bars, quick)
}
