//! One approval, one call: races for it, and everything that must not use it. The CRM's own log says how often
//! anything was done.

use std::{collections::BTreeMap, fs, path::Path, sync::Barrier, thread};

use serde_json::{Value, json};

use crate::{
    caller::{Answer, Caller},
    crm::Crm,
    failure::Failure,
    operator::Operator,
    options::Options,
    place::{Place, Plan},
    tree,
};

mod bound;
mod shift;

use shift::Shift;

/// Races of a full run.
const TRIALS: u64 = 200;
/// Callers that race for one approval.
const RACERS: usize = 64;
/// What a loser may be told: the approval was used, or a new one is asked for.
const LOST: [&str; 2] = ["PL-1301", "PL-1303"];
/// Everything is permitted; what changes a deal waits for a person.
const POLICY: &str = r#"
@id("agents")
permit (principal is Agent, action, resource);

@id("a-person-looks")
@reason("a person looks at every change")
@unless("approval")
@approvers("operators")
@timeout("1h")
forbid (principal is Agent, action in [Action::"crm.update_deal", Action::"crm.delete_deal"], resource);

@id("approvers-approve")
permit (principal is User, action == Action::"approve", resource is ApprovalRequest)
when { principal in resource.approvers };
"#;
/// Who owns the agents, and for whom they act. Alice approves and is neither.
const PEOPLE: &str =
    "\n[[person]]\nname = \"carol\"\n\n[[person]]\nname = \"bob\"\n\n[[person]]\nname = \"dan\"\n";

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let trials = Options::read(options, &["--trials"])?.number("--trials").unwrap_or(TRIALS);
    let folder = tree::fresh("race")?;
    let built = tree::binaries([("placet-cli", "placet"), ("placet-example-crm", "crm")], &folder)?;
    let [placet, crm] = [folder.join("placet"), folder.join("crm")];
    for (from, to) in built.iter().zip([&placet, &crm]) {
        fs::copy(from, to)?;
    }
    let mut table = Table::open(&placet, &crm, &folder.join("table"), "")?;
    let mut told = BTreeMap::new();
    for trial in 0..trials {
        table.race(trial, &mut told)?;
    }
    let rules = table.bindings()?;
    let mut brief = Table::open(&placet, &crm, &folder.join("brief"), "\n[approvals]\nusable = \"1s\"\n")?;
    let expiry = brief.expiry()?;

    let wrong: Vec<_> = table.wrong.iter().chain(&brief.wrong).collect();
    for wrong in wrong.iter().take(20) {
        println!("VIOLATION {wrong}");
    }
    println!("{trials} races of {RACERS} callers, one call each at the CRM; all were told: {told:?}");
    println!("{} rules held to: {}", rules.len() + expiry.len(), [rules, expiry].concat().join(", "));
    println!("{} violations", wrong.len());
    match wrong.len() {
        0 => Ok(()),
        some => Err(Failure::Missed(format!("{some} violations"))),
    }
}

/// A gateway before a CRM, an agent, and an approver.
#[derive(Debug)]
struct Table {
    place: Place,
    crm: Crm,
    shift: Shift,
    operator: Operator,
    token: String,
    wrong: Vec<String>,
}

impl Table {
    fn open(placet: &Path, crm: &Path, folder: &Path, further: &str) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let crm = Crm::start(crm, folder)?;
        let shift = Shift::before(crm.address())?;
        let place = Place::open(&Plan {
            placet,
            folder,
            policy: POLICY,
            connectors: &format!(
                "[connector.crm]\nurl = \"http://{}/mcp\"\n{PEOPLE}{further}",
                shift.address()
            ),
            hosts: &[],
        })?;
        let operator = Operator::of(&place.home());
        operator.register("agent", "carol")?;
        operator.register("other-agent", "carol")?;
        let token = operator.start("agent", Some("bob"))?;
        Ok(Self { place, crm, shift, operator, token, wrong: Vec::new() })
    }

    fn caller(&self) -> Caller {
        Caller::new(self.place.address(), &self.token)
    }

    /// Makes a call.
    fn call(&self, arguments: &Value) -> Result<Answer, Failure> {
        Ok(self.caller().call("update_deal", arguments, "race")?)
    }

    /// Makes a call that has to wait for a person, and returns the ticket.
    fn ask(&self, arguments: &Value) -> Result<String, Failure> {
        let answer = self.call(arguments)?;
        match (answer.refused.as_deref(), answer.ticket) {
            (Some("PL-1301"), Some(ticket)) => Ok(ticket),
            _ => Err(Failure::Broke(format!("an approval was expected: {}", answer.message))),
        }
    }

    /// Denies what waits, so that the agent may ask anew.
    fn clear(&self) -> Result<(), Failure> {
        self.operator.waiting()?.iter().try_for_each(|ticket| self.operator.answer(ticket, false))
    }

    /// How often the CRM has done what these notes name.
    fn times(&mut self, notes: &str) -> Result<u64, Failure> {
        self.crm.look()?;
        Ok(self.crm.times(notes))
    }

    fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(what());
        }
    }

    /// One approval, many callers at once.
    fn race(&mut self, trial: u64, told: &mut BTreeMap<String, u64>) -> Result<(), Failure> {
        let notes = format!("race-{trial}");
        let arguments = json!({ "deal_id": "789", "notes": notes });
        let ticket = self.ask(&arguments)?;
        self.operator.answer(&ticket, true)?;
        let barrier = Barrier::new(RACERS);
        let answers = thread::scope(|scope| {
            let racer = || {
                let mut caller = self.caller();
                let connected = caller.connect();
                barrier.wait();
                connected.and_then(|()| caller.call("update_deal", &arguments, "race"))
            };
            let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(racer)).collect();
            racers.into_iter().map(|racer| racer.join()).collect::<Vec<_>>()
        });
        let mut won = 0;
        for answer in answers {
            let answer = answer.map_err(|_| Failure::Broke("a racer panicked".to_owned()))??;
            let told_this = match &answer.refused {
                None if !answer.is_error => "done".to_owned(),
                None => format!("failed: {}", answer.message),
                Some(code) => code.clone(),
            };
            won += usize::from(told_this == "done");
            let fine = told_this == "done" || LOST.contains(&told_this.as_str());
            self.expect(fine, || format!("{notes}: a racer was told {told_this}"));
            *told.entry(told_this).or_default() += 1;
        }
        let times = self.times(&notes)?;
        self.expect(won == 1 && times == 1, || {
            format!("{notes}: {won} callers won, the CRM did it {times} times")
        });
        self.clear()
    }
}
