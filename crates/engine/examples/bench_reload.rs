//! How long a call waits while thousands of policies are being replaced: the whole pipeline over stores in memory, one
//! call after the other on a thread of its own, first in peace, then under reloads one after the other. Time for which
//! the kernel gave the core to something else is told apart (`/proc/thread-self/schedstat`, second field): on a
//! machine with few cores a reload takes one of them, which is the kernel's affair and not a stall of ours.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use placet_engine::Reply;
use placet_policy::PolicySource;
use placet_testkit::{Actor, World};

/// The allocator of the `placet` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What a reload may add to the longest call.
const BAR: Duration = Duration::from_millis(1);
/// Between two calls.
const PAUSE: Duration = Duration::from_micros(500);

/// What one phase measured.
#[derive(Default)]
struct Phase {
    /// By the clock, sorted.
    whole: Vec<Duration>,
    /// Without the time for which the kernel ran something else, sorted.
    own: Vec<Duration>,
}

impl Phase {
    fn line(&self, name: &str) -> String {
        let of = |sorted: &[Duration], permyriad: usize| {
            let at = (sorted.len() * permyriad / 10_000).min(sorted.len().saturating_sub(1));
            sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
        };
        let mut line = format!("{name:>10} {:>8}", self.whole.len());
        for figures in [&self.own, &self.whole] {
            for permyriad in [5_000, 9_900, 9_990, 10_000] {
                let _ = write!(line, " {:>9.0}", of(figures, permyriad));
            }
        }
        line
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 20.0,
        (Some("--seconds"), Some(seconds)) => seconds.parse()?,
        _ => return Err("the only option is `--seconds N`".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sets = [policies(10_000, 0)?, policies(10_000, 1)?];
    let [first, _] = &sets;
    let world =
        runtime.block_on(World::new().tool("crm.update_deal", r#"{"type":"object"}"#).policies(first).open());
    let actor = runtime.block_on(world.agent("billing").start());
    let length = Duration::from_secs_f64(seconds);
    let (quiet, _) = measured(&actor, || thread::sleep(length))?;
    let mut reloads = 0;
    let (reloading, failed) = measured(&actor, || {
        let started = Instant::now();
        while started.elapsed() < length {
            reloads += 1;
            let text = sets.get(reloads % sets.len()).cloned().unwrap_or_default();
            let sources = vec![PolicySource { name: "bench.cedar".to_owned(), text }];
            if let Err(error) = runtime.block_on(world.engine.reload(sources, None)) {
                return Some(error);
            }
        }
        None
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    println!("{:>10} {:>8} {:^39} {:^39}", "", "", "without waiting for a core, us", "by the clock, us");
    println!(
        "{:>10} {:>8} {1:>9} {2:>9} {3:>9} {4:>9} {1:>9} {2:>9} {3:>9} {4:>9}",
        "", "p50", "p99", "p99.9", "longest",
    );
    println!("{}", quiet.line("quiet"));
    println!("{}", reloading.line("reloading"));
    let longest = |phase: &Phase| phase.own.last().copied().unwrap_or_default();
    let added = longest(&reloading).saturating_sub(longest(&quiet));
    println!(
        "{reloads} reloads of 10,000 policies added {} us to the longest call (bar 1,000)",
        added.as_micros()
    );
    if added <= BAR { Ok(()) } else { Err("a bar does not hold".into()) }
}

/// Calls one after the other on a thread of their own for as long as `meanwhile` takes.
fn measured<T>(actor: &Actor, meanwhile: impl FnOnce() -> T) -> Outcome<(Phase, T)> {
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let stop = Arc::clone(&over);
        let calling = scope.spawn(move || calls(actor, &stop));
        let done = meanwhile();
        over.store(true, Ordering::Relaxed);
        let phase = calling.join().map_err(|_| "the thread that calls has panicked")??;
        Ok((phase, done))
    })
}

fn calls(actor: &Actor, over: &AtomicBool) -> Outcome<Phase> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut phase = Phase::default();
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        let (waited, started) = (waited()?, Instant::now());
        let reply = runtime.block_on(actor.calls("crm.update_deal", r#"{"amount":500,"stage":"new"}"#));
        let whole = started.elapsed();
        let waited = crate::waited()?.saturating_sub(waited);
        if !matches!(reply, Reply::Answered { .. }) {
            return Err(format!("refused: {reply:?}").into());
        }
        phase.whole.push(whole);
        phase.own.push(whole.saturating_sub(waited));
    }
    phase.whole.sort();
    phase.own.sort();
    Ok(phase)
}

/// How long this thread has been ready to run while something else ran.
fn waited() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let waited = text.split_whitespace().nth(1).ok_or("schedstat has no second field")?;
    Ok(Duration::from_nanos(waited.parse()?))
}

/// Guardrails, the grant of the agent that calls, and grants of others.
fn policies(size: usize, edition: usize) -> Outcome<String> {
    let mut text = format!("// Edition {edition}.\n");
    for number in 0..20 {
        writeln!(
            text,
            "@id(\"guard-{number}\") @reason(\"a guardrail\") forbid (principal is Agent, action in Action::\"write\", \
             resource) when {{ context.time.weekday > {} }};",
            number + 7 + edition
        )?;
    }
    writeln!(
        text,
        "@id(\"billing\") permit (principal == Agent::\"billing\", action == Action::\"crm.update_deal\", resource);"
    )?;
    for number in 0..size {
        writeln!(
            text,
            "@id(\"grant-{number}\") permit (principal == Agent::\"agent-{number}\", action == \
             Action::\"crm.update_deal\", resource) when {{ context.time.weekday <= {} }};",
            6 + edition
        )?;
    }
    Ok(text)
}
