//! A home with a running `placet` in it: configuration, policies, one agent, one instance.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    failure::Failure,
    mcp,
    process::{self, Finished, Running},
};

/// How long the binary may take to be ready.
const READY: Duration = Duration::from_secs(30);
/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(60);
/// The home, beside `placet.toml`.
const HOME: &str = ".placet";
/// The policy that permits everything.
pub(crate) const ALLOW_ALL: &str = "@id(\"allow-all\")\npermit (principal, action, resource);\n";

/// What a place is made of.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The binary.
    pub(crate) placet: &'a Path,
    /// An existing folder that becomes the place.
    pub(crate) folder: &'a Path,
    /// Cedar text.
    pub(crate) policy: &'a str,
    /// The connectors' tables, in TOML.
    pub(crate) connectors: &'a str,
    /// `Host` values to accept besides its own.
    pub(crate) hosts: &'a [String],
}

/// A running place. Stops when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    placet: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    running: Running,
}

impl Place {
    /// Writes the files and starts the binary.
    pub(crate) fn open(plan: &Plan<'_>) -> Result<Self, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], process::free_port()?));
        fs::create_dir_all(plan.folder.join("policies"))?;
        fs::write(plan.folder.join("policies/check.cedar"), plan.policy)?;
        fs::write(plan.folder.join("placet.toml"), configuration(plan, address)?)?;
        let running = start(plan.placet, plan.folder, address, &[])?;
        let (placet, folder) = (plan.placet.to_path_buf(), plan.folder.to_path_buf());
        Ok(Self { placet, folder, address, running })
    }

    /// Where the gateway listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The gateway's URL of a connector.
    pub(crate) fn url(&self, connector: &str) -> String {
        format!("http://{}/mcp/{connector}", self.address)
    }

    /// Where the ledger, the keys and the control socket are.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.join(HOME)
    }

    /// Starts the binary again after [`Self::stop`].
    pub(crate) fn start(&mut self) -> Result<(), Failure> {
        self.start_with(&[])
    }

    /// [`Self::start`] with these variables in its environment.
    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) -> Result<(), Failure> {
        self.running = start(&self.placet, &self.folder, self.address, environment)?;
        Ok(())
    }

    /// The running binary.
    pub(crate) fn process(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Registers an agent, starts an instance of it, and returns the instance's token.
    pub(crate) fn agent(&self, name: &str) -> Result<String, Failure> {
        let register = ["agent", "register", name, "--owner", "alice", "--purpose", "a check", "--tier", "3"];
        self.must(&register)?;
        let started = self.must(&["instance", "start", name, "--ttl", "1h", "--token-only"])?;
        Ok(started.output.trim().to_owned())
    }

    /// Accepts the tools that a connector has shown since its first list: some servers show more to some clients.
    pub(crate) fn accept(&self, connector: &str) -> Result<(), Failure> {
        self.must(&["connector", "accept", connector]).map(|_| ())
    }

    /// Runs a command of the binary here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Finished, Failure> {
        let log = self
            .folder
            .join(format!("{}.log", arguments.iter().take(2).copied().collect::<Vec<_>>().join("-")));
        process::finish(command(&self.placet, &self.folder).args(arguments), &log, COMMAND)
    }

    /// Runs a command of the binary that has to succeed.
    pub(crate) fn must(&self, arguments: &[&str]) -> Result<Finished, Failure> {
        let finished = self.run(arguments)?;
        match finished.code {
            Some(0) => Ok(finished),
            code => Err(Failure::Broke(format!(
                "`placet {}` ended with {code:?}:\n{}{}",
                arguments.join(" "),
                finished.output,
                finished.errors
            ))),
        }
    }

    /// The process id of the running binary.
    pub(crate) fn process_id(&self) -> u32 {
        self.running.id()
    }

    /// Stops the binary; commands that need no running one still work.
    pub(crate) fn stop(&mut self) {
        self.running.stop();
    }
}

fn start(
    placet: &Path,
    folder: &Path,
    address: SocketAddr,
    environment: &[(&str, &str)],
) -> Result<Running, Failure> {
    let mut up = command(placet, folder);
    up.envs(environment.iter().copied()).args(["up", "--config", "placet.toml"]);
    let mut running = process::start(&mut up, &folder.join("placet.log"))?;
    running.wait_until(READY, || mcp::status(address, "/readyz") == Some(200))?;
    Ok(running)
}

/// The binary with the place's home, whatever the environment says.
fn command(placet: &Path, folder: &Path) -> Command {
    let mut command = Command::new(placet);
    command.current_dir(folder).env("PLACET_HOME", folder.join(HOME));
    command
}

fn configuration(plan: &Plan<'_>, address: SocketAddr) -> Result<String, Failure> {
    // The control socket asks the kernel who is there; whoever runs the check is Alice.
    let user = process::finish(Command::new("id").arg("-u"), &plan.folder.join("id.log"), COMMAND)?.output;
    let mut text = String::new();
    let written = write!(
        text,
        "[gateway]\nlisten = \"{address}\"\nhosts = {hosts:?}\norigins = []\n\n\
         [registry]\napprovers = {{ 2 = [], 3 = [] }}\n\n\
         [tiers.3]\ndefault_scope = \"everything\"\n\n\
         [policy]\nfiles = [\"policies/*.cedar\"]\ntime_zone = \"UTC\"\n\n\
         [[person]]\nname = \"alice\"\ngroups = [\"operators\"]\nos_uid = {user}\n\n{connectors}",
        hosts = plan.hosts,
        user = user.trim(),
        connectors = plan.connectors,
    );
    written.map(|()| text).map_err(|error| Failure::Broke(error.to_string()))
}
