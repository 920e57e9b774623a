//! `placet apply`: the agents of a repository, `agents/*.toml`, brought into the registry. A plan comes first.

use std::{
    io::{BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
};

use clap::Args;
use placet_domain::{Json, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, note, out, text, visible},
};

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The folder of the files (default: `agents` beside the configuration)
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// Retire agents that are in no file
    #[arg(long)]
    prune: bool,
}

/// Ends with 1 if a step is refused; nothing is done then.
pub(crate) async fn run(apply: Apply, context: &Context) -> Result<Exit, Failure> {
    let beside = || context.config.parent().unwrap_or(Path::new("")).join("agents");
    let wishes = read(&apply.folder.clone().unwrap_or_else(beside))?;
    let body = Object::new().with("prune", apply.prune).with("agents", wishes);
    let plan = context.client().post("/v1/plan", body.clone()).await?;
    let (changes, refused) =
        (count(&plan, |action| action != "keep"), count(&plan, |action| action == "refuse"));
    if apply.plan || !context.screen.is_json() {
        show(&plan, context);
    }
    if refused > 0 {
        return Err(Failure::new(format!("{refused} of the steps are not possible; nothing was done")));
    }
    if apply.plan {
        return Ok(Exit::Ok);
    }
    if changes == 0 {
        if context.screen.is_json() {
            show(&plan, context);
        }
        return Ok(Exit::Ok);
    }
    if !apply.yes && !agreed()? {
        note("nothing was done");
        return Ok(Exit::Ok);
    }
    let done = context.client().post("/v1/apply", body).await?;
    match context.screen.is_json() {
        true => context.screen.json(&done),
        false => note(&format!("done: {changes} of {} agents", list(&done, "steps").len())),
    }
    match count(&done, |action| action == "refuse") {
        0 => Ok(Exit::Ok),
        failed => {
            show(&done, context);
            Err(Failure::new(format!("{failed} of the steps were refused; the others are done")))
        }
    }
}

pub(super) fn agreed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let why = "standard input is no terminal\n  next: look at the plan, then run it with `--yes`";
        return Err(Failure::new(why).with_exit(Exit::Usage));
    }
    note("apply this? [y/N]");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::of("the answer cannot be read"))?;
    Ok(matches!(line.trim(), "y" | "yes"))
}

fn show(plan: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(plan);
    }
    for step in list(plan, "steps") {
        let action = text(step, "action");
        let tone = match action.as_str() {
            "create" => Tone::Good,
            "refuse" | "retire" => Tone::Bad,
            _ => Tone::Attention,
        };
        out(&format!("{} {}", context.screen.tone(&action, tone), text(step, "agent")));
        for detail in list(step, "details").iter().filter_map(Json::as_str) {
            out(&format!("  {}", visible(detail)));
        }
    }
}

fn count(plan: &Json, counts: impl Fn(&str) -> bool) -> usize {
    list(plan, "steps").iter().filter(|step| counts(&text(step, "action"))).count()
}

/// Every `*.toml` of a folder, in order of name.
fn read(folder: &Path) -> Result<Vec<Object>, Failure> {
    let unreadable = || Failure::of(format!("{} cannot be read", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable())? {
        let path = entry.map_err(unreadable())?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|file| read_file(file)).collect()
}

fn read_file(path: &Path) -> Result<Object, Failure> {
    let shown = path.display();
    let written = std::fs::read_to_string(path).map_err(Failure::of(format!("{shown} cannot be read")))?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    wish(&written, stem).map_err(|why| Failure::new(format!("{shown}: {why}")).with_exit(Exit::Usage))
}

/// A file as the API takes it: what belongs to the registration itself, and the rest as its charter.
fn wish(written: &str, stem: &str) -> Result<Object, String> {
    let table: toml::Table = toml::from_str(written).map_err(|error| error.to_string())?;
    let mut registration = Object::new().with("name", stem);
    let mut charter = Object::new();
    for (key, value) in table {
        match key.as_str() {
            "name" | "owner" | "purpose" | "tier" | "groups" => registration.set(key, json(value)?),
            "tasks" => charter.set("tasks", tasks(value)?),
            _ => charter.set(key, json(value)?),
        }
    }
    Ok(registration.with("charter", charter))
}

/// `[tasks.NAME]` with `longest = "2h"` becomes a list with names and seconds.
fn tasks(value: toml::Value) -> Result<Vec<Object>, String> {
    let toml::Value::Table(tasks) = value else { return Err("write tasks as `[tasks.NAME]`".to_owned()) };
    let task = |(name, value): (String, toml::Value)| {
        let toml::Value::Table(members) = value else { return Err(format!("write `[tasks.{name}]`")) };
        let mut task = Object::new().with("name", name.as_str());
        for (key, value) in members {
            match (key.as_str(), value) {
                ("longest", toml::Value::String(text)) => {
                    let longest: jiff::SignedDuration =
                        text.parse().map_err(|error| format!("`tasks.{name}.longest`: {error}"))?;
                    task.set("longest_seconds", longest.as_secs());
                }
                (_, value) => task.set(key, json(value)?),
            }
        }
        Ok(task)
    };
    tasks.into_iter().map(task).collect()
}

fn json(value: toml::Value) -> Result<Json, String> {
    Ok(match value {
        toml::Value::String(text) => Json::from(text),
        toml::Value::Integer(integer) => Json::from(integer),
        toml::Value::Boolean(value) => Json::from(value),
        toml::Value::Datetime(moment) => Json::from(moment.to_string()),
        toml::Value::Array(elements) => {
            Json::Array(elements.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(members) => {
            let mut object = Object::new();
            for (key, value) in members {
                object.set(key, json(value)?);
            }
            Json::Object(object)
        }
        toml::Value::Float(number) => return Err(format!("`{number}` is a fraction; nothing here is one")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_agent_and_becomes_a_registration_with_a_charter() {
        let written = r#"
            owner = "carol"
            purpose = "keeps deals fresh"
            tier = 2
            wants = ["crm.get_deal"]
            until = 2027-01-31
            [tasks.q4-feedback]
            scope = ["crm.get_deal"]
            longest = "2h"
        "#;
        let wish = Json::from(wish(written, "crm-writer").unwrap()).canonical();
        assert_eq!(
            wish,
            r#"{"charter":{"tasks":[{"longest_seconds":7200,"name":"q4-feedback","scope":["crm.get_deal"]}],"until":"2027-01-31","wants":["crm.get_deal"]},"name":"crm-writer","owner":"carol","purpose":"keeps deals fresh","tier":2}"#
        );
    }

    #[test]
    fn what_is_no_registration_is_refused_with_its_place() {
        for (written, told) in [
            ("owner = ", "TOML parse error"),
            ("tier = 1.5", "is a fraction"),
            ("tasks = 1", "`[tasks.NAME]`"),
            ("[tasks.a]\nlongest = \"soon\"", "tasks.a.longest"),
        ] {
            let error = wish(written, "a").unwrap_err();
            assert!(error.contains(told), "{written}: {error}");
        }
    }
}
