//! `placet person import`: people, their groups and the owners of agents, out of catalog files. A plan comes first.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use placet_domain::{Json, Object, PersonName};

use crate::{
    backstage::{Imported, OwnerStep, Plan, imported, parse},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, note, out, text, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Catalog files: `User`, `Group`, and the owners of `Component` and `AiResource`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(import: Import, context: &Context) -> Result<Exit, Failure> {
    if context.server.is_some() {
        let why = "people.toml lies beside placet.toml\n  next: run it on the machine that has them, without `--server`";
        return Err(Failure::new(why).with_exit(Exit::Usage));
    }
    let imported = read(&import.files)?;
    let file = context.config.with_file_name("people.toml");
    let written = [written(&context.config)?, written(&file)?].concat();
    let (present, agents) = known(context).await?;
    let plan = Plan::of(&imported, &written, &present, &agents);
    show(&plan, &imported, &file, context);
    if plan.is_empty() {
        out("nothing to do");
        return Ok(Exit::Ok);
    }
    if import.plan {
        return Ok(Exit::Ok);
    }
    if !import.yes && !super::super::apply::agreed()? {
        note("nothing was done");
        return Ok(Exit::Ok);
    }
    if !plan.new.is_empty() {
        append(&file, &plan.lines())?;
        out(&format!("{} people written to {}", plan.new.len(), file.display()));
    }
    let mut refused = 0;
    for step in &plan.owners {
        if let OwnerStep::Hand { agent, to, .. } = step {
            match hand_over(agent, to, context).await {
                Ok(()) => out(&format!("`{agent}` is {to}'s now")),
                Err(failure) => {
                    refused += 1;
                    note(&format!("`{agent}` stays: {failure}"));
                }
            }
        }
    }
    match refused {
        0 => Ok(Exit::Ok),
        refused => {
            Err(Failure::new(format!("{refused} of the agents were not handed over; the rest is done")))
        }
    }
}

fn read(files: &[PathBuf]) -> Result<Imported, Failure> {
    let mut entities = Vec::new();
    for file in files {
        let shown = file.display();
        let text = std::fs::read_to_string(file).map_err(Failure::of(format!("{shown} cannot be read")))?;
        let wrong = |why| Failure::new(format!("{shown}: {why}")).with_exit(Exit::Usage);
        entities.extend(parse(&text).map_err(wrong)?);
    }
    Ok(imported(&entities))
}

/// Names and groups of `[[person]]` in a file; nobody if there is no file.
fn written(file: &Path) -> Result<Vec<(PersonName, Vec<String>)>, Failure> {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::of(format!("{shown} cannot be read"))(error)),
    };
    let table: toml::Table = toml::from_str(&text).map_err(Failure::of(format!("{shown} is not TOML")))?;
    let people = table.get("person").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let person = |entry: &toml::Value| {
        let name = entry.get("name")?.as_str()?.parse().ok()?;
        let groups = entry.get("groups").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        Some((name, groups.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()))
    };
    Ok(people.iter().filter_map(person).collect())
}

/// Who is here and which agents there are, if a Placet runs.
async fn known(context: &Context) -> Result<(Vec<PersonName>, Json), Failure> {
    let client = context.client();
    let people = match client.get("/v1/people").await {
        Ok(people) => people,
        Err(failure) if failure.exit() == Exit::Unreachable => {
            note("no Placet answers: owners of agents are not compared");
            return Ok((Vec::new(), Json::Null));
        }
        Err(failure) => return Err(failure),
    };
    let names =
        list(&people, "people").iter().filter_map(|person| text(person, "name").parse().ok()).collect();
    Ok((names, client.get("/v1/agents").await?))
}

fn show(plan: &Plan, imported: &Imported, file: &Path, context: &Context) {
    let word = |word, tone| context.screen.tone(word, tone);
    for (name, person) in &plan.new {
        let groups: Vec<&str> = person.groups.iter().map(|group| group.as_str()).collect();
        let groups = if groups.is_empty() { String::new() } else { format!(", in {}", groups.join(", ")) };
        out(&format!("{} {name}{groups}", word("add", Tone::Good)));
    }
    for (name, how) in &plan.differing {
        out(&format!(
            "{} {name}: the catalog has them {how}; {} stays as it is",
            word("keep", Tone::Attention),
            file.display()
        ));
    }
    for step in &plan.owners {
        match step {
            OwnerStep::Hand { agent, from, to } => {
                out(&format!(
                    "{} {}: {} to {to}",
                    word("hand over", Tone::Attention),
                    visible(agent),
                    visible(from)
                ));
            }
            OwnerStep::Keep { agent, why } => {
                out(&format!("{} {}: {}", word("keep", Tone::Attention), visible(agent), visible(why)));
            }
        }
    }
    for why in &imported.skipped {
        note(&format!("skipped: {}", visible(why)));
    }
    note(&format!("{} people are known already", plan.known));
}

/// Adds lines to a file, whole or not at all. What is written stays as it is typed.
fn append(file: &Path, lines: &str) -> Result<(), Failure> {
    let failed = || Failure::of(format!("{} cannot be written; nothing was done", file.display()));
    let mut text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed()(error)),
    };
    text.push_str(lines);
    let unread = format!("{} would not be TOML any more; nothing was done", file.display());
    toml::from_str::<toml::Table>(&text).map_err(Failure::of(unread))?;
    let beside = file.with_extension("toml.new");
    std::fs::write(&beside, text).map_err(failed())?;
    std::fs::rename(&beside, file).map_err(failed())
}

/// A person who was written down a moment ago is known within a second or two.
async fn hand_over(agent: &str, to: &PersonName, context: &Context) -> Result<(), Failure> {
    let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        let body = Object::new().with("owner", to.as_str());
        match context.client().post(&format!("/v1/agents/{agent}/owner"), body).await {
            Ok(_) => return Ok(()),
            Err(failure) if left == 0 => return Err(failure),
            Err(_) => left -= 1,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_nothing_written_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.toml");
        append(&file, "\n[[person]]\nname = \"bo\"\n").unwrap();
        std::fs::write(&file, "# ours\n[[person]]\nname = \"ana\"\ngroups = [\"ops\"]\n").unwrap();
        append(&file, "\n[[person]]\nname = \"bo\"\n").unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("# ours\n"));
        let known: Vec<String> =
            written(&file).unwrap().iter().map(|(name, groups)| format!("{name}{groups:?}")).collect();
        assert_eq!(known, ["ana[\"ops\"]", "bo[]"]);
        assert!(append(&file, "[[person").is_err());
        assert!(written(&folder.path().join("none.toml")).unwrap().is_empty());
    }
}
