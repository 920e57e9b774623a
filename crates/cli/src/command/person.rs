//! `placet person`: who is known, taking people over from catalog files, letting somebody in for the first time,
//! forgetting how somebody signs in.

mod import;

use clap::Subcommand;
use placet_domain::{Object, PersonName};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, out, some_text, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the people of this deployment, their groups and roles
    List,
    /// Take people, their groups and the owners of agents from catalog files of a developer portal; shows a plan first
    #[command(after_help = "Example: placet person import catalog/*.yaml --plan")]
    Import(import::Import),
    /// Make a link by which a person sets a passphrase: it works once, for half an hour
    Invite {
        /// The person
        name: PersonName,
    },
    /// End every session of a person, and forget their passphrase or their account at the identity provider
    Forget {
        /// The person
        name: PersonName,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    match verb {
        Verb::List => {
            let answer = client.get("/v1/people").await?;
            if context.screen.is_json() {
                context.screen.json(&answer);
                return Ok(Exit::Ok);
            }
            let joined = |row: &placet_domain::Json, key: &str| {
                let all = list(row, key).iter().filter_map(placet_domain::Json::as_str);
                all.collect::<Vec<_>>().join(", ")
            };
            let rows = list(&answer, "people").iter().map(|person| {
                vec![
                    text(person, "name"),
                    joined(person, "groups"),
                    joined(person, "roles"),
                    some_text(person, "signs_in_by").unwrap_or_default(),
                    some_text(person, "signed_in").unwrap_or_default(),
                    some_text(person, "directory").unwrap_or_default(),
                ]
            });
            context.screen.table(
                &["name", "groups", "roles", "signs in by", "last", "directory"],
                &rows.collect::<Vec<_>>(),
            );
        }
        Verb::Import(files) => return import::run(files, context).await,
        Verb::Invite { name } => {
            let answer = client.post(&format!("/v1/people/{name}/invite"), Object::new()).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => {
                    out(&text(&answer, "link"));
                    out(&format!("for {name} alone, once, until {}", text(&answer, "expires")));
                }
            }
        }
        Verb::Forget { name } => {
            let answer = client.post(&format!("/v1/people/{name}/forget"), Object::new()).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => out(&format!("{name} is signed out everywhere and has to sign in anew")),
            }
        }
    }
    Ok(Exit::Ok)
}
