//! `/v1/policies/…`: what policies on trial say otherwise, what past calls would come to, and which policies decide nothing.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use placet_domain::{AgentName, CallId, PolicyRevision, Timestamp};
use placet_engine::{Differing, Flip, Forgotten, ReloadError, Replayed};
use serde::{Deserialize, Serialize};

use super::revisions::read;
use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Asked,
    fields::{Fields, LargeFields, invalid},
    peer::Caller,
    problem::Problem,
};

/// Days that are looked at if nobody says how many.
const DAYS: i64 = 7;
/// Most days.
const DAYS_MOST: i64 = 3_660;

/// What policies on trial say otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct ShadowView {
    /// Since the start of the program.
    same: u64,
    differing: u64,
    failed: u64,
    /// Everything that receipts tell, the most frequent first.
    differences: Vec<DifferingView>,
}

#[derive(Debug, Serialize)]
struct DifferingView {
    policy: String,
    agent: String,
    operation: String,
    verdict: String,
    shadow: String,
    reasons: Vec<String>,
    count: u64,
    call: String,
}

/// What past calls would come to.
#[derive(Debug, Serialize)]
pub(crate) struct ReplayView {
    since: String,
    decisions: u64,
    judged: u64,
    not_kept: u64,
    lost: u64,
    unknown: Vec<UnknownView>,
    flips: Vec<FlipView>,
    asking: Vec<AskingView>,
}

#[derive(Debug, Serialize)]
struct UnknownView {
    why: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct FlipView {
    agent: String,
    owner: String,
    operation: String,
    from: String,
    to: String,
    reasons: Vec<String>,
    count: u64,
    call: String,
}

/// Decisions of a day that ask for a person.
#[derive(Debug, Serialize)]
struct AskingView {
    day: String,
    before: u64,
    after: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct UnusedView {
    since: String,
    decisions: u64,
    policies: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ForgottenView {
    erased: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Days {
    days: Option<i64>,
}

pub(crate) async fn shadow(State(control): State<Arc<Control>>) -> Answered<ShadowView> {
    let found = control.engine.differing().await.map_err(|error| Problem::unavailable(&error))?;
    let tried = control.engine.tried();
    let differences = found.into_iter().map(DifferingView::from).collect();
    let view = ShadowView { same: tried.same, differing: tried.differing, failed: tried.failed, differences };
    Ok(Answer::new("placet/v1/policy-shadow", view))
}

/// Takes `sources` or the `revision` of a kept set; `recorded` judges each call by the revision of its receipt.
pub(crate) async fn replay(
    State(control): State<Arc<Control>>,
    LargeFields(mut fields): LargeFields,
) -> Answered<ReplayView> {
    let sources = fields.objects("sources")?;
    let revision = fields.optional::<PolicyRevision>("revision")?;
    let recorded = fields.take("recorded").is_some_and(|value| value.as_bool() == Some(true));
    let since = since(&control, fields.integer("days")?)?;
    fields.end()?;
    let replayed = match (sources, revision, recorded) {
        (Some(sources), None, false) => control.engine.replay(read(sources)?, since).await?,
        (None, Some(revision), false) => {
            let manifest = control.engine.kept_manifest(revision).await.map_err(ReloadError::Kept)?;
            control.engine.replay(manifest.sources, since).await?
        }
        (None, None, true) => control.engine.replay_as_recorded(since).await?,
        _ => return Err(invalid("give `sources`, or `revision`, or `recorded`".to_owned())),
    };
    let lost = control.engine.ports().extracts.as_ref().map_or(0, |extracts| extracts.lost());
    Ok(Answer::new("placet/v1/policy-replay", ReplayView::of(replayed, since, lost)))
}

pub(crate) async fn unused(
    State(control): State<Arc<Control>>,
    Asked(Days { days }): Asked<Days>,
) -> Answered<UnusedView> {
    let since = since(&control, days)?;
    let found = control.engine.unused_policies(since).await?;
    let view = UnusedView { since: since.to_string(), decisions: found.decisions, policies: found.policies };
    Ok(Answer::new("placet/v1/policy-unused", view))
}

pub(crate) async fn forget(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<ForgottenView> {
    let agent = fields.optional::<AgentName>("agent")?;
    let call = fields.optional::<CallId>("call")?;
    let all = fields.take("all").is_some_and(|value| value.as_bool() == Some(true));
    fields.end()?;
    let whose = match (agent, call, all) {
        (Some(agent), None, false) => Forgotten::Agent(agent),
        (None, Some(call), false) => Forgotten::Call(call),
        (None, None, true) => Forgotten::All,
        _ => return Err(invalid("give `agent`, or `call`, or `all`".to_owned())),
    };
    let erased = control.engine.forget_extracts(whose, &by).await?;
    Ok(Answer::new("placet/v1/policy-forgotten", ForgottenView { erased }))
}

fn since(control: &Control, days: Option<i64>) -> Result<Timestamp, Problem> {
    let days = days.unwrap_or(DAYS);
    if !(1..=DAYS_MOST).contains(&days) {
        return Err(invalid(format!("`days` is {days}; use 1 to {DAYS_MOST}")));
    }
    let now = control.engine.ports().clock.now();
    Ok(Timestamp::from_micros(now.micros() - days * 86_400_000_000))
}

impl From<Differing> for DifferingView {
    fn from(one: Differing) -> Self {
        let Differing { policy, agent, operation, verdict, shadow, reasons, count, call } = one;
        Self { policy, agent, operation, verdict, shadow, reasons, count, call }
    }
}

impl From<Flip> for FlipView {
    fn from(flip: Flip) -> Self {
        let Flip { agent, owner, operation, from, to, reasons, count, call } = flip;
        Self { agent, owner, operation, from, to, reasons, count, call }
    }
}

impl ReplayView {
    fn of(found: Replayed, since: Timestamp, lost: u64) -> Self {
        let day = |day: i64| -> String {
            let noon = Timestamp::from_micros(day * 86_400_000_000).after(Duration::from_secs(43_200));
            noon.to_string().chars().take(10).collect()
        };
        let asking = |(number, (before, after))| AskingView { day: day(number), before, after };
        Self {
            since: since.to_string(),
            decisions: found.decisions,
            judged: found.judged,
            not_kept: found.not_kept,
            lost,
            unknown: found.unknown.into_iter().map(|(why, count)| UnknownView { why, count }).collect(),
            flips: found.flips.into_iter().map(FlipView::from).collect(),
            asking: found.asking.into_iter().map(asking).collect(),
        }
    }
}
