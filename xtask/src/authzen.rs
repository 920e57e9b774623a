//! The decision API as others know it: the working group's todo scenario and certification scenario over HTTP, and a
//! foreign client. What is expected comes from the working group; only the policies are ours.
#![expect(clippy::indexing_slicing, reason = "a JSON value answers `null` for a member it has not")]

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    failure::Failure,
    place::{Place, Plan},
    process,
    python::Python,
    tree,
};

pub(crate) mod cerbos;
mod certification;
mod door;
mod envoy;
mod interfaces;

use door::Door;

/// The foreign client: an AuthZEN client of another decision point, without dependencies.
const DECERN: &str = "decern==0.6.0";
/// How long the foreign client may take.
const CLIENT: Duration = Duration::from_secs(60);

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("authzen")?;
    let python = Python::with("python-authzen", &[DECERN])?;
    let wanted = [("placet-cli", "placet"), ("placet-example-crm", "crm")];
    let [placet, crm] = tree::binaries(wanted, &folder)?;
    let (todo, foreign) = todo(&placet, &folder, &python)?;
    let mut tallies = vec![todo, foreign];
    let certification = certification::run(&placet, &folder, &mut tallies)?;
    tallies.push(certification);
    tallies.push(cerbos::run(&placet, &crm, &folder)?);
    for tally in &tallies {
        println!("{tally}");
    }
    match tallies.iter().map(|tally| tally.wrong).sum() {
        0_usize => Ok(()),
        wrong => Err(Failure::Missed(format!("{wrong} answers are not the expected ones"))),
    }
}

/// How many answers were looked at, and how many were not the expected ones.
#[derive(Debug)]
pub(crate) struct Tally {
    what: &'static str,
    asked: usize,
    wrong: usize,
}

impl Tally {
    fn new(what: &'static str) -> Self {
        Self { what, asked: 0, wrong: 0 }
    }

    #[expect(clippy::print_stdout, reason = "what is wrong is said where it is found")]
    fn expect(&mut self, name: &str, holds: bool, seen: &Value) {
        self.asked += 1;
        if !holds {
            self.wrong += 1;
            println!("  wrong: {}: {name}: {seen}", self.what);
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {} answers, {} wrong", self.what, self.asked, self.wrong)
    }
}

/// The todo scenario: every decision of the working group's list, asked by us and by the foreign client.
fn todo(placet: &Path, folder: &Path, python: &Python) -> Result<(Tally, Tally), Failure> {
    let example = tree::root().join("examples/authzen-todo");
    let written = fs::read_to_string(example.join("placet.toml"))?;
    // The place has an address of its own.
    let application =
        written.split_once("[application.todo]").map(|(_, rest)| format!("[application.todo]{rest}"));
    let application =
        application.ok_or_else(|| Failure::Broke("the example has no application".to_owned()))?;
    let folder = folder.join("todo");
    fs::create_dir_all(&folder)?;
    let place = Place::open(&Plan {
        placet,
        folder: &folder,
        policy: &fs::read_to_string(example.join("policies/todo.cedar"))?,
        connectors: &application,
        hosts: &[],
    })?;
    let door = Door::new(place.address(), place.agent("todo-app")?);
    let decisions: Value = serde_json::from_str(&fs::read_to_string(example.join("decisions.json"))?)?;
    let rows = |name: &str| decisions.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut tally = Tally::new("todo scenario");
    for row in rows("evaluation") {
        let answer = door.ask("evaluation", &row["request"])?;
        let holds = answer.status == 200 && answer.body["decision"] == row["expected"];
        tally.expect(&row["request"].to_string(), holds, &answer.body);
    }
    for row in rows("evaluations") {
        let answer = door.ask("evaluations", &row["request"])?;
        let seen: Vec<Value> = answer.body["evaluations"]
            .as_array()
            .map(|all| all.iter().map(|one| json!({ "decision": one["decision"] })).collect())
            .unwrap_or_default();
        tally.expect(&row["request"].to_string(), Value::from(seen) == row["expected"], &answer.body);
    }
    let mut foreign = Tally::new("todo scenario, asked by decern");
    let mut client = Command::new(python.binary());
    client
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(tree::root().join("xtask/authzen/decern_client.py"))
        .arg(format!("http://{}", place.address()))
        .arg(door.token())
        .arg(example.join("decisions.json"));
    let ended = process::finish(&mut client, &folder.join("decern.log"), CLIENT)?;
    foreign.asked = rows("evaluation").len();
    let said = Value::from(format!("{}{}", ended.output, ended.errors));
    foreign.expect("all of its checks", ended.code == Some(0), &said);
    place.must(&["ledger", "verify"])?;
    Ok((tally, foreign))
}
