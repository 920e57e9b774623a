//! Policies exchanged twenty times a second under full load. The two sets are such that their union, or one's permits
//! without the other's vetoes, would allow everything: each receipt has to be what the revision it names says, and whoever
//! calls after an acknowledgement is judged by the new set. Then a large set: nobody waits for it to be read.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    book::{Book, Judged},
    crm::Crm,
    failure::Failure,
    operator::Operator,
    options::Options,
    place::{Place, Plan},
    tree,
};

mod load;

use load::{Call, Load};

/// How long policies are exchanged.
const SECONDS: u64 = 60;
/// How often a second.
const RATE: u64 = 20;
/// How long a set stays now and then, and after how many exchanges both sets do.
const STAY: Duration = Duration::from_millis(250);
const STAYS: usize = 40;
/// The share of them that has to be reached: the last is begun and not ended.
const ENOUGH: f64 = 0.98;
/// Callers at once, each as fast as answers come.
const CALLERS: u64 = 8;
/// Policies of the large set.
const POLICIES: u64 = 10_000;
/// The longest that a call may take while the large set is read.
const STALL: Duration = Duration::from_secs(1);

/// Small amounts are granted by a broad permit that a veto narrows.
const LOW: &str = r#"
@id("low-all") permit (principal, action == Action::"crm.update_deal", resource);
@id("low-veto") forbid (principal, action == Action::"crm.update_deal", resource)
unless { context.input has amount && context.input.amount < 50 };
"#;
/// Large amounts are granted by a narrow permit.
const HIGH: &str = r#"
@id("high-only") permit (principal, action == Action::"crm.update_deal", resource)
when { context.input has amount && context.input.amount >= 50 };
"#;
/// The two sets, each with a name for its file.
const SETS: [(&str, &str); 2] = [("low", LOW), ("high", HIGH)];

fn name(set: usize) -> &'static str {
    SETS.get(set).map_or("", |(name, _)| name)
}

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let options = Options::read(options, &["--seconds", "--callers", "--policies", "--rate"])?;
    let number = |name, default| options.number(name).unwrap_or(default);
    let mut scene = Scene::open()?;
    let callers = number("--callers", CALLERS);
    let rate = number("--rate", RATE).max(1);
    let exchanged = scene.exchange(Duration::from_secs(number("--seconds", SECONDS)), rate, callers)?;
    let large = scene.large(number("--policies", POLICIES), callers)?;
    let mut wrong = exchanged.wrong.clone();
    let mut told = String::new();
    let receipts = scene.receipts(&exchanged.revisions, &mut wrong, &mut told)?;
    if exchanged.rate() < rate as f64 * ENOUGH {
        wrong.push(format!("{:.1} exchanges a second instead of {rate}", exchanged.rate()));
    }
    if large.longest > STALL {
        wrong.push(format!("a call took {:?} while a large set was read", large.longest));
    }
    for one in wrong.iter().take(20) {
        println!("VIOLATION {one}");
    }
    println!(
        "{} exchanges in {:.1} s ({:.1}/s), {} calls meanwhile ({:.0}/s), {} of them certain of their set",
        exchanged.exchanges,
        exchanged.seconds,
        exchanged.rate(),
        exchanged.calls,
        exchanged.calls as f64 / exchanged.seconds,
        exchanged.certain,
    );
    println!(
        "{} decisions by the first set, {} by the second, each as its revision says",
        receipts.first().unwrap_or(&0),
        receipts.last().unwrap_or(&0)
    );
    println!(
        "a set of {} policies in force after {:.1} s; {} calls meanwhile, the longest {:.1} ms, ended after {:.1} s \
         (median {:.1} ms)",
        large.policies,
        large.took.as_secs_f64(),
        large.calls,
        large.longest.as_secs_f64() * 1e3,
        large.ended.as_secs_f64(),
        large.median.as_secs_f64() * 1e3,
    );
    println!("replayed under the revisions that receipts name: {told}");
    println!("{} violations", wrong.len());
    match wrong.len() {
        0 => Ok(()),
        some => Err(Failure::Missed(format!("{some} violations"))),
    }
}

/// What the exchanges came to.
struct Exchanged {
    exchanges: usize,
    seconds: f64,
    calls: usize,
    /// Calls that began after one acknowledgement and ended before the next wish.
    certain: usize,
    revisions: [String; 2],
    wrong: Vec<String>,
}

