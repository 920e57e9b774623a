//! Kills under load: after each acknowledgement nothing that it covers is accepted or arrives at the CRM that was not under
//! way; open streams end within a second; a restart changes nothing. The CRM's log and the ledger are the witnesses.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    book::Book,
    caller::Caller,
    crm::Crm,
    failure::Failure,
    operator::Operator,
    options::Options,
    place::{ALLOW_ALL, Place, Plan},
    process::{self, Running},
    tree,
};

mod load;
mod streams;
mod verdict;

use load::{Load, Seat};
use verdict::{Cover, Figures, Window};

/// Calls a second that are offered.
const RATE: u64 = 500;
/// Streams that are open when everything is stopped.
const STREAMS: u64 = 200;
/// Kills, of each kind in turn.
const ROUNDS: u64 = 60;
/// Agents, and runs of each: every run is a caller.
const AGENTS: [&str; 4] = ["ant", "bee", "cat", "dog"];
const RUNS: usize = 8;
/// How long something stays stopped, and how long everything goes on.
const STOPPED: Duration = Duration::from_millis(150);
const GOING: Duration = Duration::from_millis(150);

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run(options: &[String]) -> Result<(), Failure> {
    let options = Options::read(options, &["--rate", "--streams", "--rounds"])?;
    let number = |name, default| options.number(name).unwrap_or(default);
    let (rate, streams) = (number("--rate", RATE), number("--streams", STREAMS));
    let mut scene = Scene::open()?;
    let mut figures = scene.rounds(rate, number("--rounds", ROUNDS))?;
    let cut = streams::cut(&scene, usize::try_from(streams).unwrap_or(usize::MAX))?;
    let restarted = scene.restart()?;
    scene.ledger(&mut figures)?;
    figures.wrong.extend(cut.wrong.iter().chain(&restarted).cloned());
    for wrong in figures.wrong.iter().take(20) {
        println!("VIOLATION {wrong}");
    }
    println!("{figures}");
    println!("{cut}");
    println!("after kill -9 and a restart: still stopped, then resumed and accepted");
    println!("{} violations", figures.wrong.len());
    match figures.wrong.len() {
        0 => Ok(()),
        some => Err(Failure::Missed(format!("{some} violations"))),
    }
}

/// A gateway before a CRM and a server that can be slow.
#[derive(Debug)]
struct Scene {
    place: Place,
    crm: Crm,
    operator: Operator,
    _everything: Running,
}

impl Scene {
    fn open() -> Result<Self, Failure> {
        let folder = tree::fresh("revocation")?;
        let wanted = [
            ("placet-cli", "placet"),
            ("placet-example-crm", "crm"),
            ("placet-example-everything", "everything"),
        ];
        let [placet, crm, everything] = tree::binaries(wanted, &folder)?;
        let crm = Crm::start(&crm, &folder)?;
        let (everything, slow) = slow_server(&everything, &folder)?;
        let connectors = format!(
            "[connector.crm]\nurl = \"http://{}/mcp\"\n\n[connector.everything]\nurl = \"http://{slow}/mcp\"\n",
            crm.address()
        );
        let place = Place::open(&Plan {
            placet: &placet,
            folder: &folder,
            policy: ALLOW_ALL,
            connectors: &connectors,
            hosts: &[],
        })?;
        let operator = Operator::of(&place.home());
        for agent in AGENTS {
            operator.register(agent, "alice")?;
        }
        Ok(Self { place, crm, operator, _everything: everything })
    }

    /// Starts a run: its id and its token.
    fn start(&self, agent: &str) -> Result<Seat, Failure> {
        let started = self.operator.ask("POST", "/v1/instances", &json!({ "agent": agent, "ttl": 3600 }))?;
        let token = started.get("token").and_then(Value::as_str);
        let instance = started.get("instance").and_then(|instance| instance.get("id")?.as_str());
        match (token, instance) {
            (Some(token), Some(instance)) => {
                Ok(Seat { agent: agent.to_owned(), instance: instance.to_owned(), token: token.to_owned() })
            }
            _ => Err(Failure::Broke(format!("no instance was started: {started}"))),
        }
    }

