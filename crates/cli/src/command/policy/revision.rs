//! `placet policy history|show`: what was in force, and what it said.

use std::path::{Component, Path, PathBuf};

use clap::Args;
use placet_domain::{Json, PolicyRevision};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, text},
};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The revision: `sha256:…`
    revision: PolicyRevision,
    /// Write the files into this folder, which must be empty or new, instead of printing them
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) async fn history(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get("/v1/policies/history").await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let row = |one: &Json| {
        let people = [text(one, "by"), text(one, "approved_by")];
        let people: Vec<String> = people.into_iter().filter(|name| !name.is_empty()).collect();
        vec![
            text(one, "number"),
            text(one, "at"),
            text(one, "revision"),
            text(one, "origin"),
            people.join(" + "),
            text(one, "returns_to"),
        ]
    };
    let rows: Vec<Vec<String>> = list(&answer, "activations").iter().map(row).collect();
    context.screen.table(&["number", "at", "revision", "origin", "by", "returns to"], &rows);
    for candidate in list(&answer, "candidates") {
        let agents: Vec<&str> = list(candidate, "agents").iter().filter_map(Json::as_str).collect();
        let agents = if agents.is_empty() { String::new() } else { format!(" for {}", agents.join(", ")) };
        note(&format!(
            "{}{agents} since {}: {}",
            text(candidate, "kind"),
            text(candidate, "at"),
            text(candidate, "revision")
        ));
    }
    Ok(Exit::Ok)
}

pub(super) async fn show(wanted: &Show, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get(&format!("/v1/policies/revisions/{}", wanted.revision)).await?;
    let sources = list(&answer, "sources");
    match (&wanted.out, context.screen.is_json()) {
        (Some(folder), _) => {
            for source in sources {
                write(folder, source)?;
            }
            note(&format!("{} files written to {}", sources.len(), folder.display()));
        }
        (None, true) => context.screen.json(&answer),
        (None, false) => {
            for source in sources {
                out(&format!("// {}", text(source, "name")));
                // Policies are the operator's own texts, with their line breaks.
                out(source.member("text").and_then(Json::as_str).unwrap_or_default().trim_end());
                out("");
            }
        }
    }
    Ok(Exit::Ok)
}

/// Writes one file below the folder, and nowhere else.
fn write(folder: &Path, source: &Json) -> Result<(), Failure> {
    let member = |key: &str| source.member(key).and_then(Json::as_str).unwrap_or_default();
    let name = Path::new(member("name"));
    if name.as_os_str().is_empty() || !name.components().all(|part| matches!(part, Component::Normal(_))) {
        let why = format!("`{}` is not a name below a folder", name.display());
        return Err(Failure::new(format!("{why}\n  next: print it without `--out`")));
    }
    let path = folder.join(name);
    let failed = || format!("{} cannot be written", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(Failure::of(failed()))?;
    let mut file = std::fs::File::create_new(&path).map_err(Failure::of(failed()))?;
    std::io::Write::write_all(&mut file, member("text").as_bytes()).map_err(Failure::of(failed()))
}
