//! `placet policy`: what is in force, and putting changed files in force.

mod promote;
mod revision;
mod tree;

use clap::Subcommand;
use placet_domain::{Json, Object};

use crate::{
    client::told,
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, some_text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show the revision in force and the loader's warnings
    Status,
    /// Put the policy files in force; a set with findings keeps the old one
    Reload,
    /// Print the Cedar schema that the pinned tools make
    Schema,
    /// Put a set of policies in force, or before some agents, or on trial
    #[command(
        after_help = "Without `--from`, `--git` or `--revision` the policy files of placet.toml are taken."
    )]
    Promote(promote::Promote),
    /// Agree to a set that waits for a second person
    Approve(promote::Approve),
    /// Put the set before the one in force back in force
    Rollback,
    /// End the trial of a set, or its wait for a second person
    Withdraw(promote::Withdraw),
    /// List what was in force, and what waits or is tried
    History,
    /// Show the policies of a revision, or write them to a folder
    Show(revision::Show),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    let answer = match &verb {
        Verb::Status | Verb::Schema => client.get("/v1/policies").await?,
        Verb::Reload => client.post("/v1/policies/reload", Object::new()).await?,
        Verb::Promote(wish) => return promote::run(wish, context).await,
        Verb::Approve(approve) => return promote::approve(approve, context).await,
        Verb::Rollback => return promote::rollback(context).await,
        Verb::Withdraw(withdraw) => return promote::withdraw(withdraw, context).await,
        Verb::History => return revision::history(context).await,
        Verb::Show(wanted) => return revision::show(wanted, context).await,
    };
    match verb {
        _ if context.screen.is_json() => context.screen.json(&answer),
        // Our own text, with its line breaks; names in it have been checked by the generator.
        Verb::Schema => {
            out(answer.member("cedar_schema").and_then(Json::as_str).unwrap_or_default().trim_end())
        }
        _ => show(&answer, context),
    }
    Ok(Exit::Ok)
}

fn show(answer: &Json, context: &Context) {
    let warnings = list(answer, "warnings");
    context.screen.fields(&[
        ("revision", some_text(answer, "revision")),
        ("policies", some_text(answer, "policies")),
        ("warnings", Some(warnings.len().to_string())),
    ]);
    for warning in warnings {
        note(&format!("warning: {}", told(warning)));
    }
}
