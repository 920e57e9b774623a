//! `placet scim`: what an identity provider needs to keep people and groups here.

use clap::Subcommand;
use placet_domain::{DirectoryKeyId, Json, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, some_text, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a token and print it, which is done once; enter it, and the address, at the identity provider
    #[command(after_help = "Example: placet scim token --note Entra --days 180")]
    Token {
        /// What it is for: the provider's name, say
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// How many days it lasts, at most 366
        #[arg(long, value_name = "N", default_value_t = 180)]
        days: i64,
        /// Print the token and nothing else
        #[arg(long)]
        token_only: bool,
    },
    /// List tokens: who made them, until when they open the directory, when they were used last
    List,
    /// Remove a token: when this returns it opens nothing any more
    Revoke {
        /// The token's id, `dir_…`
        id: DirectoryKeyId,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    match verb {
        Verb::Token { note: about, days, token_only } => {
            let body = Object::new().with("note", about).with("days", days);
            let answer = client.post("/v1/scim/tokens", body).await?;
            match (token_only, context.screen.is_json()) {
                (true, _) => out(&text(&answer, "secret")),
                (false, true) => context.screen.json(&answer),
                (false, false) => {
                    let token = answer.member("token").unwrap_or(&Json::Null);
                    note(&format!(
                        "`{}` opens the directory until {}",
                        text(token, "id"),
                        text(token, "expires")
                    ));
                    note(&format!("address for the identity provider: {}", text(&answer, "url")));
                    note("its token is shown this once:");
                    out(&text(&answer, "secret"));
                }
            }
        }
        Verb::List => {
            let answer = client.get("/v1/scim/tokens").await?;
            if context.screen.is_json() {
                context.screen.json(&answer);
                return Ok(Exit::Ok);
            }
            let rows = list(&answer, "tokens").iter().map(|token| {
                let ended = token.member("ended").and_then(Json::as_bool) == Some(true);
                vec![
                    text(token, "id"),
                    text(token, "note"),
                    text(token, "by"),
                    if ended { "ended".to_owned() } else { text(token, "expires") },
                    some_text(token, "used").unwrap_or_else(|| "never".to_owned()),
                ]
            });
            context.screen.table(&["token", "for", "made by", "until", "used"], &rows.collect::<Vec<_>>());
            note(&format!("{} people and {} groups", text(&answer, "people"), text(&answer, "groups")));
        }
        Verb::Revoke { id } => {
            let answer = client.post(&format!("/v1/scim/tokens/{id}/remove"), Object::new()).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => out(&format!("removed `{id}`: it opens nothing any more")),
            }
        }
    }
    Ok(Exit::Ok)
}
