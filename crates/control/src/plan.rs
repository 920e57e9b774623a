//! `/v1/plan` and `/v1/apply`: the agents of a repository against the registry, first in words, then done.

use std::sync::Arc;

use axum::extract::State;
use placet_engine::{Registration, Step};
use serde::Serialize;

use crate::{
    Control, agents,
    answer::{Answer, Answered},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

#[derive(Debug, Serialize)]
pub(crate) struct Steps {
    steps: Vec<StepView>,
}

#[derive(Debug, Serialize)]
struct StepView {
    agent: String,
    action: &'static str,
    details: Vec<String>,
}

pub(crate) async fn plan(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<Steps> {
    let (wanted, prune) = wishes(fields, &control)?;
    Ok(Answer::new("placet/v1/plan", view(&control.engine.plan(&wanted, prune, &by))))
}

pub(crate) async fn apply(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<Steps> {
    let (wanted, prune) = wishes(fields, &control)?;
    Ok(Answer::new("placet/v1/applied", view(&control.engine.apply(wanted, prune, &by).await)))
}

fn wishes(mut fields: Fields, control: &Control) -> Result<(Vec<Registration>, bool), Problem> {
    let prune = fields.boolean("prune")?;
    let mut wanted: Vec<Registration> = Vec::new();
    for mut entry in agents::objects(fields.take("agents"), "agents")? {
        let registration = agents::registration(&mut entry, control)?;
        entry.end()?;
        if wanted.iter().any(|other| other.name == registration.name) {
            let why = format!("`{}` is there twice", registration.name);
            return Err(Problem::new(Fault::Invalid, why, "keep one of them; nothing was changed"));
        }
        wanted.push(registration);
    }
    fields.end()?;
    Ok((wanted, prune))
}

fn view(steps: &[Step]) -> Steps {
    let view = |step: &Step| StepView {
        agent: step.agent.to_string(),
        action: step.kind.as_str(),
        details: step.words.clone(),
    };
    Steps { steps: steps.iter().map(view).collect() }
}
