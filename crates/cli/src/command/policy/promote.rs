//! `placet policy promote|approve|rollback|withdraw`: changes of what is in force.

use std::path::PathBuf;

use clap::Args;
use placet_domain::{AgentName, Json, Object, PolicyRevision};

use super::tree;
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, text},
};

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// A folder of policies, or one that is laid out like that of placet.toml
    #[arg(long, value_name = "DIR", conflicts_with_all = ["git", "revision"])]
    from: Option<PathBuf>,
    /// The policy files of placet.toml as this commit of its repository holds them
    #[arg(long, value_name = "REV", conflicts_with = "revision")]
    git: Option<String>,
    /// A revision that was in force or on trial: `sha256:…`
    #[arg(long, value_name = "REVISION")]
    revision: Option<PolicyRevision>,
    /// Only for these agents; the others are judged by the set in force
    #[arg(long, value_name = "AGENT", value_delimiter = ',', conflicts_with = "shadow")]
    canary: Vec<AgentName>,
    /// Only on trial: every call is judged by it too, without effect
    #[arg(long)]
    shadow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The revision that waits
    revision: PolicyRevision,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// `canary`, `shadow` or `proposed`
    kind: placet_engine::CandidateKind,
}

pub(super) async fn run(wish: &Promote, context: &Context) -> Result<Exit, Failure> {
    let mut body = Object::new();
    let config = &context.config;
    if let Some(revision) = &wish.revision {
        body.set("revision", revision.to_string());
    } else {
        let found = match (&wish.from, &wish.git) {
            (Some(folder), _) => tree::of_folder(config, folder)?,
            (None, Some(revision)) => tree::of_commit(config, revision)?,
            (None, None) => tree::of_files(config)?,
        };
        body.set("origin", found.origin.clone());
        super::replay::put_sources(&mut body, found);
    }
    if !wish.canary.is_empty() {
        body.set("canary", wish.canary.iter().map(AgentName::as_str).collect::<Vec<_>>());
    }
    if wish.shadow {
        body.set("shadow", true);
    }
    tell(&context.client().post("/v1/policies/promote", body).await?, context)
}

pub(super) async fn approve(approve: &Approve, context: &Context) -> Result<Exit, Failure> {
    let body = Object::new().with("revision", approve.revision.to_string());
    tell(&context.client().post("/v1/policies/approve", body).await?, context)
}

pub(super) async fn rollback(context: &Context) -> Result<Exit, Failure> {
    tell(&context.client().post("/v1/policies/rollback", Object::new()).await?, context)
}

pub(super) async fn withdraw(withdraw: &Withdraw, context: &Context) -> Result<Exit, Failure> {
    let kind = withdraw.kind.as_str();
    let answer = context.client().post("/v1/policies/withdraw", Object::new().with("kind", kind)).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => out(&format!("{} is not {kind} any more", text(&answer, "revision"))),
    }
    Ok(Exit::Ok)
}

/// Tells what became of a set. One that waits ends with the code for a pending approval.
fn tell(answer: &Json, context: &Context) -> Result<Exit, Failure> {
    let (revision, standing) = (text(answer, "revision"), text(answer, "standing"));
    let waits = standing == "proposed";
    if context.screen.is_json() {
        context.screen.json(answer);
    } else {
        out(&match standing.as_str() {
            "in_force" => format!("in force: {revision}"),
            "proposed" => format!("waits for a second person of `{}`: {revision}", text(answer, "asks")),
            "shadow" => format!("on trial, without effect: {revision}"),
            _ => format!("in force for the named agents: {revision}"),
        });
        difference(answer.member("difference").unwrap_or(&Json::Null));
        if waits {
            note(&format!("next: somebody else runs `placet policy approve {revision}`"));
        }
    }
    Ok(if waits { Exit::Pending } else { Exit::Ok })
}

fn difference(difference: &Json) {
    for (key, sign) in [("added", "+"), ("removed", "-"), ("changed", "~")] {
        for id in list(difference, key).iter().filter_map(Json::as_str) {
            out(&format!("  {sign} {id}"));
        }
    }
    for (key, word) in [("gains", "gains"), ("losses", "loses")] {
        for shift in list(difference, key) {
            let (agent, tool) = (text(shift, "agent"), text(shift, "tool"));
            out(&format!("  {agent} {word} {tool}: {} -> {}", text(shift, "from"), text(shift, "to")));
        }
    }
    if difference.member("widens").and_then(Json::as_bool) == Some(true) {
        out("  it may widen what is allowed");
    }
}
