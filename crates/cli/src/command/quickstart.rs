//! `placet quickstart`: a first agent in one command. It registers an agent of tier 1 under whoever asks, unless there is
//! one of the name, and starts an instance. It takes no step that the two commands would not take.

use std::time::Duration;

use clap::Args;
use placet_domain::{AgentName, Json, Object, limits};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{note, out, text},
};

/// `placet quickstart`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: placet up & export PLACET_TOKEN=$(placet quickstart notes-agent --token-only)"
)]
pub(crate) struct Quickstart {
    /// The agent
    agent: AgentName,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "trying Placet out")]
    purpose: String,
    /// Print the token and nothing else
    #[arg(long)]
    token_only: bool,
}

/// Registers and starts.
pub(crate) async fn run(quickstart: Quickstart, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    let status = ready(context).await?;
    let name = &quickstart.agent;
    let known = client.get(&format!("/v1/agents/{name}")).await;
    match known {
        Ok(_) => note(&format!("`{name}` is registered already")),
        Err(failure) if failure.exit() == Exit::NotFound => {
            let agent = Object::new()
                .with("name", name.as_str())
                .with("owner", text(&status, "you"))
                .with("purpose", quickstart.purpose.as_str())
                .with("tier", 1)
                .with("groups", Vec::<&str>::new());
            let answer = client.post("/v1/agents", agent).await?;
            let agent = answer.member("agent").unwrap_or(&Json::Null);
            note(&format!(
                "registered `{name}`, tier 1, owner {}: {}",
                text(agent, "owner"),
                text(agent, "stage")
            ));
        }
        Err(failure) => return Err(failure),
    }
    let life = i64::try_from(limits::INSTANCE_LIFE_DEFAULT.as_secs()).unwrap_or(0);
    let answer =
        client.post("/v1/instances", Object::new().with("agent", name.as_str()).with("ttl", life)).await?;
    let token = answer.member("token").and_then(Json::as_str);
    let token = token.ok_or_else(|| Failure::new("the control API gave no token; compare the versions"))?;
    match (quickstart.token_only, context.screen.is_json()) {
        (true, _) => out(token),
        (false, true) => context.screen.json(&answer),
        (false, false) => {
            let instance = answer.member("instance").unwrap_or(&Json::Null);
            note(&format!("started `{}` until {}", text(instance, "id"), text(instance, "expires")));
            super::instance::note_limits(instance);
            note("its token is shown this once:");
            out(&format!("PLACET_TOKEN={token}"));
        }
    }
    Ok(Exit::Ok)
}

/// Waits for a Placet that was started a moment ago: `placet up &` returns before it listens.
async fn ready(context: &Context) -> Result<Json, Failure> {
    let mut left = PATIENCE.as_millis() / PAUSE.as_millis();
    loop {
        match context.client().get("/v1/status").await {
            Err(failure) if failure.exit() == Exit::Unreachable && left > 0 => left -= 1,
            other => return other,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long to wait for it, and how often to look.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(100);
