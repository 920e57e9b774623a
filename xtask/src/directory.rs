//! The company's directory and the developer portal's catalog, by foreign parties: `scim2-tester` and the words of Entra and
//! Okta at `/scim/v2`; what is exported, by the validators of `@backstage/catalog-model`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::{
    crm::Crm,
    failure::Failure,
    node::Node,
    place::{ALLOW_ALL, Place, Plan},
    process,
    python::Python,
    tree,
};

const PYTHON_PACKAGES: [&str; 4] =
    ["scim2-tester==0.5.2", "scim2-client==0.13.2", "scim2-models==0.12.3", "httpx2==2.16.2"];
const NODE_PACKAGES: [&str; 2] = ["@backstage/catalog-model@1.10.1", "yaml@2.8.1"];
/// How long one script may take.
const SCRIPT: Duration = Duration::from_secs(120);
/// What the tester calls a miss and is none, with the reason.
const KNOWN: [(&str, &str); 1] = [(
    "PATCH modify() did not remove attribute 'active'",
    "somebody is here or not: whoever is not said to be either stays what they were, or a removal would bring them back",
)];

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("directory")?;
    let python = Python::with("python-scim", &PYTHON_PACKAGES)?;
    let node = Node::with("backstage", &NODE_PACKAGES)?;
    let wanted = [("placet-cli", "placet"), ("placet-example-crm", "crm")];
    let [placet, crm] = tree::binaries(wanted, &folder)?;
    let crm = Crm::start(&crm, &folder)?;
    let mut office = Office::open(&placet, &crm, &folder, python)?;
    let mut score = office.tester()?;
    score.add(office.leaver()?);
    score.add(catalog(&office.place, &node, &folder)?);
    office.place.must(&["ledger", "verify"])?;
    println!("{} of {} checks of foreign parties held", score.held, score.held + score.missed);
    match score.missed {
        0 if score.held > 0 => Ok(()),
        missed => Err(Failure::Missed(format!("{missed} do not hold"))),
    }
}

/// How many held.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    held: usize,
    missed: usize,
}

impl Score {
    fn add(&mut self, other: Self) {
        self.held += other.held;
        self.missed += other.missed;
    }

    fn of(held: bool) -> Self {
        Self { held: usize::from(held), missed: usize::from(!held) }
    }
}

/// A Placet with a directory, and a provider that keeps it.
struct Office {
    place: Place,
    python: Python,
    folder: PathBuf,
    url: String,
    token: String,
    key: String,
}

impl Office {
    fn open(placet: &Path, crm: &Crm, folder: &Path, python: Python) -> Result<Self, Failure> {
        let port = process::free_port()?;
        let connectors = format!(
            "[control]\nlisten = \"127.0.0.1:{port}\"\n\n[roles]\nadmin = [\"operators\"]\n\n\
             [connector.crm]\nurl = \"http://{}/mcp\"\n",
            crm.address()
        );
        let place = folder.join("place");
        fs::create_dir_all(&place)?;
        let plan = Plan { placet, folder: &place, policy: ALLOW_ALL, connectors: &connectors, hosts: &[] };
        let place = Place::open(&plan)?;
        let made = place.must(&["scim", "token", "--note", "a check", "--json"])?;
        let made: Value = serde_json::from_str(&made.output)?;
        let text = |path: &str| made.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (url, token, key) = (text("/url"), text("/secret"), text("/token/id"));
        Ok(Self { place, python, folder: folder.to_owned(), url, token, key })
    }

    /// The foreign checks of the whole protocol.
    fn tester(&self) -> Result<Score, Failure> {
        let mut command = self.script("tester.py");
        let ended = process::finish(&mut command, &self.folder.join("tester.log"), SCRIPT)?;
        match ended.code {
            Some(0) => Ok(tally("scim2-tester", &ended.output)),
            _ => Err(Failure::Broke(format!("scim2-tester broke:\n{}", ended.errors))),
        }
    }

