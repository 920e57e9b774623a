//! `placet agent`: registering agents, seeing what each may and did, and what people do with them.

mod show;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use placet_domain::{
    AgentName, DataClass, EnvironmentName, GroupName, Json, Object, PersonName, Stage, Tier, Timestamp, Want,
};

use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    print::{list, out, text},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Register an agent under a human owner
    #[command(
        after_help = "Example: placet agent register crm-writer --owner carol --purpose 'keeps deals fresh' \
                            --want crm.get_deal --want crm.update_deal"
    )]
    Register(Box<Register>),
    /// List agents: who owns each, where it stands, when it was last used
    List(Filter),
    /// Show one agent: its registration, its approvers, what it may use and what it used
    Show {
        /// The agent
        name: AgentName,
    },
    /// Write agents and connectors as entities of a developer portal's catalog
    #[command(after_help = "Example: placet agent export --format backstage > catalog-info.yaml")]
    Export(Export),
    /// Show the receipts of an agent's life
    History {
        /// The agent
        name: AgentName,
    },
    /// Agree to a proposed agent, or to new terms, for one of the groups that are asked
    Approve(Answer),
    /// Refuse a proposed agent, or new terms
    Deny(Answer),
    /// Certify an agent: it runs, is needed, and does what it was registered for
    Certify {
        /// The agent
        name: AgentName,
    },
    /// Narrow what an agent may use to what it has used
    Shrink {
        /// The agent
        name: AgentName,
    },
    /// Hand an agent over to another person
    Owner {
        /// The agent
        name: AgentName,
        /// The new owner
        person: PersonName,
    },
    /// Switch an agent off: when this returns, none of its calls is accepted any more
    Suspend {
        /// The agent
        name: AgentName,
    },
    /// Lift a suspension
    Resume {
        /// The agent
        name: AgentName,
    },
    /// End an agent for good; its name stays taken
    Retire {
        /// The agent
        name: AgentName,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    /// Its name
    name: AgentName,
    /// The person who answers for it
    #[arg(long, value_name = "PERSON")]
    owner: PersonName,
    /// What it is for, in the owner's words
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// 1 reads, 2 internal writes, 3 customer data, money, the outside world (default: what fits its `--want`s)
    #[arg(long, value_name = "N", required_unless_present = "want")]
    tier: Option<Tier>,
    /// A group it belongs to; may be given again
    #[arg(long, value_name = "GROUP")]
    group: Vec<GroupName>,
    /// Who answers when the owner cannot
    #[arg(long, value_name = "PERSON")]
    backup: Option<PersonName>,
    /// A connector or a tool it needs, `crm` or `crm.get_deal`; calls outside are refused; may be given again
    #[arg(long, value_name = "TOOL")]
    want: Vec<Want>,
    /// A kind of data it handles, for example `customer`; may be given again
    #[arg(long, value_name = "CLASS")]
    data: Vec<DataClass>,
    /// The model it runs on
    #[arg(long, value_name = "TEXT")]
    model: Option<String>,
    /// Where it runs, for example `production`
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// When it ends, for example `2027-01-31`
    #[arg(long, value_name = "DATE")]
    until: Option<Timestamp>,
    /// Where to turn when it misbehaves
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// How many days a certification holds
    #[arg(long, value_name = "DAYS")]
    certify_days: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only those of this person
    #[arg(long, value_name = "PERSON")]
    owner: Option<PersonName>,
    /// Only those of this tier
    #[arg(long, value_name = "N")]
    tier: Option<Tier>,
    /// Only those at this stage of their life
    #[arg(long, value_parser = PossibleValuesParser::new(Stage::WORDS))]
    stage: Option<String>,
    /// Only those without a call for so long, for example `30d`
    #[arg(long, value_name = "TIME", value_parser = span)]
    unused_for: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The form
    #[arg(long, value_parser = PossibleValuesParser::new(["backstage"]), default_value = "backstage")]
    format: String,
    /// Who the catalog says owns the connectors, as a reference to an entity
    #[arg(long, value_name = "REFERENCE", default_value = "group:default/operators")]
    connector_owner: String,
}

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The agent
    name: AgentName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// The group you speak for, if you are in more than one of those asked
    #[arg(long = "as", value_name = "GROUP")]
    group: Option<GroupName>,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Register(wish) => register(*wish, context).await,
        Verb::List(filter) => {
            let answer = context.client().get(&format!("/v1/agents{}", filter.query())).await?;
            show::list_of(&answer, context);
            Ok(Exit::Ok)
        }
        Verb::Show { name } => {
            let answer = context.client().get(&format!("/v1/agents/{name}")).await?;
            show::whole(&answer, context);
            Ok(Exit::Ok)
        }
        Verb::Export(wish) => export(&wish, context).await,
        Verb::History { name } => {
            let answer = context.client().get(&format!("/v1/agents/{name}/history")).await?;
            show::history(&answer, context);
            Ok(Exit::Ok)
        }
        Verb::Approve(answer) => answered(answer, true, context).await,
        Verb::Deny(answer) => answered(answer, false, context).await,
        Verb::Certify { name } => act(&name, "certify", Object::new(), context).await,
        Verb::Shrink { name } => act(&name, "shrink", Object::new(), context).await,
        Verb::Owner { name, person } => {
            act(&name, "owner", Object::new().with("owner", person.as_str()), context).await
        }
        Verb::Suspend { name } => act(&name, "suspend", Object::new(), context).await,
        Verb::Resume { name } => act(&name, "resume", Object::new(), context).await,
        Verb::Retire { name } => act(&name, "retire", Object::new(), context).await,
    }
}

