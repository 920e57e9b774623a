//! `placet status`: one look at the whole.

use clap::Args;
use placet_domain::Json;

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, some_text, text},
};

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Ask every connector for its tools
    #[arg(long)]
    probe: bool,
}

/// Ends with 1 if no calls can be taken.
pub(crate) async fn run(status: Status, context: &Context) -> Result<Exit, Failure> {
    let query = if status.probe { "?probe=true" } else { "" };
    let answer = context.client().get(&format!("/v1/status{query}")).await?;
    let ready = answer.member("ready").and_then(Json::as_bool) == Some(true);
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => show(&answer, ready, context),
    }
    Ok(if ready { Exit::Ok } else { Exit::Failed })
}

fn show(answer: &Json, ready: bool, context: &Context) {
    let screen = context.screen;
    let ready = match ready {
        true => screen.tone("yes", Tone::Good),
        false => format!("{}: {}", screen.tone("no", Tone::Bad), text(answer, "why_not")),
    };
    let connectors: Vec<String> = list(answer, "connectors")
        .iter()
        .map(|connector| {
            let name = text(connector, "name");
            match connector.member("reachable").and_then(Json::as_bool) {
                None => name,
                Some(true) => format!("{name} {}", screen.tone("answers", Tone::Good)),
                Some(false) => {
                    format!(
                        "{name} {}: {}",
                        screen.tone("does not answer", Tone::Bad),
                        text(connector, "why_not")
                    )
                }
            }
        })
        .collect();
    screen.fields(&[
        ("ready", Some(ready)),
        ("version", some_text(answer, "version")),
        ("you are", some_text(answer, "you")),
        ("policy", some_text(answer, "policy")),
        ("policies", some_text(answer, "policies")),
        ("receipts", some_text(answer, "ledger_size")),
        ("agents", some_text(answer, "agents")),
        ("quarantined", some_text(answer, "quarantined_tools")),
        ("connectors", Some(connectors.join("\n"))),
        ("up for", some_text(answer, "uptime_seconds").map(|seconds| format!("{seconds} s"))),
    ]);
}
