//! How long a call waits while thousands of policies are being replaced: the whole pipeline over stores in memory, one
//! call after the other on a thread of its own, in peace and under a reload by turns.
//!
//! A reload could hold a call up in two ways: by work that the call does for it, which is time on the processor, or by a
//! lock, which the call sleeps for. What is neither is the machine's: a reload takes one of its cores, and a virtual
//! machine has its cores taken away. So a call that never slept (`voluntary_ctxt_switches`) counts with its time
//! on the processor, and any other with its whole time except the wait for a core (`schedstat`). The longest call of
//! each turn is told too: a stall of ours comes with every reload, one of the machine with some. The bar is about the
//! longest call of all, whatever made it long.
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
/// Between two calls: less than one takes, so that most reloads fall into a call.
const PAUSE: Duration = Duration::from_micros(100);
/// How long a turn lasts after its reload.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// What one kind of turn measured.
#[derive(Default)]
struct Turns {
    /// By the clock.
    whole: Vec<Duration>,
    /// Without what the machine took.
    own: Vec<Duration>,
    /// Calls that slept.
    slept: usize,
    /// The longest own time of each turn.
    longest: Vec<Duration>,
}

impl Turns {
    fn add(&mut self, turn: Self) {
        self.longest.extend(turn.own.iter().max());
        self.whole.extend(turn.whole);
        self.own.extend(turn.own);
        self.slept += turn.slept;
    }

    /// The median of the longest calls of all turns.
    fn usual_longest(&mut self) -> Duration {
        at(&mut self.longest, 5_000)
    }

    fn line(&mut self, name: &str) -> String {
        let mut line = format!("{name:>10} {:>8} {:>6}", self.whole.len(), self.slept);
        for figures in [&mut self.own, &mut self.whole] {
            for permyriad in [5_000, 9_900, 9_990, 10_000] {
                let _ = write!(line, " {:>9}", at(figures, permyriad).as_micros());
            }
        }
        line
    }
}

/// A quantile.
fn at(figures: &mut [Duration], permyriad: usize) -> Duration {
    figures.sort_unstable();
    let place = (figures.len() * permyriad / 10_000).min(figures.len().saturating_sub(1));
    figures.get(place).copied().unwrap_or_default()
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let turns: usize = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 15,
        (Some("--turns"), Some(turns)) => turns.parse()?,
        _ => return Err("the only option is `--turns N`".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sets = [policies(10_000, 0)?, policies(10_000, 1)?];
    let [first, _] = &sets;
    let world =
        runtime.block_on(World::new().tool("crm.update_deal", r#"{"type":"object"}"#).policies(first).open());
    let actor = runtime.block_on(world.agent("billing").start());
    let (mut quiet, mut reloading, mut took) = (Turns::default(), Turns::default(), Vec::new());
    for turn in 1..=turns {
        let text = sets.get(turn % sets.len()).cloned().unwrap_or_default();
        let sources = vec![PolicySource { name: "bench.cedar".to_owned(), text }];
        let (calls, reloaded) = measured(&actor, || {
            let started = Instant::now();
            let reloaded = runtime.block_on(world.engine.reload(sources, None));
            took.push(started.elapsed());
            // What was replaced is taken apart a moment later.
            thread::sleep(AFTERWARDS);
            reloaded
        })?;
        reloaded?;
        reloading.add(calls);
        let length = took.last().copied().unwrap_or_default() + AFTERWARDS;
        quiet.add(measured(&actor, || thread::sleep(length))?.0);
    }
    println!("{:>26} {:^39} {:^39}", "", "without the machine's part, us", "by the clock, us");
    println!(
        "{:>10} {:>8} {:>6} {3:>9} {4:>9} {5:>9} {6:>9} {3:>9} {4:>9} {5:>9} {6:>9}",
        "", "calls", "slept", "p50", "p99", "p99.9", "longest",
    );
    println!("{}", quiet.line("quiet"));
    println!("{}", reloading.line("reloading"));
    let longest = |turns: &Turns| turns.longest.iter().max().copied().unwrap_or_default();
    let added = longest(&reloading).saturating_sub(longest(&quiet));
    println!(
        "{turns} reloads of 10,000 policies, {} ms each in the median",
        at(&mut took, 5_000).as_millis()
    );
    println!(
        "the longest call of a turn, in the median: {} us in peace, {} us under a reload",
        quiet.usual_longest().as_micros(),
        reloading.usual_longest().as_micros(),
    );
    println!("reloads added {} us to the longest call of all (bar 1,000)", added.as_micros());
    if added <= BAR { Ok(()) } else { Err("a bar does not hold".into()) }
}

/// Calls one after the other on a thread of their own for as long as `meanwhile` takes.
fn measured<T>(actor: &Actor, meanwhile: impl FnOnce() -> T) -> Outcome<(Turns, T)> {
    let over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let stop = Arc::clone(&over);
        let calling = scope.spawn(move || calls(actor, &stop));
        let done = meanwhile();
        over.store(true, Ordering::Relaxed);
        let turn = calling.join().map_err(|_| "the thread that calls has panicked")??;
        Ok((turn, done))
    })
}

fn calls(actor: &Actor, over: &AtomicBool) -> Outcome<Turns> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut turn = Turns::default();
    while !over.load(Ordering::Relaxed) {
        thread::sleep(PAUSE);
        let before = Account::now()?;
        let started = Instant::now();
        let reply = runtime.block_on(actor.calls("crm.update_deal", r#"{"amount":500,"stage":"new"}"#));
        let whole = started.elapsed();
        let on_processor = Account::on_processor()?;
        let after = Account::now()?;
        if !matches!(reply, Reply::Answered { .. }) {
            return Err(format!("refused: {reply:?}").into());
        }
        let own = match after.sleeps == before.sleeps {
            true => on_processor.saturating_sub(before.on_processor),
            false => whole.saturating_sub(after.ready.saturating_sub(before.ready)),
        };
        turn.slept += usize::from(after.sleeps != before.sleeps);
        turn.whole.push(whole);
        turn.own.push(own);
    }
    Ok(turn)
}

/// What the kernel says of this thread.
struct Account {
    /// Its time on a processor. What a hypervisor took away is not in it.
    on_processor: Duration,
    /// How long it was ready to run while something else ran.
    ready: Duration,
    /// How often it gave its core away to wait for something.
    sleeps: u64,
}

impl Account {
    fn on_processor() -> Outcome<Duration> {
        Ok(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into()?)
    }

    fn now() -> Outcome<Self> {
        let scheduled = fs::read_to_string("/proc/thread-self/schedstat")?;
        let ready = scheduled.split_whitespace().nth(1).ok_or("schedstat has no second field")?;
        let status = fs::read_to_string("/proc/thread-self/status")?;
        let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let sleeps = sleeps.ok_or("the status tells of no context switches")?.trim().parse()?;
        let on_processor = Self::on_processor()?;
        Ok(Self { on_processor, ready: Duration::from_nanos(ready.parse()?), sleeps })
    }
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
