//! `placet instance`: starting a run of an agent with its mandate, listing and revoking.

use std::str::FromStr;

use clap::Subcommand;
use placet_domain::{AgentName, InstanceId, Json, Object, PersonName, TaskName};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, note, out, some_text, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start an instance and print its token, which is shown once
    #[command(
        after_help = "Example: export PLACET_TOKEN=$(placet instance start crm-writer --on-behalf-of bob \
                            --ticket SAL-7 --fact internal=true --token-only)"
    )]
    Start {
        /// The agent
        agent: AgentName,
        /// What the run is for, in a few words
        #[arg(long, value_name = "TEXT")]
        task: Option<String>,
        /// The ticket that asked for it
        #[arg(long, value_name = "ID")]
        ticket: Option<String>,
        /// The person it acts for
        #[arg(long, value_name = "PERSON")]
        on_behalf_of: Option<PersonName>,
        /// The kind of task, of those that the agent declares: it narrows the scope and says what must be given
        #[arg(long, value_name = "KIND")]
        kind: Option<TaskName>,
        /// Why the task is done
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
        /// What the run is limited to: `crm`, `crm.get_deal`, `crm.get_deal:Deal/D-1`; may be given again
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// A context fact for policies: `name=text` or `name:=JSON`; may be given again
        #[arg(long, value_name = "FACT")]
        fact: Vec<Fact>,
        /// How long the credential lives, at most an hour
        #[arg(long, value_name = "TIME", default_value = "15m")]
        ttl: Life,
        /// Print the token and nothing else
        #[arg(long)]
        token_only: bool,
    },
    /// List instances
    List {
        /// Only those of this agent
        #[arg(long)]
        agent: Option<AgentName>,
    },
    /// End an instance because its job is done; without an id, the one whose token is in PLACET_TOKEN
    End {
        /// The instance
        id: Option<InstanceId>,
        /// The gateway, where the instance ends itself (default: where `gateway.listen` of the configuration says)
        #[arg(long, value_name = "URL", env = "PLACET_GATEWAY")]
        gateway: Option<String>,
    },
    /// Revoke an instance: when this returns, none of its calls is accepted any more
    Revoke {
        /// The instance
        id: InstanceId,
    },
}

/// `name=text` or `name:=JSON`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    name: String,
    value: Json,
}

impl FromStr for Fact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("write `name=text` or `name:=JSON`")?;
        match name.strip_suffix(':') {
            Some(name) => {
                let value = Json::parse(value.as_bytes()).map_err(|error| format!("not JSON: {error}"))?;
                Ok(Self { name: name.to_owned(), value })
            }
            None => Ok(Self { name: name.to_owned(), value: value.into() }),
        }
    }
}

/// Whole seconds, written `90`, `90s`, `15m` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life(i64);

impl Life {
    /// The seconds.
    pub(crate) fn seconds(self) -> i64 {
        self.0
    }
}

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
            Some(number) if text.ends_with('m') => (number, 60),
            Some(number) if text.ends_with('h') => (number, 3_600),
            Some(number) => (number, 1),
            None => (text, 1),
        };
        let seconds = number.parse::<u32>().ok().map(|number| i64::from(number) * unit);
        seconds.map(Self).ok_or_else(|| "write a time such as `90s`, `15m` or `1h`".to_owned())
    }
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Start { agent, task, ticket, on_behalf_of, kind, purpose, scope, fact, ttl, token_only } => {
            let scope: Vec<String> =
                scope.iter().flat_map(|scope| scope.split_whitespace()).map(str::to_owned).collect();
            let body = Object::new()
                .with("agent", agent.as_str())
                .with_some("task", task)
                .with_some("ticket", ticket)
                .with_some("on_behalf_of", on_behalf_of.as_ref().map(PersonName::as_str))
                .with_some("kind", kind.as_ref().map(TaskName::as_str))
                .with_some("purpose", purpose)
                .with("scope", scope)
                .with("facts", facts(fact)?)
                .with("ttl", ttl.0);
            let answer = context.client().post("/v1/instances", body).await?;
            show_started(&answer, token_only, context)
        }
        Verb::List { agent } => {
            let query = agent.map(|agent| format!("?agent={agent}")).unwrap_or_default();
            let answer = context.client().get(&format!("/v1/instances{query}")).await?;
            show_list(&answer, context);
            Ok(Exit::Ok)
        }
        Verb::End { id: None, gateway } => super::token::end_own(gateway, context).await,
        Verb::End { id: Some(id), .. } | Verb::Revoke { id } => {
            let answer = context.client().post(&format!("/v1/instances/{id}/revoke"), Object::new()).await?;
            match context.screen.is_json() {
                true => context.screen.json(&answer),
                false => out(&format!("revoked `{id}`: none of its calls is accepted any more")),
            }
            Ok(Exit::Ok)
        }
    }
}

