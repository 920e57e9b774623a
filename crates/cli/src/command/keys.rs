//! `placet keys`: the keys of a running Placet.

use clap::Subcommand;
use placet_domain::{Json, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let another key sign tokens, or the ledger, from now on, while everything runs
    Rotate {
        /// The key in force is known to others: nothing that it has signed is accepted any more
        #[arg(long)]
        leaked: bool,
        /// The key that signs the ledger's checkpoints, instead of the one that signs tokens
        #[arg(long, conflicts_with = "leaked")]
        log: bool,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let Verb::Rotate { leaked, log } = verb;
    if log {
        return change_log(context).await;
    }
    let answer = context.client().post("/v1/keys/rotate", Object::new().with("leaked", leaked)).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => {
            let (key, before, until) =
                (text(&answer, "key"), text(&answer, "before"), text(&answer, "until"));
            out(&format!("key {key} signs tokens; those of key {before} are good until {until}"));
        }
    }
    Ok(Exit::Ok)
}

async fn change_log(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().post("/v1/keys/log", Object::new()).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => {
            let index = answer.member("index").and_then(Json::as_integer).unwrap_or_default();
            out(&text(&answer, "key"));
            note(&format!("entry {index} hands the ledger over to this key; the one before was"));
            note(&text(&answer, "before"));
            note(
                "auditors who pin the key before follow it from there; who believes that it leaked pins this one alone",
            );
        }
    }
    Ok(Exit::Ok)
}
