//! `/v1/policies/…`: policy sets that are handed in, those that were in force, and those that wait or are tried.

use std::sync::Arc;

use axum::extract::State;
use placet_domain::{AgentName, PolicyRevision};
use placet_engine::{
    Activation, Aim, Candidate, CandidateKind, Difference, Origin, Promoted, Promotion, ReloadError, Shift,
    Standing,
};
use placet_policy::PolicySource;
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    argument::Argument,
    fields::{Fields, FreeText, LargeFields, invalid},
    peer::Caller,
    problem::Problem,
};

/// Activations in one list, newest first.
const LISTED: usize = 200;

/// What became of a set that was handed in.
#[derive(Debug, Serialize)]
pub(crate) struct PromotedView {
    revision: String,
    /// `in_force`, `canary`, `shadow`, or `proposed`: it waits for a second person.
    standing: &'static str,
    /// The group of the second person, if one is needed.
    asks: Option<String>,
    difference: Option<DifferenceView>,
}

#[derive(Debug, Serialize)]
struct DifferenceView {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    widens: bool,
    gains: Vec<ShiftView>,
    losses: Vec<ShiftView>,
    pairs_skipped: usize,
}

#[derive(Debug, Serialize)]
struct ShiftView {
    agent: String,
    tool: String,
    from: &'static str,
    to: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct HistoryView {
    activations: Vec<ActivationView>,
    candidates: Vec<CandidateView>,
}

#[derive(Debug, Serialize)]
struct ActivationView {
    number: i64,
    revision: String,
    at: String,
    by: Option<String>,
    approved_by: Option<String>,
    origin: String,
    returns_to: Option<i64>,
}

#[derive(Debug, Serialize)]
struct CandidateView {
    kind: &'static str,
    revision: String,
    agents: Vec<String>,
    at: String,
    by: Option<String>,
    origin: String,
}

/// A kept revision: what it says.
#[derive(Debug, Serialize)]
pub(crate) struct RevisionView {
    revision: String,
    sources: Vec<SourceView>,
}

#[derive(Debug, Serialize)]
struct SourceView {
    name: String,
    text: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct WithdrawnView {
    revision: String,
}

pub(crate) async fn history(State(control): State<Arc<Control>>) -> Answered<HistoryView> {
    let failed = |error| Problem::unavailable(&error);
    let activations = control.engine.policy_history(LISTED).await.map_err(failed)?;
    let candidates = control.engine.policy_candidates().await.map_err(failed)?;
    let view = HistoryView {
        activations: activations.iter().map(ActivationView::of).collect(),
        candidates: candidates.iter().map(CandidateView::of).collect(),
    };
    Ok(Answer::new("placet/v1/policy-history", view))
}

pub(crate) async fn revision(
    State(control): State<Arc<Control>>,
    Argument(revision): Argument<PolicyRevision>,
) -> Answered<RevisionView> {
    let manifest = control.engine.kept_manifest(revision).await.map_err(ReloadError::Kept)?;
    let source = |source: PolicySource| SourceView { name: source.name, text: source.text };
    let sources = manifest.sources.into_iter().map(source).collect();
    Ok(Answer::new("placet/v1/policy-revision", RevisionView { revision: revision.to_string(), sources }))
}

/// Takes `sources`, or the `revision` of a kept set; for everybody, or for the agents in `canary`, or as `shadow`.
pub(crate) async fn promote(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    LargeFields(mut fields): LargeFields,
) -> Answered<PromotedView> {
    let handed_in = fields.objects("sources")?;
    let kept = fields.optional::<PolicyRevision>("revision")?;
    let origin = fields.optional::<Origin>("origin")?.unwrap_or(Origin::Folder);
    let canary = fields.list::<AgentName>("canary")?;
    let shadow = fields.take("shadow").is_some_and(|value| value.as_bool() == Some(true));
    fields.end()?;
    let (sources, origin) = match (handed_in, kept) {
        (Some(sources), None) if matches!(origin, Origin::Folder | Origin::Git(_)) => {
            (read(sources)?, origin)
        }
        (None, Some(revision)) => {
            let manifest = control.engine.kept_manifest(revision).await.map_err(ReloadError::Kept)?;
            (manifest.sources, Origin::Kept)
        }
        _ => {
            return Err(invalid("give either `sources` from a folder or a commit, or `revision`".to_owned()));
        }
    };
    let aim = match (canary.is_empty(), shadow) {
        (true, false) => Aim::Everybody,
        (true, true) => Aim::Shadow,
        (false, false) => Aim::Canary(canary),
        (false, true) => return Err(invalid("`canary` and `shadow` exclude each other".to_owned())),
    };
    let promoted = control.engine.promote(Promotion { sources, origin, by: Some(by), aim }).await?;
    Ok(told(&control, promoted))
}

pub(crate) async fn rollback(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<PromotedView> {
    fields.end()?;
    let promoted = control.engine.rollback(&by).await?;
    Ok(told(&control, promoted))
}

pub(crate) async fn approve(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<PromotedView> {
    let revision = fields.required::<PolicyRevision>("revision")?;
    fields.end()?;
    let promoted = control.engine.approve_policies(revision, &by).await?;
    Ok(told(&control, promoted))
}

pub(crate) async fn withdraw(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    mut fields: Fields,
) -> Answered<WithdrawnView> {
    let kind = fields.required::<CandidateKind>("kind")?;
    fields.end()?;
    let revision = control.engine.withdraw_candidate(kind, Some(&by)).await?.to_string();
    Ok(Answer::new("placet/v1/policy-withdrawn", WithdrawnView { revision }))
}

pub(super) fn read(sources: Vec<Fields>) -> Result<Vec<PolicySource>, Problem> {
    let source = |mut fields: Fields| {
        let name = fields.required::<FreeText>("name")?.0;
        let text = fields.required::<String>("text")?;
        fields.end()?;
        Ok(PolicySource { name, text })
    };
    sources.into_iter().map(source).collect()
}

fn told(control: &Control, promoted: Promoted) -> Answer<PromotedView> {
    let standing = match promoted.standing {
        Standing::InForce => "in_force",
        Standing::Candidate(kind) => kind.as_str(),
    };
    let asks =
        (promoted.standing == Standing::WAITS).then(|| control.engine.policy_rules().group.to_string());
    let view = PromotedView {
        revision: promoted.revision.to_string(),
        standing,
        asks,
        difference: promoted.difference.as_ref().map(DifferenceView::of),
    };
    Answer::new("placet/v1/policy-promoted", view)
}

impl DifferenceView {
    fn of(difference: &Difference) -> Self {
        let names = |ids: &[placet_domain::PolicyId]| ids.iter().map(ToString::to_string).collect();
        let shifts = |shifts: &[Shift]| shifts.iter().map(ShiftView::of).collect();
        Self {
            added: names(&difference.policies.added),
            removed: names(&difference.policies.removed),
            changed: names(&difference.policies.changed),
            widens: difference.policies.widens,
            gains: shifts(&difference.gains),
            losses: shifts(&difference.losses),
            pairs_skipped: difference.skipped,
        }
    }
}

impl ShiftView {
    fn of(shift: &Shift) -> Self {
        let Shift { agent, tool, from, to } = shift;
        Self { agent: agent.to_string(), tool: tool.clone(), from: from.as_str(), to: to.as_str() }
    }
}

impl ActivationView {
    fn of(activation: &Activation) -> Self {
        Self {
            number: activation.number,
            revision: activation.revision.to_string(),
            at: activation.at.to_string(),
            by: activation.by.as_ref().map(ToString::to_string),
            approved_by: activation.approved_by.as_ref().map(ToString::to_string),
            origin: activation.origin.to_string(),
            returns_to: activation.returns_to,
        }
    }
}

impl CandidateView {
    fn of(candidate: &Candidate) -> Self {
        Self {
            kind: candidate.kind.as_str(),
            revision: candidate.revision.to_string(),
            agents: candidate.agents.iter().map(ToString::to_string).collect(),
            at: candidate.at.to_string(),
            by: candidate.by.as_ref().map(ToString::to_string),
            origin: candidate.origin.to_string(),
        }
    }
}
