//! Limits under 64 callers at once, restarts and kill -9: what the CRM did and what the ledger says never pass a limit,
//! nothing is counted below zero, and a counter that has had its calls is full to the last one.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    book::{Book, Metered},
    caller::Caller,
    crm::Crm,
    dice::Dice,
    failure::Failure,
    operator::Operator,
    options::Options,
    place::{Place, Plan},
    tree,
};

/// Rounds of a full run: an agent with fresh counters each.
const ROUNDS: u64 = 20;
/// Callers at the same time.
const CALLERS: usize = 64;
/// When the gateway is killed after the load began, milliseconds.
const KILL: (u64, u64) = (30, 500);
/// How long a caller waits after a lost connection.
const PAUSE: Duration = Duration::from_millis(5);
/// What every call with an amount moves.
const AMOUNT: u64 = 7;
/// Ten-thousandths in one.
const SCALE: i64 = 10_000;
/// What may be counted, by limit.
const MOST: [(&str, i64); 4] = [("changes", 300), ("volume", 1_000), ("burst", 40), ("usage.reads", 150)];
/// Windows outlast the check, but for `burst`.
const POLICY: &str = r#"
@id("agents")
permit (principal is Agent, action, resource);

@id("changes") @unless("rate_limit") @limit("300/12h") @key("agent")
forbid (principal is Agent, action == Action::"crm.update_deal", resource);

@id("volume") @unless("rate_limit") @limit("1000/12h") @key("agent") @sum("amount")
forbid (principal is Agent, action == Action::"crm.update_deal", resource)
when { context.input has amount };

@id("burst") @unless("rate_limit") @limit("40/1s") @key("agent,tool")
forbid (principal is Agent, action == Action::"crm.get_deal", resource);

@id("reads")
forbid (principal is Agent, action == Action::"crm.get_deal", resource)
when { context.usage.reads >= 150 };
"#;
const USAGE: &str = "\n[usage.reads]\nof = [\"crm.get_deal\"]\nkey = [\"agent\"]\nwindow = \"12h\"\n";

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let options = Options::read(options, &["--rounds", "--seed"])?;
    let rounds = options.number("--rounds").unwrap_or(ROUNDS);
    let seed = options.number("--seed").unwrap_or_else(Dice::fresh_seed);
    println!("seed {seed}");
    let folder = tree::fresh("quota")?;
    let built = tree::binaries([("placet-cli", "placet"), ("placet-example-crm", "crm")], &folder)?;
    let [placet, crm] = [folder.join("placet"), folder.join("crm")];
    for (from, to) in built.iter().zip([&placet, &crm]) {
        fs::copy(from, to)?;
    }
    let mut check = Check::open(&placet, &crm, &folder)?;
    let mut dice = Dice::new(seed);
    for round in 0..rounds {
        check.round(round, &mut dice)?;
    }
    let (told, wrong) = (&check.told, &check.wrong);
    for wrong in wrong.iter().take(20) {
        println!("VIOLATION {wrong}");
    }
    println!(
        "{rounds} rounds of {CALLERS} callers, {} kills and {} restarts, slowest start {} ms",
        check.kills,
        check.restarts,
        check.slowest.as_millis()
    );
    println!("callers were told: {told:?}; the CRM did {} changes", check.crm.seen().len());
    println!(
        "{} charges and {} refunds in the ledger; {} violations",
        check.charges,
        check.refunds,
        wrong.len()
    );
    match wrong.len() {
        0 => Ok(()),
        some => Err(Failure::Missed(format!("{some} violations"))),
    }
}

#[derive(Debug)]
struct Check {
    place: Place,
    crm: Crm,
    operator: Operator,
    told: BTreeMap<String, u64>,
    wrong: Vec<String>,
    kills: u64,
    restarts: u64,
    slowest: Duration,
    charges: usize,
    refunds: usize,
}

impl Check {
    fn open(placet: &Path, crm: &Path, folder: &Path) -> Result<Self, Failure> {
        let crm = Crm::start(crm, folder)?;
        let place = Place::open(&Plan {
            placet,
            folder,
            policy: POLICY,
            connectors: &format!("[connector.crm]\nurl = \"http://{}/mcp\"\n{USAGE}", crm.address()),
            hosts: &[],
        })?;
        let operator = Operator::of(&place.home());
        let (told, wrong, slowest) = (BTreeMap::new(), Vec::new(), Duration::ZERO);
        Ok(Self { place, crm, operator, told, wrong, kills: 0, restarts: 0, slowest, charges: 0, refunds: 0 })
    }

    /// One agent: load until it is killed, again until it is stopped, and then until every counter is full.
    fn round(&mut self, round: u64, dice: &mut Dice) -> Result<(), Failure> {
        let agent = format!("agent-{round}");
        self.operator.register(&agent, "alice")?;
        let token = self.operator.start(&agent, None)?;
        for (leg, kill) in [(0, true), (1, true), (2, false)] {
            let wait = Duration::from_millis(dice.within(KILL.0, KILL.1));
            self.load(&token, &format!("{agent}/{leg}"), |place| {
                thread::sleep(wait);
                match kill {
                    true => place.process().kill(),
                    false => place.stop(),
                }
            });
            let begun = Instant::now();
            self.place.start()?;
            self.slowest = self.slowest.max(begun.elapsed());
            self.kills += u64::from(kill);
            self.restarts += 1;
        }
        self.fill(&token, &agent)?;
        self.audit(&agent)
    }