impl Exchanged {
    fn rate(&self) -> f64 {
        self.exchanges as f64 / self.seconds
    }
}

/// What reading a large set came to.
struct Large {
    policies: u64,
    took: Duration,
    calls: usize,
    longest: Duration,
    /// When the longest ended, from the wish on.
    ended: Duration,
    median: Duration,
}

/// A set in force, from its acknowledgement to the wish for the next.
struct Reign {
    set: usize,
    from: Instant,
    to: Instant,
}

struct Scene {
    place: Place,
    operator: Operator,
    tokens: Vec<String>,
    _crm: Crm,
}

impl Scene {
    fn open() -> Result<Self, Failure> {
        let folder = tree::fresh("reload")?;
        let [placet, crm] =
            tree::binaries([("placet-cli", "placet"), ("placet-example-crm", "crm")], &folder)?;
        let crm = Crm::start(&crm, &folder)?;
        let connectors = format!("[connector.crm]\nurl = \"http://{}/mcp\"\n", crm.address());
        let place = Place::open(&Plan {
            placet: &placet,
            folder: &folder,
            policy: LOW,
            connectors: &connectors,
            hosts: &[],
        })?;
        let operator = Operator::of(&place.home());
        operator.register("ant", "alice")?;
        Ok(Self { place, operator, tokens: Vec::new(), _crm: crm })
    }

    fn load(&mut self, callers: u64) -> Result<Load, Failure> {
        while (self.tokens.len() as u64) < callers {
            self.tokens.push(self.operator.start("ant", None)?);
        }
        Ok(Load::begin(self.place.address(), &self.tokens))
    }

    fn promote(&self, name: &str, text: &str) -> Result<String, Failure> {
        let sources = json!([{ "name": format!("{name}.cedar"), "text": text }]);
        let promoted = self.operator.ask("POST", "/v1/policies/promote", &json!({ "sources": sources }))?;
        match (
            promoted.get("standing").and_then(Value::as_str),
            promoted.get("revision").and_then(Value::as_str),
        ) {
            (Some("in_force"), Some(revision)) => Ok(revision.to_owned()),
            _ => Err(Failure::Broke(format!("the set is not in force: {promoted}"))),
        }
    }

    fn exchange(&mut self, time: Duration, rate: u64, callers: u64) -> Result<Exchanged, Failure> {
        let [(low, first), (high, second)] = SETS;
        let revisions = [self.promote(low, first)?, self.promote(high, second)?];
        let load = self.load(callers)?;
        let (begun, every) = (Instant::now(), Duration::from_secs(1).div_f64(rate as f64));
        let mut reigns: Vec<Reign> = Vec::new();
        while begun.elapsed() < time {
            let set = reigns.len() % 2;
            let wished = Instant::now();
            if let Some(last) = reigns.last_mut() {
                last.to = wished;
            }
            let (Some((name, text)), Some(revision)) = (SETS.get(set), revisions.get(set)) else { continue };
            if self.promote(name, text)? != *revision {
                return Err(Failure::Broke("one set has two revisions".to_owned()));
            }
            let from = Instant::now();
            reigns.push(Reign { set, from, to: from });
            // Now and then a set stays long enough for calls to begin and end under it, however slow the machine.
            if reigns.len() % STAYS < 2 {
                sleep(STAY);
            }
            let due = begun + every * u32::try_from(reigns.len()).unwrap_or(u32::MAX);
            sleep(due.saturating_duration_since(Instant::now()));
        }
        let seconds = begun.elapsed().as_secs_f64();
        let calls = load.end();
        let (certain, wrong) = certain(&reigns, &calls);
        let exchanges = reigns.len();
        Ok(Exchanged { exchanges, seconds, calls: calls.len(), certain, revisions, wrong })
    }

