//! `/v1/agents/{name}/…`: answering a proposal, certifying, shrinking, handing over, suspending, resuming, retiring.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{AgentName, PersonName};
use placet_engine::ProposalAnswer;

use super::{OneAgent, one};
use crate::{
    Control,
    answer::Answered,
    argument::Argument,
    fields::{Fields, FreeText},
    peer::Caller,
};

pub(crate) async fn answer(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    mut fields: Fields,
) -> Answered<OneAgent> {
    let rationale: Option<FreeText> = fields.optional("rationale")?;
    let answer = ProposalAnswer {
        agent: agent.clone(),
        approve: fields.boolean("approve")?,
        by,
        group: fields.optional("group")?,
        rationale: rationale.map(|text| text.0).unwrap_or_default(),
    };
    fields.end()?;
    control.engine.answer_proposal(answer).await?;
    one(&control, &agent).await
}

pub(crate) async fn certify(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OneAgent> {
    fields.end()?;
    control.engine.certify(&agent, &by).await?;
    one(&control, &agent).await
}

pub(crate) async fn shrink(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OneAgent> {
    fields.end()?;
    control.engine.shrink(&agent, &by).await?;
    one(&control, &agent).await
}

pub(crate) async fn owner(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    mut fields: Fields,
) -> Answered<OneAgent> {
    let owner: PersonName = fields.required("owner")?;
    fields.end()?;
    control.engine.replace_owner(&agent, &owner, &by).await?;
    one(&control, &agent).await
}

pub(crate) async fn suspend(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OneAgent> {
    fields.end()?;
    control.engine.suspend(&agent, &by).await?;
    one(&control, &agent).await
}

pub(crate) async fn resume(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OneAgent> {
    fields.end()?;
    control.engine.resume(&agent, &by).await?;
    one(&control, &agent).await
}

pub(crate) async fn retire(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    Argument(agent): Argument<AgentName>,
    fields: Fields,
) -> Answered<OneAgent> {
    fields.end()?;
    control.engine.retire(&agent, &by).await?;
    one(&control, &agent).await
}