    /// Calls until `act` returns.
    fn load(&mut self, token: &str, name: &str, act: impl FnOnce(&mut Place)) {
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let address = self.place.address();
        let told = thread::scope(|scope| {
            let caller = || {
                let mut caller = Caller::new(address, token);
                let mut told: BTreeMap<String, u64> = BTreeMap::new();
                while !stop.load(Ordering::SeqCst) {
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    match one(&mut caller, number, name) {
                        Ok(answer) => *told.entry(answer).or_default() += 1,
                        Err(_) => thread::sleep(PAUSE),
                    }
                }
                told
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(caller)).collect();
            act(&mut self.place);
            stop.store(true, Ordering::SeqCst);
            callers.into_iter().map(|caller| caller.join().unwrap_or_default()).collect::<Vec<_>>()
        });
        for (answer, times) in told.into_iter().flatten() {
            *self.told.entry(answer).or_default() += times;
        }
    }

    /// Calls one after the other until nothing goes through any more.
    fn fill(&mut self, token: &str, agent: &str) -> Result<(), Failure> {
        let mut caller = Caller::new(self.place.address(), token);
        for (kind, number) in [("amounts", 0), ("plain", 1), ("reads", 2)] {
            // Many more than there can be room for.
            let full = (0..1_000).find_map(|turn| {
                let answer = one(&mut caller, number + 3 * turn, &format!("{agent}/fill"));
                match answer.as_deref() {
                    Ok("done") => None,
                    // A second later there is room in `burst`, until `reads` is full as well.
                    Ok("PL-1241") if kind == "reads" => {
                        thread::sleep(Duration::from_millis(1_050));
                        None
                    }
                    _ => Some(answer),
                }
            });
            match (kind, full) {
                ("reads", Some(Ok(code))) if code == "PL-1202" => {}
                ("amounts" | "plain", Some(Ok(code))) if code == "PL-1241" => {}
                (kind, other) => self.wrong.push(format!("{agent}: {kind} ended with {other:?}")),
            }
        }
        Ok(())
    }

    /// What the CRM did and what the ledger says, against the limits and against what the gateway shows.
    fn audit(&mut self, agent: &str) -> Result<(), Failure> {
        let mut book = Book::of(self.place.home().join("ledger"));
        book.read_on()?;
        self.crm.look()?;
        let changes: Vec<&String> =
            self.crm.seen().keys().filter(|notes| notes.starts_with(&format!("{agent}/"))).collect();
        let with_amount = changes.iter().filter(|notes| notes.contains("/amount-")).count() as u64;
        let mut wrong = Vec::new();
        if changes.len() as i64 > 300 || with_amount * AMOUNT > 1_000 {
            wrong.push(format!(
                "{agent}: the CRM did {} changes, {with_amount} with an amount",
                changes.len()
            ));
        }
        let mine = format!("agent={agent}");
        let of_agent = |metered: &&Metered| metered.of.split(' ').any(|part| part == mine);
        for (limit, most) in MOST {
            let all: Vec<&Metered> =
                book.metered.iter().filter(of_agent).filter(|metered| metered.limit == limit).collect();
            wrong.extend(beyond(&all, most * SCALE).map(|what| format!("{agent}: {limit}: {what}")));
            let net: i64 = all.iter().map(|metered| metered.signed()).sum();
            let full = match limit {
                // The largest multiple of the amount.
                "volume" => Some(994 * SCALE),
                "burst" => None,
                _ => Some(most * SCALE),
            };
            if full.is_some_and(|full| full != net) {
                wrong.push(format!(
                    "{agent}: {limit} shows {net} ten-thousandths and not {full:?} at its end"
                ));
            }
            if limit != "burst" {
                let shown = self.shown(limit, &mine)?;
                if shown != Some(net) {
                    wrong.push(format!(
                        "{agent}: {limit} is {net} in the ledger and {shown:?} at the gateway"
                    ));
                }
            }
        }
        self.charges = book.metered.iter().filter(|metered| !metered.refund).count();
        self.refunds = book.metered.len() - self.charges;
        self.wrong.extend(wrong);
        Ok(())
    }

    /// What the gateway says of a counter, in ten-thousandths.
    fn shown(&self, limit: &str, of: &str) -> Result<Option<i64>, Failure> {
        let answer = self.operator.ask("GET", &format!("/v1/limits?limit={limit}"), &Value::Null)?;
        let counters = answer.get("counters").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |counter: &Value, key: &str| counter.get(key)?.as_str().map(str::to_owned);
        let counter = counters.iter().find(|counter| text(counter, "of").as_deref() == Some(of));
        Ok(counter.and_then(|counter| text(counter, "used")?.parse::<i64>().ok()).map(|used| used * SCALE))
    }
}

/// One call of the three kinds in turn; the code if it was refused.
fn one(caller: &mut Caller, number: u64, name: &str) -> std::io::Result<String> {
    let answer = match number % 3 {
        0 => {
            let notes = format!("{name}/amount-{number}");
            caller.call(
                "update_deal",
                &json!({ "deal_id": "789", "amount": AMOUNT, "notes": notes }),
                name,
            )?
        }
        1 => {
            let notes = format!("{name}/plain-{number}");
            caller.call("update_deal", &json!({ "deal_id": "789", "notes": notes }), name)?
        }
        _ => caller.call("get_deal", &json!({ "deal_id": "789" }), name)?,
    };
    Ok(answer.refused.unwrap_or_else(|| "done".to_owned()))
}

/// Where a counter shows more than it may, or less than nothing, at any moment of its charges.
fn beyond(all: &[&Metered], most: i64) -> Option<String> {
    all.iter().find_map(|at| {
        let counting = all.iter().filter(|one| one.time <= at.time && one.until > at.time);
        let sum: i64 = counting.map(|one| one.signed()).sum();
        (sum > most || sum < 0).then(|| format!("{sum} ten-thousandths at {}", at.time))
    })
}
