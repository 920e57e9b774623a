//! Bad tokens at every door of a running gateway, exchanges that would grow, one code for many, and two principals with
//! each other's ids. Nothing may get through; the CRM's own log is the witness.

use serde_json::json;

use crate::{bureau::Bureau, failure::Failure};

/// Bad things that have to be fired at least.
const CORPUS: u64 = 120;

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let mut bureau = Bureau::open("tokens")?;
    bureau.open_idp()?;
    let (_other, token) = bureau.another()?;
    let told = json!({ "other_token": token });
    let (mut missed, mut good) = (0, 0);
    let mut reports = Vec::new();
    for script in ["bad_tokens.mjs", "exchanges.mjs", "others.mjs"] {
        let report = bureau.node(script, &told)?;
        missed += report.print(script, false);
        good += report.number("good");
        reports.push(report);
    }
    let [bad, exchanges, others] = &reports[..] else {
        return Err(Failure::Broke("a report is missing".to_owned()));
    };
    let reached = bureau.reached()?;
    bureau.place().must(&["ledger", "verify"])?;
    let (distinct, fired) = (bad.number("distinct"), bad.number("fired"));
    println!("{distinct} bad tokens and proofs, fired {fired} times at all doors: {}", told_of(bad));
    println!("{} exchanges that would grow: {}", exchanges.number("asked"), told_of(exchanges));
    println!("one enrolment code, 64 at once: {} success", exchanges.number("enrolled"));
    println!("{} things of another principal tried", others.number("swaps"));
    println!("{good} good calls, {reached} calls at the CRM");
    if distinct < CORPUS {
        return Err(Failure::Broke("the corpus is smaller than it has to be".to_owned()));
    }
    match (missed, u64::try_from(reached) == Ok(good)) {
        (0, true) => Ok(()),
        (0, false) => Err(Failure::Missed(format!("{reached} calls reached the CRM, {good} were good"))),
        (missed, _) => Err(Failure::Missed(format!("{missed} do not hold"))),
    }
}

fn told_of(report: &crate::bureau::Report) -> String {
    report.more.get("told").map(ToString::to_string).unwrap_or_default()
}
