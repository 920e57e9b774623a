//! `/v1/agents`: registered identities with a human owner, what each may and did, and what people do with them.

pub(crate) mod acts;
mod view;

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use placet_domain::{AgentName, Charter, Json, Tier};
use placet_engine::{Dossier, Registration};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Control,
    answer::{Answer, Answered, raw},
    argument::{Argument, Asked},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

use view::AgentView;

#[derive(Debug, Serialize)]
pub(crate) struct AgentList {
    agents: Vec<AgentView>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OneAgent {
    agent: AgentView,
}

#[derive(Debug, Serialize)]
pub(crate) struct History {
    agent: String,
    receipts: Vec<HistoryView>,
}

#[derive(Debug, Serialize)]
struct HistoryView {
    index: u64,
    receipt: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    owner: Option<String>,
    tier: Option<i64>,
    stage: Option<String>,
    /// Without an allowed call for so many seconds.
    unused_for: Option<u64>,
}

impl Filter {
    fn takes(&self, dossier: &Dossier) -> bool {
        let agent = &dossier.agent;
        let unused = |seconds: u64| {
            let last = dossier.usage.last_call.unwrap_or(agent.registered);
            dossier.now.since(last) >= Duration::from_secs(seconds)
        };
        self.owner.as_ref().is_none_or(|owner| agent.owner.as_str() == owner)
            && self.tier.is_none_or(|tier| agent.tier.number() == tier)
            && self.stage.as_ref().is_none_or(|stage| agent.life.stage.as_str() == stage)
            && self.unused_for.is_none_or(unused)
    }
}

pub(crate) async fn list(
    State(control): State<Arc<Control>>,
    Asked(filter): Asked<Filter>,
) -> Answered<AgentList> {
    if let Some(stage) = &filter.stage
        && !placet_domain::Stage::WORDS.contains(&stage.as_str())
    {
        let next = format!("use one of: {}", placet_domain::Stage::WORDS.join(", "));
        return Err(Problem::new(Fault::Invalid, format!("`{stage}` is not a stage"), next));
    }
    let inventory = control.engine.inventory().await.map_err(|error| Problem::unavailable(&error))?;
    let agents = inventory.iter().filter(|dossier| filter.takes(dossier)).map(AgentView::of).collect();
    Ok(Answer::new("placet/v1/agents", AgentList { agents }))
}

pub(crate) async fn register(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<OneAgent> {
    let registration = registration(&mut fields, &control)?;
    fields.end()?;
    let agent = control.engine.register(registration, &by).await?;
    one(&control, &agent.name).await
}

pub(crate) async fn show(
    State(control): State<Arc<Control>>,
    Argument(name): Argument<AgentName>,
) -> Answered<OneAgent> {
    one(&control, &name).await
}

pub(crate) async fn history(
    State(control): State<Arc<Control>>,
    Argument(name): Argument<AgentName>,
) -> Answered<History> {
    let entries = control.engine.history(&name).await.map_err(|error| Problem::unavailable(&error))?;
    if entries.is_empty() && control.engine.ports().registry.agent(&name).is_none() {
        return Err(unknown(&name));
    }
    let receipts = entries
        .iter()
        .map(|entry| HistoryView { index: entry.index, receipt: raw(&entry.receipt) })
        .collect();
    Ok(Answer::new("placet/v1/agent-history", History { agent: name.to_string(), receipts }))
}

/// Takes what is needed to register an agent. Whoever names what the agent wants need not know the tier.
pub(crate) fn registration(fields: &mut Fields, control: &Control) -> Result<Registration, Problem> {
    let charter = Charter::from_json(&fields.object("charter")?).map_err(|error| {
        Problem::new(Fault::Invalid, error.to_string(), "mend the registration; nothing was changed")
    })?;
    let tier = match fields.integer("tier")? {
        None if !charter.wants.is_empty() => control.engine.suggest(&charter).tier,
        number => tier(number)?,
    };
    Ok(Registration {
        name: fields.required("name")?,
        owner: fields.required("owner")?,
        purpose: fields.required("purpose")?,
        tier,
        groups: fields.list("groups")?,
        charter,
    })
}

pub(crate) async fn one(control: &Control, name: &AgentName) -> Answered<OneAgent> {
    let dossier = control.engine.dossier(name).await.map_err(|error| Problem::unavailable(&error))?;
    let dossier = dossier.ok_or_else(|| unknown(name))?;
    Ok(Answer::new("placet/v1/agent", OneAgent { agent: AgentView::of(&dossier) }))
}

fn unknown(name: &AgentName) -> Problem {
    Problem::new(Fault::NotFound, format!("there is no agent `{name}`"), "see all with `placet agent list`")
}

fn tier(number: Option<i64>) -> Result<Tier, Problem> {
    let text = number.map_or_else(|| "nothing".to_owned(), |number| number.to_string());
    text.parse().map_err(|error: placet_domain::UnknownTier| {
        Problem::new(
            Fault::Invalid,
            format!("`tier`: {error}"),
            "send 1, 2 or 3, or name in `wants` what the agent needs and leave the tier out",
        )
    })
}

/// A list of objects in a body.
pub(crate) fn objects(value: Option<Json>, key: &str) -> Result<Vec<Fields>, Problem> {
    let wrong = |found: &Json| {
        let why = format!("`{key}` holds {}, not objects", found.kind());
        Problem::new(Fault::Invalid, why, "mend the request and send it again; nothing was changed")
    };
    match value {
        None => Ok(Vec::new()),
        Some(Json::Array(elements)) => elements
            .into_iter()
            .map(|element| match element {
                Json::Object(object) => Ok(Fields::of(object)),
                other => Err(wrong(&other)),
            })
            .collect(),
        Some(other) => Err(wrong(&other)),
    }
}