fn facts(given: Vec<Fact>) -> Result<Object, Failure> {
    let mut facts = Object::new();
    for Fact { name, value } in given {
        if facts.member(&name).is_some() {
            let why = format!("fact `{name}` is given twice\n  next: give a set as `{name}:=[\"a\",\"b\"]`");
            return Err(Failure::new(why).with_exit(Exit::Usage));
        }
        facts.set(name, value);
    }
    Ok(facts)
}

fn show_started(answer: &Json, token_only: bool, context: &Context) -> Result<Exit, Failure> {
    let token = answer.member("token").and_then(Json::as_str);
    let token = token.ok_or_else(|| Failure::new("the control API gave no token; compare the versions"))?;
    let instance = answer.member("instance").unwrap_or(&Json::Null);
    if token_only {
        out(token);
    } else if context.screen.is_json() {
        context.screen.json(answer);
    } else {
        note(&format!(
            "started `{}` of `{}` until {}",
            text(instance, "id"),
            text(instance, "agent"),
            text(instance, "expires")
        ));
        note_limits(instance);
        note("its token is shown this once:");
        out(&format!("PLACET_TOKEN={token}"));
    }
    Ok(Exit::Ok)
}

/// Says so if the run may only read.
pub(super) fn note_limits(instance: &Json) {
    if instance.member("reads_only").and_then(Json::as_bool) == Some(true) {
        note(
            "it may only read, because nobody said what it is for: `placet instance start --help` shows how (`--task`, \
             `--kind`, `--scope`, …)",
        );
    }
}

fn show_list(answer: &Json, context: &Context) {
    if context.screen.is_json() {
        return context.screen.json(answer);
    }
    let rows: Vec<Vec<String>> = list(answer, "instances")
        .iter()
        .map(|instance| {
            vec![
                text(instance, "id"),
                text(instance, "agent"),
                text(instance, "state"),
                some_text(instance, "on_behalf_of").unwrap_or_else(|| "-".to_owned()),
                some_text(instance, "ticket").unwrap_or_else(|| "-".to_owned()),
                text(instance, "started_by"),
                text(instance, "expires"),
                some_text(instance, "task").unwrap_or_default(),
            ]
        })
        .collect();
    let head = ["instance", "agent", "state", "on behalf of", "ticket", "started by", "expires", "task"];
    context.screen.table(&head, &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_texts_or_json() {
        let fact = |text: &str| text.parse::<Fact>().map(|fact| (fact.name, fact.value.canonical()));
        assert_eq!(fact("city=Bonn=Beuel"), Ok(("city".into(), "\"Bonn=Beuel\"".into())));
        assert_eq!(fact("n:=7"), Ok(("n".into(), "7".into())));
        assert_eq!(fact(r#"all:=["a=b"]"#), Ok(("all".into(), r#"["a=b"]"#.into())));
        assert!(fact("alone").is_err() && fact("n:=7x").is_err());
        let twice = facts(vec!["a=1".parse().unwrap(), "a=2".parse().unwrap()]);
        assert_eq!(twice.unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn lives_are_seconds_minutes_or_hours() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3_600)] {
            assert_eq!(text.parse(), Ok(Life(seconds)), "{text}");
        }
        for text in ["", "m", "-1m", "1.5h", "1d", "m15"] {
            assert!(text.parse::<Life>().is_err(), "{text}");
        }
    }
}
