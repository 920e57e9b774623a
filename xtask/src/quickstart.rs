//! `examples/quickstart.sh`, as a new user would: an empty folder, the binary, a server that runs. Timed.

use std::{process::Command, time::Duration};

use crate::{crm::Crm, failure::Failure, process, tree};

/// The commands that a new user may need, and the time.
const COMMANDS: u64 = 3;
const TIME: Duration = Duration::from_secs(120);

/// Runs the check.
#[expect(clippy::print_stdout, reason = "the figures of the check")]
pub(crate) fn run() -> Result<(), Failure> {
    let folder = tree::fresh("quickstart")?;
    let wanted = [("placet-cli", "placet"), ("placet-example-crm", "crm")];
    let [placet, crm] = tree::binaries(wanted, &folder)?;
    let crm = Crm::start(&crm, &folder)?;
    let script = tree::root().join("examples/quickstart.sh");
    let mut command = Command::new("bash");
    command
        .arg(&script)
        .arg(format!("http://{}/mcp", crm.address()))
        .env("PLACET", &placet)
        .env("PORT", process::free_port()?.to_string());
    let ended = process::finish(&mut command, &folder.join("quickstart.log"), TIME + TIME)?;
    if ended.code != Some(0) {
        return Err(Failure::Missed(format!("it does not work:\n{}{}", ended.output, ended.errors)));
    }
    let last = ended.output.lines().last().unwrap_or_default();
    let mut numbers = last.split(|one: char| !one.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let (Some(commands), Some(millis)) = (numbers.next(), numbers.next()) else {
        return Err(Failure::Broke(format!("the script's last line has no figures: {last}")));
    };
    let reached = crm.text()?.lines().count();
    println!("{last}; {reached} call at the server (at most {COMMANDS} commands in {} s)", TIME.as_secs());
    match commands <= COMMANDS && Duration::from_millis(millis) <= TIME && reached == 1 {
        true => Ok(()),
        false => Err(Failure::Missed(last.to_owned())),
    }
}