    /// Somebody comes, owns an agent and is acted for, and leaves.
    fn leaver(&mut self) -> Result<Score, Failure> {
        let arrived = self.provider(&["arrive"])?;
        let user = arrived.lines().find_map(|line| line.strip_prefix("user ")).unwrap_or_default().to_owned();
        let mut score = tally("provider", &arrived);
        let known = self.place.must(&["person", "list"])?.output;
        score.add(said(
            "zoe is a person here, in her group",
            known.contains("zoe") && known.contains("team-leads"),
        ));
        for command in [
            &["agent", "register", "helper", "--owner", "alice", "--purpose", "a check", "--tier", "1"][..],
            &["instance", "start", "helper", "--on-behalf-of", "zoe", "--token-only"],
            &["agent", "owner", "helper", "zoe"],
        ] {
            self.place.must(command)?;
        }
        score.add(tally("provider", &self.provider(&["leave", &user])?));
        let agent = self.json(&["agent", "show", "helper", "--json"])?;
        let stage = agent.pointer("/agent/stage").and_then(Value::as_str).unwrap_or_default().to_owned();
        score.add(said(&format!("the agent of whoever has left counts down: {stage}"), stage == "countdown"));
        let runs = self.json(&["instance", "list", "--agent", "helper", "--json"])?;
        let state = runs.pointer("/instances/0/state").and_then(Value::as_str).unwrap_or_default().to_owned();
        score.add(said(&format!("the run on their behalf is over: {state}"), state == "revoked"));
        let known = self.place.must(&["person", "list"])?.output;
        score.add(said("and zoe is nobody here", !known.contains("zoe")));
        score.add(tally("provider", &self.provider(&["delete", &user])?));
        // What is taken away stays so over a restart.
        self.place.stop();
        self.place.start()?;
        let known = self.place.must(&["person", "list"])?.output;
        score.add(said("after a restart too", !known.contains("zoe") && known.contains("alice")));
        self.place.must(&["scim", "revoke", &self.key])?;
        score.add(tally("provider", &self.provider(&["stranger"])?));
        Ok(score)
    }

    fn provider(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = self.script("leaver.py");
        let log = self.folder.join(format!("{}.log", arguments.first().unwrap_or(&"provider")));
        let ended = process::finish(command.args(arguments), &log, SCRIPT)?;
        match ended.code {
            Some(0) => Ok(ended.output),
            _ => Err(Failure::Broke(format!("the provider broke:\n{}", ended.errors))),
        }
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.python.binary());
        command
            .arg(scripts().join(name))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SCIM_URL", &self.url)
            .env("SCIM_TOKEN", &self.token);
        command
    }

    fn json(&self, arguments: &[&str]) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&self.place.must(arguments)?.output)?)
    }
}

/// What is exported is taken by the portal's own validators, and read back without a step.
fn catalog(place: &Place, node: &Node, folder: &Path) -> Result<Score, Failure> {
    for command in [
        &[
            "agent",
            "register",
            "writer",
            "--owner",
            "alice",
            "--purpose",
            "keeps deals",
            "--want",
            "crm.get_deal",
        ][..],
        &[
            "agent",
            "register",
            "ops@corp",
            "--owner",
            "alice",
            "--purpose",
            "a name of its own",
            "--tier",
            "1",
        ],
    ] {
        place.must(command)?;
    }
    let file = folder.join("catalog.yaml");
    fs::write(&file, place.must(&["agent", "export", "--format", "backstage"])?.output)?;
    // Node looks for packages beside the script; so the script goes where the packages are.
    let script = node.folder().join("catalog.mjs");
    fs::copy(scripts().join("catalog.mjs"), &script)?;
    let ended = process::finish(node.script(&script).arg(&file), &folder.join("catalog.log"), SCRIPT)?;
    if ended.code != Some(0) {
        return Err(Failure::Broke(format!("the validators broke:\n{}", ended.errors)));
    }
    let mut score = tally("catalog-model", &ended.output);
    let shown = file.display().to_string();
    let planned = place.must(&["person", "import", &shown, "--plan"])?.output;
    score.add(said("what was exported is imported without a step", planned.contains("nothing to do")));
    Ok(score)
}

fn scripts() -> PathBuf {
    tree::root().join("xtask/directory")
}

/// Prints and counts the lines of a script. What is known and explained is no miss.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn tally(who: &str, output: &str) -> Score {
    let mut score = Score::default();
    for line in output.lines() {
        let known = KNOWN.iter().find(|(what, _)| line.contains(what));
        match (line.starts_with("held"), line.starts_with("MISSED"), known) {
            (true, ..) => score.held += 1,
            (_, true, Some((_, why))) => println!("known  {who}: {line} ({why})"),
            (_, true, None) => {
                println!("MISSED {who}: {line}");
                score.missed += 1;
            }
            _ => {}
        }
    }
    println!("held   {who}: {} checks", score.held);
    score
}

#[expect(clippy::print_stdout, reason = "the figures of the check")]
fn said(what: &str, held: bool) -> Score {
    println!("{} {what}", if held { "held  " } else { "MISSED" });
    Score::of(held)
}
