//! `placet keys`: the keys of a running Placet.

use clap::Subcommand;
use placet_domain::Object;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{out, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let another key sign tokens from now on, while everything runs
    Rotate {
        /// The key in force is known to others: nothing that it has signed is accepted any more
        #[arg(long)]
        leaked: bool,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let Verb::Rotate { leaked } = verb;
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