    /// Puts a large set in force while calls go on.
    fn large(&mut self, policies: u64, callers: u64) -> Result<Large, Failure> {
        let mut text = LOW.to_owned();
        for number in 0..policies {
            let _ = writeln!(
                text,
                "@id(\"p{number}\") permit (principal == Agent::\"a{number}\", action == Action::\"crm.update_deal\", \
                 resource) when {{ context.input has amount && context.input.amount < {} }};",
                number % 50
            );
        }
        let load = self.load(callers)?;
        sleep(Duration::from_millis(200));
        let from = Instant::now();
        self.promote("large", &text)?;
        let to = Instant::now();
        let mut calls = load.end();
        calls.retain(|call| call.begun < to && call.ended > from);
        calls.sort_by_key(Call::took);
        let took = |call: Option<&Call>| call.map(Call::took).unwrap_or_default();
        let (median, longest) = (took(calls.get(calls.len() / 2)), calls.last());
        let ended = longest.map(|call| call.ended.saturating_duration_since(from)).unwrap_or_default();
        let longest = took(longest);
        Ok(Large { policies, took: to - from, calls: calls.len(), longest, ended, median })
    }

    /// Each receipt against the set that it names.
    fn receipts(
        &mut self,
        revisions: &[String; 2],
        wrong: &mut Vec<String>,
        told: &mut String,
    ) -> Result<[usize; 2], Failure> {
        let replayed = self.place.run(&["policy", "replay", "--recorded", "--days", "1"])?;
        if replayed.code != Some(0) || !replayed.errors.contains("nothing is kept") {
            wrong.push(format!("the log does not replay: {}{}", replayed.output, replayed.errors));
        }
        *told = replayed.errors.trim().to_owned();
        let shown = self.shown(revisions)?;
        wrong.extend(shown);
        self.place.stop();
        let verified = self.place.run(&["ledger", "verify"])?;
        if verified.code != Some(0) {
            wrong.push(format!("the ledger does not verify: {}{}", verified.output, verified.errors));
        }
        let mut book = Book::of(self.place.home().join("ledger"));
        book.read_on()?;
        let mut count = [0; 2];
        for judged in &book.judged {
            let Some(set) = revisions.iter().position(|revision| *revision == judged.policy) else {
                continue;
            };
            if let Some(count) = count.get_mut(set) {
                *count += 1;
            }
            let expected = expected(set, &judged.rationale);
            if (judged.verdict.as_str(), judged.reasons.iter().map(String::as_str).collect::<Vec<_>>())
                != expected
            {
                let Judged { verdict, reasons, rationale, .. } = judged;
                wrong.push(format!("{verdict} {reasons:?} for {rationale} under `{}`", name(set)));
            }
        }
        if count.contains(&0) {
            wrong.push(format!("one of the sets judged nothing: {count:?}"));
        }
        Ok(count)
    }

    /// Both revisions can be looked at again by their digests.
    fn shown(&self, revisions: &[String; 2]) -> Result<Vec<String>, Failure> {
        let mut wrong = Vec::new();
        for (revision, (name, text)) in revisions.iter().zip(SETS) {
            let folder = self.place.home().join(format!("shown-{name}"));
            let folder = folder.to_str().unwrap_or_default();
            self.place.must(&["policy", "show", revision, "--out", folder])?;
            if fs::read_to_string(Path::new(folder).join(format!("{name}.cedar")))? != text {
                wrong.push(format!("revision {revision} does not read as it was promoted"));
            }
        }
        Ok(wrong)
    }
}

/// What a set says to a call, by the amount in its rationale.
fn expected(set: usize, rationale: &str) -> (&'static str, Vec<&'static str>) {
    let amount: u64 = rationale.rsplit('-').next().and_then(|amount| amount.parse().ok()).unwrap_or(0);
    match (set, amount >= 50) {
        (0, false) => ("allow", vec!["low-all"]),
        (0, true) => ("deny", vec!["low-veto"]),
        (_, true) => ("allow", vec!["high-only"]),
        (_, false) => ("deny", vec![]),
    }
}

/// Calls within one reign, and those among them that another set has judged.
fn certain(reigns: &[Reign], calls: &[Call]) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for call in calls {
        let place = reigns.partition_point(|reign| reign.from <= call.begun);
        let Some(reign) = place.checked_sub(1).and_then(|place| reigns.get(place)) else { continue };
        if call.ended > reign.to {
            continue;
        }
        count += 1;
        let allowed = expected(reign.set, &call.marker).0 == "allow";
        if allowed != call.refused.is_none() {
            wrong.push(format!("{} under `{}` was told {:?}", call.marker, name(reign.set), call.refused));
        }
    }
    (count, wrong)
}
