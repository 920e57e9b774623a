//! `placet policy shadow|replay|unused|forget`: what a set of policies would change, seen from real calls.

use clap::Args;
use placet_domain::{AgentName, CallId, Json, Object, PolicyRevision};

use super::tree::{self, Tree};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, text},
};

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A folder of policies, a kept revision (`sha256:…`), or a commit of the repository around placet.toml (default: the
    /// policy files of placet.toml)
    #[arg(value_name = "CANDIDATE", conflicts_with = "recorded")]
    candidate: Option<String>,
    /// Judge each call by the revision that its receipt names: every difference is a fault
    #[arg(long)]
    recorded: bool,
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Unused {
    /// How many days back
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u16,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Forget {
    /// Of this agent's calls
    #[arg(long, value_name = "AGENT")]
    agent: Option<AgentName>,
    /// Of this call
    #[arg(long, value_name = "CALL")]
    call: Option<CallId>,
    /// Of every call
    #[arg(long)]
    all: bool,
}

pub(super) async fn shadow(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get("/v1/policies/shadow").await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let row = |one: &Json| {
        vec![
            text(one, "count"),
            text(one, "agent"),
            text(one, "operation"),
            format!("{} -> {}", text(one, "verdict"), text(one, "shadow")),
            ids(one),
            text(one, "call"),
        ]
    };
    let rows: Vec<Vec<String>> = list(&answer, "differences").iter().map(row).collect();
    context.screen.table(&["count", "agent", "operation", "would be", "by", "newest call"], &rows);
    let (same, differing, failed) =
        (text(&answer, "same"), text(&answer, "differing"), text(&answer, "failed"));
    note(&format!("since the start: {same} the same, {differing} otherwise, {failed} failed"));
    Ok(Exit::Ok)
}

/// Ends with the code for findings if calls that were judged as recorded come out otherwise.
pub(super) async fn replay(wish: &Replay, context: &Context) -> Result<Exit, Failure> {
    let mut body = Object::new().with("days", i64::from(wish.days));
    match (&wish.candidate, wish.recorded) {
        (_, true) => body.set("recorded", true),
        (Some(candidate), _) => match candidate.starts_with("sha256:") {
            true => {
                let revision: PolicyRevision = candidate.parse().map_err(|error| {
                    Failure::new(format!("`{candidate}` is not a revision: {error}")).with_exit(Exit::Usage)
                })?;
                body.set("revision", revision.to_string());
            }
            false => put_sources(&mut body, found(candidate, context)?),
        },
        (None, _) => put_sources(&mut body, tree::of_files(&context.config)?),
    }
    let answer = context.client().post("/v1/policies/replay", body).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => tell(&answer, context),
    }
    let flips = list(&answer, "flips").len();
    Ok(if wish.recorded && flips > 0 { Exit::Integrity } else { Exit::Ok })
}

pub(super) async fn unused(unused: &Unused, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get(&format!("/v1/policies/unused?days={}", unused.days)).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let policies = list(&answer, "policies");
    policies.iter().filter_map(Json::as_str).for_each(out);
    note(&format!(
        "{} policies decided none of {} decisions in {} days",
        policies.len(),
        text(&answer, "decisions"),
        unused.days
    ));
    Ok(Exit::Ok)
}

pub(super) async fn forget(forget: &Forget, context: &Context) -> Result<Exit, Failure> {
    let body = match (&forget.agent, &forget.call) {
        (Some(agent), _) => Object::new().with("agent", agent.as_str()),
        (None, Some(call)) => Object::new().with("call", call.to_string()),
        (None, None) => Object::new().with("all", forget.all),
    };
    let answer = context.client().post("/v1/policies/forget", body).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => out(&format!("erased: {}", text(&answer, "erased"))),
    }
    Ok(Exit::Ok)
}

fn found(candidate: &str, context: &Context) -> Result<Tree, Failure> {
    let folder = std::path::Path::new(candidate);
    match folder.is_dir() {
        true => tree::of_folder(&context.config, folder),
        false => tree::of_commit(&context.config, candidate),
    }
}

pub(super) fn put_sources(body: &mut Object, found: Tree) {
    let source = |source: placet_policy::PolicySource| -> Json {
        Object::new().with("name", source.name).with("text", source.text).into()
    };
    body.set("sources", found.sources.into_iter().map(source).collect::<Vec<Json>>());
}

fn ids(one: &Json) -> String {
    list(one, "reasons").iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
}

fn tell(answer: &Json, context: &Context) {
    let row = |flip: &Json| {
        vec![
            text(flip, "count"),
            text(flip, "agent"),
            text(flip, "owner"),
            text(flip, "operation"),
            format!("{} -> {}", text(flip, "from"), text(flip, "to")),
            ids(flip),
            text(flip, "call"),
        ]
    };
    let rows: Vec<Vec<String>> = list(answer, "flips").iter().map(row).collect();
    context.screen.table(&["count", "agent", "owner", "operation", "would be", "by", "newest call"], &rows);
    for day in list(answer, "asking") {
        let (date, before, after) = (text(day, "day"), text(day, "before"), text(day, "after"));
        out(&format!("{date}: asks a person {after} times instead of {before}"));
    }
    let number = |key: &str| text(answer, key);
    note(&format!(
        "{} of {} decisions judged anew; of {} nothing is kept",
        number("judged"),
        number("decisions"),
        number("not_kept")
    ));
    for unknown in list(answer, "unknown") {
        note(&format!("cannot be told of {}: {}", text(unknown, "count"), text(unknown, "why")));
    }
}