async fn register(wish: Register, context: &Context) -> Result<Exit, Failure> {
    let name = wish.name.clone();
    let answer = context.client().post("/v1/agents", wish.body()).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let agent = answer.member("agent").unwrap_or(&Json::Null);
    out(&format!("registered `{name}`, tier {}, owner {}", text(agent, "tier"), text(agent, "owner")));
    match text(agent, "stage").as_str() {
        "proposed" => {
            let open = agent.member("proposal").map(|proposal| show::texts(proposal, "open"));
            out(&format!("it waits for one person each of: {}", open.unwrap_or_default().join(", ")));
            out(&format!("next: they run `placet agent approve {name}`"));
            Ok(Exit::Pending)
        }
        _ => {
            out(&format!("next: placet instance start {name}"));
            Ok(Exit::Ok)
        }
    }
}

/// There is one form today; the parser of arguments takes no other.
async fn export(wish: &Export, context: &Context) -> Result<Exit, Failure> {
    let client = context.client();
    let (agents, connectors) = (client.get("/v1/agents").await?, client.get("/v1/connectors").await?);
    let entities =
        crate::backstage::catalog(&agents, &connectors, &wish.connector_owner).map_err(Failure::new)?;
    let text = serde_saphyr::to_string_multiple(&entities);
    let text = text.map_err(Failure::of(format!("the entities cannot be written as {}", wish.format)))?;
    out(text.trim_end());
    Ok(Exit::Ok)
}

async fn answered(answer: Answer, approve: bool, context: &Context) -> Result<Exit, Failure> {
    let body = Object::new()
        .with("approve", approve)
        .with_some("rationale", answer.because)
        .with_some("group", answer.group.as_ref().map(GroupName::as_str));
    act(&answer.name, "answer", body, context).await
}

async fn act(name: &AgentName, path: &str, body: Object, context: &Context) -> Result<Exit, Failure> {
    let answer = context.client().post(&format!("/v1/agents/{name}/{path}"), body).await?;
    if context.screen.is_json() {
        context.screen.json(&answer);
        return Ok(Exit::Ok);
    }
    let agent = answer.member("agent").unwrap_or(&Json::Null);
    out(&format!("`{name}` is {}, owner {}", show::stage(agent, context), text(agent, "owner")));
    match path {
        "certify" => out(&format!(
            "{}; certified until {}",
            text(agent, "evidence"),
            text(agent, "certification_ends")
        )),
        "shrink" => {
            let wants = agent.member("charter").map(|charter| show::texts(charter, "wants"));
            out(&format!("it may now use: {}", wants.unwrap_or_default().join(", ")));
        }
        "answer" => {
            if let Some(proposal) =
                agent.member("proposal").filter(|proposal| !list(proposal, "open").is_empty())
            {
                out(&format!("still open: {}", show::texts(proposal, "open").join(", ")));
            }
        }
        _ => {}
    }
    Ok(Exit::Ok)
}

impl Register {
    fn body(self) -> Object {
        fn texts<T: ToString>(all: &[T]) -> Vec<String> {
            all.iter().map(ToString::to_string).collect()
        }
        let mut charter = Object::new()
            .with_some("backup_owner", self.backup.as_ref().map(PersonName::as_str))
            .with_some("model", self.model)
            .with_some("environment", self.environment.as_ref().map(EnvironmentName::as_str))
            .with_some("until", self.until.map(|until| until.to_string()))
            .with_some("contact", self.contact)
            .with_some("certify_days", self.certify_days.map(i64::from));
        if !self.want.is_empty() {
            charter.set("wants", texts(&self.want));
        }
        if !self.data.is_empty() {
            charter.set("data", texts(&self.data));
        }
        Object::new()
            .with("name", self.name.as_str())
            .with("owner", self.owner.as_str())
            .with("purpose", self.purpose)
            .with_some("tier", self.tier.map(Tier::number))
            .with("groups", texts(&self.group))
            .with("charter", charter)
    }
}

impl Filter {
    fn query(&self) -> String {
        let asked = [
            self.owner.as_ref().map(|owner| format!("owner={owner}")),
            self.tier.map(|tier| format!("tier={tier}")),
            self.stage.as_ref().map(|stage| format!("stage={stage}")),
            self.unused_for.map(|seconds| format!("unused_for={seconds}")),
        ];
        let asked: Vec<String> = asked.into_iter().flatten().collect();
        if asked.is_empty() { String::new() } else { format!("?{}", asked.join("&")) }
    }
}

/// Whole seconds, written `30d`, `12h` or `90m`.
fn span(text: &str) -> Result<i64, String> {
    let unit = |suffix: char| text.strip_suffix(suffix).and_then(|number| number.parse::<u32>().ok());
    [('d', 86_400), ('h', 3_600), ('m', 60)]
        .into_iter()
        .find_map(|(suffix, seconds)| Some(i64::from(unit(suffix)?) * seconds))
        .ok_or_else(|| "write a time such as `30d`, `12h` or `90m`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_use_are_days_hours_or_minutes() {
        for (text, seconds) in [("30d", 2_592_000), ("12h", 43_200), ("90m", 5_400), ("0d", 0)] {
            assert_eq!(span(text), Ok(seconds), "{text}");
        }
        for text in ["", "d", "30", "-1d", "1.5h", "1w"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_becomes_a_query() {
        let filter = Filter {
            owner: Some("ana@example.com".parse().unwrap()),
            tier: Some(Tier::Two),
            stage: Some("countdown".to_owned()),
            unused_for: Some(60),
        };
        assert_eq!(filter.query(), "?owner=ana@example.com&tier=2&stage=countdown&unused_for=60");
        let none = Filter { owner: None, tier: None, stage: None, unused_for: None };
        assert_eq!(none.query(), "");
    }
}
