//! `placet grant`: further permission for a time: asking, giving, taking back.

use clap::{Subcommand, ValueEnum};
use placet_domain::{AgentName, GrantId, InstanceId, Json, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{Tone, list, out, some_text, text},
};

use super::instance::Life;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Ask for further permission for an agent; the review rules may give it at once
    Request {
        /// The agent
        agent: AgentName,
        /// A tool, as CONNECTOR.TOOL; several of one connector may be given
        #[arg(required = true, value_name = "CONNECTOR.TOOL")]
        tools: Vec<String>,
        /// Why; approvers and auditors read it
        #[arg(long, value_name = "TEXT")]
        because: String,
        /// For how long, for example `30m`
        #[arg(long, value_name = "DURATION")]
        r#for: Life,
        /// For this run alone
        #[arg(long, value_name = "ID")]
        instance: Option<InstanceId>,
        /// On this alone, as KIND/ID, for example `Deal/789`
        #[arg(long, value_name = "KIND/ID")]
        on: Option<String>,
    },
    /// List grants, newest first
    List {
        /// Those of this agent
        #[arg(long, value_name = "AGENT")]
        agent: Option<AgentName>,
        /// Those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
    },
    /// Show a grant, and the policy that it is
    Show {
        /// The grant
        id: GrantId,
    },
    /// Give what was asked for, from now on
    Approve {
        /// The grant
        id: GrantId,
        /// Why; recorded in the receipt
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
    /// Refuse what was asked for
    Deny {
        /// The grant
        id: GrantId,
        /// Why; recorded in the receipt
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
    /// Take a grant back, at once
    Revoke {
        /// The grant
        id: GrantId,
        /// Why; recorded in the receipt
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
    },
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    Denied,
    Expired,
    Given,
    Pending,
    Revoked,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    let answer = match verb {
        Verb::Request { agent, tools, because, r#for, instance, on } => {
            let body = wish(&tools, on.as_deref())?
                .with("agent", agent.as_str())
                .with("justification", because)
                .with("seconds", r#for.seconds())
                .with_some("instance", instance.map(|id| id.to_string()));
            client.post("/v1/grants", body).await?
        }
        Verb::List { agent, state } => return show_list(agent, state, context).await,
        Verb::Show { id } => client.get(&format!("/v1/grants/{id}")).await?,
        Verb::Approve { id, because } => {
            client.post(&format!("/v1/grants/{id}/answer"), word(because).with("approve", true)).await?
        }
        Verb::Deny { id, because } => {
            client.post(&format!("/v1/grants/{id}/answer"), word(because).with("approve", false)).await?
        }
        Verb::Revoke { id, because } => {
            client.post(&format!("/v1/grants/{id}/revoke"), word(because)).await?
        }
    };
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => show(answer.member("grant").unwrap_or(&Json::Null), context),
    }
    Ok(Exit::Ok)
}

fn word(because: Option<String>) -> Object {
    Object::new().with_some("rationale", because)
}

/// The tools of one connector and the resource, as the API wants them.
fn wish(tools: &[String], on: Option<&str>) -> Result<Object, Failure> {
    let mut connector = None;
    let mut names = Vec::new();
    for tool in tools {
        let (of, name) = tool
            .split_once('.')
            .ok_or_else(|| Failure::new(format!("`{tool}` is no tool: write it as CONNECTOR.TOOL")))?;
        if *connector.get_or_insert(of) != of {
            return Err(Failure::new("a grant is for tools of one connector: ask for each by itself"));
        }
        names.push(name);
    }
    let resource = match on {
        None => None,
        Some(on) => Some(
            on.split_once('/')
                .ok_or_else(|| Failure::new(format!("`{on}` is no resource: write it as KIND/ID")))?,
        ),
    };
    let (kind, id) = resource.unzip();
    Ok(Object::new()
        .with("connector", connector.unwrap_or_default())
        .with("tools", names)
        .with_some("resource_kind", kind)
        .with_some("resource_id", id))
}

async fn show_list(
    agent: Option<AgentName>,
    state: Option<State>,
    context: &Context,
) -> Result<Exit, Failure> {
    let agent = agent.map(|agent| format!("agent={agent}"));
    let state = state.map(|state| {
        let word = match state {
            State::Denied => "denied",
            State::Expired => "expired",
            State::Given => "given",
            State::Pending => "pending",
            State::Revoked => "revoked",
        };
        format!("state={word}")
    });
    let query: Vec<String> = agent.into_iter().chain(state).collect();
    let answer = context.client().get(&format!("/v1/grants?{}", query.join("&"))).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<Vec<String>> = list(&answer, "grants")
        .iter()
        .map(|grant| {
            vec![
                text(grant, "id"),
                text(grant, "state"),
                text(grant, "agent"),
                tools(grant),
                some_text(grant, "resource").unwrap_or_else(|| "anything".to_owned()),
                text(grant, "expires"),
            ]
        })
        .collect();
    context.screen.table(&["grant", "state", "agent", "tools", "on", "until"], &rows);
    Ok(Exit::Ok)
}

fn tools(grant: &Json) -> String {
    let connector = text(grant, "connector");
    let tools = list(grant, "tools").iter().filter_map(Json::as_str);
    tools.map(|tool| format!("{connector}.{tool}")).collect::<Vec<_>>().join(", ")
}

fn show(grant: &Json, context: &Context) {
    let state = text(grant, "state");
    let tone = match state.as_str() {
        "given" => Tone::Good,
        "pending" => Tone::Attention,
        _ => Tone::Bad,
    };
    let answer = grant.member("answer").filter(|answer| **answer != Json::Null);
    context.screen.fields(&[
        ("grant", some_text(grant, "id")),
        ("state", Some(context.screen.tone(&state, tone))),
        ("agent", some_text(grant, "agent")),
        ("run", some_text(grant, "instance")),
        ("tools", Some(tools(grant))),
        ("on", some_text(grant, "resource")),
        ("until", some_text(grant, "expires")),
        ("because", some_text(grant, "justification")),
        ("asked by", some_text(grant, "asked_by")),
        ("for", some_text(grant, "on_behalf_of")),
        ("rule", some_text(grant, "rule")),
        ("answered by", answer.and_then(|answer| some_text(answer, "by"))),
        ("their word", answer.and_then(|answer| some_text(answer, "rationale"))),
    ]);
    if state == "given" {
        // Our own text, with its line break; what comes from outside is escaped in it.
        out(grant.member("cedar").and_then(Json::as_str).unwrap_or_default());
    }
}