    fn kill(&self, cover: &Cover) -> Result<(), Failure> {
        let (method, path, body) = cover.kill();
        self.operator.ask(method, &path, &body).map(|_| ())
    }

    fn resume(&self, cover: &Cover) -> Result<(), Failure> {
        self.operator.ask("POST", "/v1/halts/resume", &cover.named()).map(|_| ())
    }

    /// Kills and resumes under load.
    fn rounds(&mut self, rate: u64, rounds: u64) -> Result<Figures, Failure> {
        let mut seats = Vec::new();
        for agent in AGENTS {
            for _ in 0..RUNS {
                seats.push(self.start(agent)?);
            }
        }
        let load = Load::begin(self.place.address(), seats, rate);
        let mut windows = Vec::new();
        for round in 0..rounds {
            sleep(GOING);
            let seat = usize::try_from(round).unwrap_or(0) % (AGENTS.len() * RUNS);
            let cover = Cover::of_round(round, &load.seat(seat));
            let asked = Instant::now();
            self.kill(&cover)?;
            let acknowledged = Instant::now();
            let arrived = self.crm.written()?;
            sleep(STOPPED);
            let (last, ended) = (self.crm.written()?, Instant::now());
            match &cover {
                // A revocation is for good: another run takes the seat.
                Cover::Revoked(_) => load.sit(seat, self.start(&load.seat(seat).agent)?),
                cover => self.resume(cover)?,
            }
            windows.push(Window { cover, asked, acknowledged, ended, arrived: (arrived, last) });
        }
        sleep(GOING);
        let calls = load.end();
        let log = self.crm.text()?;
        Ok(Figures::of(&windows, &calls, &log))
    }

    /// Kills the process while something is stopped, and looks whether it still is.
    fn restart(&mut self) -> Result<Vec<String>, Failure> {
        let mut wrong = Vec::new();
        let (ant, bee) = (self.start("ant")?, self.start("bee")?);
        let covers = [Cover::Agent("ant".to_owned()), Cover::Tool];
        covers.iter().try_for_each(|cover| self.kill(cover))?;
        self.place.process().kill();
        self.place.start()?;
        let listed = self.operator.ask("GET", "/v1/halts", &Value::Null)?;
        let listed = listed.get("halts").and_then(Value::as_array).map_or(0, Vec::len);
        if listed != covers.len() {
            wrong.push(format!("after the restart {listed} halts are in force, not {}", covers.len()));
        }
        let told = |seat: &Seat, notes: &str| -> Result<Option<String>, Failure> {
            let arguments = json!({ "deal_id": "789", "notes": notes });
            let mut caller = Caller::new(self.place.address(), &seat.token);
            Ok(caller.call("update_deal", &arguments, notes)?.refused)
        };
        for seat in [&ant, &bee] {
            let refused = told(seat, "after the restart")?;
            if refused.as_deref() != Some("PL-1231") {
                wrong.push(format!("after the restart `{}` was told {refused:?}", seat.agent));
            }
        }
        covers.iter().try_for_each(|cover| self.resume(cover))?;
        for seat in [&ant, &bee] {
            if let Some(refused) = told(seat, "after it was resumed")? {
                wrong.push(format!("after it was resumed `{}` was told {refused}", seat.agent));
            }
        }
        Ok(wrong)
    }

    /// The ledger's own order: what was allowed after a halt's receipt was taken back before it was sent.
    fn ledger(&mut self, figures: &mut Figures) -> Result<(), Failure> {
        self.place.stop();
        let verified = self.place.run(&["ledger", "verify"])?;
        if verified.code != Some(0) {
            figures.wrong.push(format!("the ledger does not verify: {}{}", verified.output, verified.errors));
        }
        let mut book = Book::of(self.place.home().join("ledger"));
        book.read_on()?;
        figures.read(&book);
        Ok(())
    }
}

fn slow_server(binary: &Path, folder: &Path) -> Result<(Running, std::net::SocketAddr), Failure> {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
    let mut command = std::process::Command::new(binary);
    command.args(["--listen", &address.to_string()]);
    let mut running = process::start(&mut command, &folder.join("everything.log"))?;
    running.wait_for(address, Duration::from_secs(10))?;
    Ok((running, address))
}
