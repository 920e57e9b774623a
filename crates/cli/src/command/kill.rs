//! `placet kill` and `placet resume`: the kill switch.

use clap::{Args, Subcommand};
use placet_domain::{AgentName, ConnectorName, InstanceId, Object};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, out, some_text, text},
};

/// `--reason`, for every kind.
#[derive(Debug, Args)]
pub(crate) struct Reason {
    /// Why: refused agents are told, and auditors read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Stop one run and the runs that it started
    Instance {
        /// The instance
        id: InstanceId,
        #[command(flatten)]
        why: Reason,
    },
    /// Stop every run of an agent, and starting new ones
    Agent {
        /// The agent
        name: AgentName,
        #[command(flatten)]
        why: Reason,
    },
    /// Stop every call to a connector
    Connector {
        /// The connector
        name: ConnectorName,
        #[command(flatten)]
        why: Reason,
    },
    /// Stop every call of one tool
    Tool {
        /// The tool, as CONNECTOR.TOOL
        name: String,
        #[command(flatten)]
        why: Reason,
    },
    /// Stop every call of everybody
    All {
        #[command(flatten)]
        why: Reason,
    },
    /// List what is stopped, by whom and why
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Resume {
    /// Let one run go on
    Instance {
        /// The instance
        id: InstanceId,
    },
    /// Let the runs of an agent go on
    Agent {
        /// The agent
        name: AgentName,
    },
    /// Let calls to a connector go on
    Connector {
        /// The connector
        name: ConnectorName,
    },
    /// Let calls of one tool go on
    Tool {
        /// The tool, as CONNECTOR.TOOL
        name: String,
    },
    /// Let everything go on that is not stopped by itself
    All,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    let (what, name, why) = match verb {
        Verb::Instance { id, why } => ("instance", Some(id.to_string()), why),
        Verb::Agent { name, why } => ("agent", Some(name.to_string()), why),
        Verb::Connector { name, why } => ("connector", Some(name.to_string()), why),
        Verb::Tool { name, why } => ("tool", Some(name), why),
        Verb::All { why } => ("all", None, why),
        Verb::List => return show(context).await,
    };
    let body = Object::new().with("what", what).with_some("name", name.clone()).with("reason", why.reason);
    let answer = context.client().post("/v1/halts", body).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => out(&format!("stopped {}: none of its calls is accepted any more", named(what, name))),
    }
    Ok(Exit::Ok)
}

pub(crate) async fn resume(verb: Resume, context: &Context) -> Result<Exit, Failure> {
    let (what, name) = match verb {
        Resume::Instance { id } => ("instance", Some(id.to_string())),
        Resume::Agent { name } => ("agent", Some(name.to_string())),
        Resume::Connector { name } => ("connector", Some(name.to_string())),
        Resume::Tool { name } => ("tool", Some(name)),
        Resume::All => ("all", None),
    };
    let body = Object::new().with("what", what).with_some("name", name.clone());
    let answer = context.client().post("/v1/halts/resume", body).await?;
    match context.screen.is_json() {
        true => context.screen.json(&answer),
        false => out(&format!("resumed {}", named(what, name))),
    }
    Ok(Exit::Ok)
}

async fn show(context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().get("/v1/halts").await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let rows: Vec<Vec<String>> = list(&answer, "halts")
        .iter()
        .map(|halt| {
            vec![
                text(halt, "what"),
                some_text(halt, "name").unwrap_or_else(|| "-".to_owned()),
                text(halt, "by"),
                text(halt, "at"),
                text(halt, "reason"),
            ]
        })
        .collect();
    context.screen.table(&["what", "name", "by", "since", "reason"], &rows);
    Ok(Exit::Ok)
}

fn named(what: &str, name: Option<String>) -> String {
    name.map_or_else(|| "everything".to_owned(), |name| format!("{what} `{name}`"))
}
