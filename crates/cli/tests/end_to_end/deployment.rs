//! A folder with a configuration, a CRM and a running `placet up`; all of it ends with the value.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::http::{Post, Response};

const CRM_POLICIES: &str = include_str!("../../../../policies/crm.cedar");
const APPROVERS: &str = include_str!("../../../../policies/approvals.cedar");

/// A program that ends with this value, and not politely.
pub(super) struct Program(Child);

impl Program {
    /// Starts `placet` with these arguments and returns the last word of its first line.
    fn start(command: &mut Command, log: &Path) -> (Self, String) {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(log).unwrap())
            .spawn()
            .unwrap();
        let mut program = Self(child);
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let word = line.split_whitespace().last().map(str::to_owned);
        (program, word.unwrap_or_else(|| panic!("it did not start: {}", fs::read_to_string(log).unwrap())))
    }

    pub(super) fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Its exit code, once it has ended by itself.
    pub(super) fn ended(&mut self) -> Option<i32> {
        for _ in 0..300 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `placet` with these arguments, free of the environment's say.
pub(super) fn placet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_placet"));
    for name in [
        "PLACET_CONFIG",
        "PLACET_HOME",
        "PLACET_SOCKET",
        "PLACET_SERVER",
        "PLACET_FAILPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// What a command printed.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) struct Deployment {
    pub(super) folder: TempDir,
    pub(super) address: SocketAddr,
    pub(super) up: Program,
    pub(super) crm: Program,
}

impl Deployment {
    /// A CRM and a Placet before it: alice manages sales and is whoever runs the tests, bob sells, carol owns agents.
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("crm.jsonl");
        let (crm, url) =
            Program::start(placet(&["example-crm", "--log"]).arg(&log), &folder.path().join("crm.err"));
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/crm.cedar"), CRM_POLICIES).unwrap();
        fs::write(folder.path().join("policies/approvals.cedar"), APPROVERS).unwrap();
        let uid = fs::metadata("/proc/self").unwrap().uid();
        let config = CONFIG.replace("@CRM@", &url).replace("@UID@", &uid.to_string());
        fs::write(folder.path().join("placet.toml"), config).unwrap();
        let (up, address) = up(folder.path());
        Self { folder, address, up, crm }
    }

    /// Ends Placet with SIGKILL and starts it again.
    pub(super) fn crash(&mut self) {
        self.up.signal("-KILL");
        self.start_again();
    }

    /// Starts Placet again after it was killed.
    pub(super) fn start_again(&mut self) {
        assert_eq!(self.up.ended(), None);
        (self.up, self.address) = up(self.folder.path());
    }

    /// Kills Placet, and starts it so that it dies at a step.
    pub(super) fn start_to_die_at(&mut self, step: &str) {
        self.up.signal("-KILL");
        assert_eq!(self.up.ended(), None);
        (self.up, self.address) =
            up_with(self.folder.path(), |command| command.env("PLACET_FAILPOINT", step));
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join(".placet")
    }

    /// An operator's command.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        placet(arguments).arg("--home").arg(self.home()).current_dir(self.folder.path()).output().unwrap()
    }

    /// An operator's command that works; what it printed.
    #[track_caller]
    pub(super) fn does(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// The token of an instance on behalf of bob.
    pub(super) fn token(&self) -> String {
        if !self.does(&["agent", "list"]).contains("deal-agent") {
            let register =
                ["agent", "register", "deal-agent", "--owner", "carol", "--purpose", "keeps deals fresh"];
            self.does(&[&register[..], &["--tier", "3", "--group", "crm-agents"]].concat());
        }
        let start =
            ["instance", "start", "deal-agent", "--on-behalf-of", "bob", "--ticket", "T-1", "--token-only"];
        self.does(&start).trim().to_owned()
    }

    pub(super) fn calls(&self, token: &str, tool: &str, arguments: Value) -> Response {
        Post::call(self.address, token, tool, arguments).send(self.address)
    }

    pub(super) fn fetch(&self, path: &str) -> Response {
        let message = Post::message(self.address, "", &Value::Null).without("authorization").body("");
        Post { verb: "GET", path: path.to_owned(), ..message }.send(self.address)
    }

    /// The CRM's own log: the tools that really ran, facts for decisions included.
    pub(super) fn ran(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("crm.jsonl")).unwrap_or_default();
        let tool =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["tool"].as_str().unwrap().to_owned();
        log.lines().map(tool).collect()
    }

    /// How often the CRM changed a deal.
    pub(super) fn updates(&self) -> usize {
        self.ran().iter().filter(|tool| *tool == "update_deal").count()
    }
}

/// Starts `placet up` in a folder and waits until it takes calls.
pub(super) fn up(folder: &Path) -> (Program, SocketAddr) {
    up_with(folder, |command| command)
}

fn up_with(folder: &Path, with: impl FnOnce(&mut Command) -> &mut Command) -> (Program, SocketAddr) {
    let config = folder.join("placet.toml");
    let mut command = placet(&["up", "--config"]);
    let (program, url) = Program::start(with(command.arg(&config)), &folder.join("up.err"));
    (program, url.strip_prefix("http://").unwrap().parse().unwrap())
}

/// Waits until something holds; ten seconds are a failure.
#[track_caller]
pub(super) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

const CONFIG: &str = r#"
[gateway]
listen = "127.0.0.1:0"
origins = ["https://console.example"]

[limits]
body_bytes = 100000

# Small segments: they are filled and read more often than there are receipts.
[ledger]
segment_bytes = 1048576

[registry]
approvers = { 2 = [], 3 = [] }

[[person]]
name = "alice"
groups = ["sales-managers"]
os_uid = @UID@

[[person]]
name = "bob"

[[person]]
name = "carol"

[connector.crm]
url = "@CRM@"

[[connector.crm.resource]]
kind = "Deal"
tools = ["update_deal", "delete_deal"]
argument = "deal_id"
resolver = { tool = "get_deal", argument = "deal_id" }
attributes = { owner = "User", stage = "String", amount = "Long" }
"#;
