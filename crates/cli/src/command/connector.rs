//! `placet connector`: tools, pins, changes that wait to be accepted, and signing in at upstreams.

mod login;

use clap::Subcommand;
use placet_domain::{ConnectorName, Json, Object, ToolName};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, out, some_text, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the tools of every connector, and what changed in those that are in quarantine
    List,
    /// Accept the definitions that are seen today
    Accept {
        /// The connector
        name: ConnectorName,
        /// Only this tool (default: all in quarantine)
        #[arg(long)]
        tool: Option<ToolName>,
    },
    /// Sign in at the authorization server of an upstream, in Placet's name
    Login {
        /// The connector
        name: ConnectorName,
        /// The port of this machine to which the browser comes back; 0 takes a free one
        #[arg(long, default_value_t = 7429)]
        port: u16,
    },
    /// Forget the sign-in at an upstream
    Logout {
        /// The connector
        name: ConnectorName,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let screen = context.screen;
    match verb {
        Verb::Login { name, port } => return login::login(&name, port, context).await,
        Verb::Logout { name } => return login::logout(&name, context).await,
        Verb::List => {
            let answer = context.client().get("/v1/connectors").await?;
            match screen.is_json() {
                true => screen.json(&answer),
                false => show(&answer, context),
            }
        }
        Verb::Accept { name, tool } => {
            let body = Object::new().with_some("tool", tool.as_ref().map(ToolName::as_str));
            let answer = context.client().post(&format!("/v1/connectors/{name}/accept"), body).await?;
            let accepted: Vec<&str> = list(&answer, "accepted").iter().filter_map(Json::as_str).collect();
            if screen.is_json() {
                screen.json(&answer);
            } else if accepted.is_empty() {
                out("nothing was in quarantine");
            } else {
                out(&format!(
                    "accepted {} of `{name}`; approvals of earlier definitions are void",
                    accepted.join(", ")
                ));
            }
        }
    }
    Ok(Exit::Ok)
}

fn show(answer: &Json, context: &Context) {
    let screen = context.screen;
    let mut rows = Vec::new();
    for connector in list(answer, "connectors") {
        if list(connector, "tools").is_empty() {
            rows.push(vec![
                text(connector, "name"),
                "-".to_owned(),
                "no tools seen yet".to_owned(),
                "-".to_owned(),
            ]);
        }
        for tool in list(connector, "tools") {
            let pin = some_text(tool, "accepted_pin")
                .map_or_else(|| "-".to_owned(), |pin| pin.chars().take(12).collect());
            rows.push(vec![text(connector, "name"), text(tool, "name"), text(tool, "state"), pin]);
        }
    }
    screen.table(&["connector", "tool", "state", "pin"], &rows);
    for connector in list(answer, "connectors") {
        if let Some(why) = some_text(connector, "sign_in") {
            out(&format!("\n{}", screen.tone(&why, Tone::Attention)));
        }
    }
    for connector in list(answer, "connectors") {
        let quarantined = list(connector, "tools").iter().filter(|tool| text(tool, "state") == "quarantined");
        for tool in quarantined {
            show_changes(&text(connector, "name"), tool, context);
        }
    }
}

fn show_changes(connector: &str, tool: &Json, context: &Context) {
    let name = text(tool, "name");
    out(&format!("\n{connector}.{name} {}", context.screen.tone("is in quarantine", Tone::Attention)));
    for difference in list(tool, "differences") {
        let path = some_text(difference, "path").filter(|path| !path.is_empty());
        out(&format!("  {}", path.unwrap_or_else(|| "(the whole definition)".to_owned())));
        if let Some(accepted) = some_text(difference, "accepted") {
            out(&context.screen.tone(&format!("    - {accepted}"), Tone::Bad));
        }
        if let Some(seen) = some_text(difference, "seen") {
            out(&context.screen.tone(&format!("    + {seen}"), Tone::Good));
        }
    }
    out(&format!("  next: look at it, then `placet connector accept {connector} --tool {name}`"));
}
