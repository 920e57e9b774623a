//! `placet policy fmt`: one layout for policy files.

use clap::Args;
use placet_domain::Object;
use placet_engine::signature_in;
use placet_policy::formatted;

use super::material::{Origin, sources};
use crate::{
    config::PolicySide,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out},
};

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    #[command(flatten)]
    origin: Origin,
    /// Change nothing; end with 9 if a file would change
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(fmt: &Fmt, context: &Context) -> Result<Exit, Failure> {
    let side = PolicySide::read(&context.config)?;
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    let sources = sources(&fmt.origin, &side)?;
    // A signature is good as it is written.
    for source in sources.iter().filter(|source| signature_in(&source.text).is_none()) {
        match formatted(&source.text) {
            Ok(text) if text == source.text => {}
            Ok(text) => {
                if !fmt.check {
                    std::fs::write(&source.name, text)
                        .map_err(Failure::of(format!("{} cannot be written", source.name)))?;
                }
                changed.push(source.name.clone());
            }
            Err(why) => broken.push((source.name.clone(), why)),
        }
    }
    if context.screen.is_json() {
        let broken: Vec<Object> = broken
            .iter()
            .map(|(file, why)| Object::new().with("file", file.as_str()).with("message", why.as_str()))
            .collect();
        let answer = Object::new()
            .with("schema", "placet/v1/policy-fmt")
            .with("files", i64::try_from(sources.len()).unwrap_or(i64::MAX))
            .with("changed", changed.iter().map(String::as_str).collect::<Vec<_>>())
            .with("written", !fmt.check)
            .with("broken", broken.clone());
        context.screen.json(&answer.into());
    } else {
        for file in &changed {
            out(&format!("{} {file}", if fmt.check { "would change" } else { "laid out" }));
        }
        broken.iter().for_each(|(file, why)| note(&format!("{file}: {why}")));
        if fmt.check && !changed.is_empty() {
            note("next: run `placet policy fmt`");
        }
    }
    match broken.is_empty() && (!fmt.check || changed.is_empty()) {
        true => Ok(Exit::Ok),
        false => Ok(Exit::Findings),
    }
}
