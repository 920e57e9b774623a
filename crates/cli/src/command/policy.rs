//! `placet policy`: what is in force, putting changed files in force, and working with policies before they are.

mod cases;
mod coverage;
mod diff;
mod fmt;
mod junit;
mod lint;
mod material;
mod pin;
mod promote;
mod prove;
mod recall;
mod replay;
mod revision;
mod sarif;
mod sign;
mod telling;
mod test;
mod tools;
mod tree;
mod why;
mod written;

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
    /// What policies on trial would have decided otherwise
    Shadow,
    /// What a set of policies would have decided about past calls
    Replay(replay::Replay),
    /// Policies in force that have decided nothing for a while
    Unused(replay::Unused),
    /// Erase what past decisions were made of, before its time
    Forget(replay::Forget),
    /// List what was in force, and what waits or is tried
    History,
    /// Show the policies of a revision, or write them to a folder
    Show(revision::Show),
    /// Lay policy files out in the one way
    Fmt(fmt::Fmt),
    /// Sign the policy files, for a server that takes only signed ones
    Sign(sign::Sign),
    /// Check the policy files as the loader does, and more
    Lint(lint::Lint),
    /// Run the tests beside the policies
    Test(test::Test),
    /// What the tests have tried: each policy, and each condition true and false
    Coverage(coverage::Coverage),
    /// Why a call was or would be decided as it is, with source lines
    Why(Box<why::Why>),
    /// Turn a past decision into a test
    Pin(pin::Pin),
    /// Prove invariants of every call, with a solver
    Prove(prove::Prove),
    /// Compare two sets: for whom, and whether any call gets through that did not
    Diff(diff::Diff),
    /// Write the pinned tool definitions to files, for tests and proofs elsewhere
    Tools(tools::Tools),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Status => show(&context.client().get("/v1/policies").await?, context),
        Verb::Reload => {
            show(&context.client().post("/v1/policies/reload", Object::new()).await?, context);
        }
        Verb::Promote(wish) => return promote::run(&wish, context).await,
        Verb::Approve(approve) => return promote::approve(&approve, context).await,
        Verb::Rollback => return promote::rollback(context).await,
        Verb::Withdraw(withdraw) => return promote::withdraw(&withdraw, context).await,
        Verb::Shadow => return replay::shadow(context).await,
        Verb::Replay(wish) => return replay::replay(&wish, context).await,
        Verb::Unused(unused) => return replay::unused(&unused, context).await,
        Verb::Forget(forget) => return replay::forget(&forget, context).await,
        Verb::History => return revision::history(context).await,
        Verb::Show(wanted) => return revision::show(&wanted, context).await,
        Verb::Schema => schema(&context.client().get("/v1/policies").await?, context),
        Verb::Fmt(fmt) => return fmt::run(&fmt, context),
        Verb::Sign(sign) => return sign::run(&sign, context),
        Verb::Lint(lint) => return lint::run(&lint, context).await,
        Verb::Test(test) => return test::run(&test, context).await,
        Verb::Coverage(coverage) => return coverage::run(&coverage, context).await,
        Verb::Why(why) => return why::run(*why, context).await,
        Verb::Pin(pin) => return pin::run(&pin, context).await,
        Verb::Prove(prove) => return prove::run(&prove, context).await,
        Verb::Diff(diff) => return diff::run(&diff, context).await,
        Verb::Tools(tools) => return tools::run(&tools, context).await,
    }
    Ok(Exit::Ok)
}

fn schema(answer: &Json, context: &Context) {
    match context.screen.is_json() {
        true => context.screen.json(answer),
        // Our own text, with its line breaks; names in it have been checked by the generator.
        false => out(answer.member("cedar_schema").and_then(Json::as_str).unwrap_or_default().trim_end()),
    }
}

fn show(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
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
