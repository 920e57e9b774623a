//! `/v1/policies`: the rules in force, and putting changed files in force. A bad set keeps the old one.

pub(crate) mod replay;
pub(crate) mod revisions;

use std::{pin::Pin, sync::Arc};

use axum::extract::State;
use placet_domain::{PersonName, PolicyRevision};
use placet_engine::{KeptError, ReloadError};
use placet_policy::{Finding, LoadErrors};
use serde::Serialize;

use crate::{
    Control,
    answer::{Answer, Answered},
    fields::Fields,
    peer::Caller,
    problem::{Fault, Problem},
};

/// Reads the policy files and calls [`placet_engine::Engine::reload`] in the name of the person.
pub type Reload = Arc<
    dyn Fn(PersonName) -> Pin<Box<dyn Future<Output = Result<PolicyRevision, ReloadFailure>> + Send>>
        + Send
        + Sync,
>;

/// Why changed policies did not come into force. The set in force stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadFailure {
    /// The engine did not take them.
    #[error(transparent)]
    Engine(#[from] ReloadError),
    /// The files cannot be read; the text says which and why.
    #[error("the policy files cannot be read: {0}")]
    Read(String),
}

/// One finding of the loader as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct FindingView {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    policy: Option<String>,
    message: String,
    help: Option<String>,
}

/// The rules in force as the API shows them.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyView {
    revision: String,
    policies: usize,
    warnings: Vec<FindingView>,
    cedar_schema: String,
}

pub(crate) async fn show(State(control): State<Arc<Control>>) -> Answer<PolicyView> {
    Answer::new("placet/v1/policies", view(&control))
}

pub(crate) async fn reload(
    State(control): State<Arc<Control>>,
    Caller(by): Caller,
    fields: Fields,
) -> Answered<PolicyView> {
    fields.end()?;
    (control.config.reload)(by).await?;
    Ok(Answer::new("placet/v1/policies", view(&control)))
}

fn view(control: &Control) -> PolicyView {
    let policies = control.engine.policies();
    PolicyView {
        revision: policies.revision().to_string(),
        policies: policies.policy_count(),
        warnings: policies.warnings().iter().map(FindingView::of).collect(),
        cedar_schema: policies.schema_text().to_owned(),
    }
}

impl FindingView {
    fn of(finding: &Finding) -> Self {
        let Finding { file, line, column, policy, message, help } = finding.clone();
        Self { file, line, column, policy, message, help }
    }
}

/// What the loader has to say, as a problem.
fn findings(errors: &LoadErrors) -> Problem {
    Problem::new(
        Fault::Policies,
        format!("the policies have {} findings; the set in force stays", errors.findings.len()),
        "mend what is listed and try again",
    )
    .with_findings(errors.findings.iter().map(FindingView::of).collect())
}

impl From<ReloadError> for Problem {
    fn from(error: ReloadError) -> Self {
        match &error {
            ReloadError::Base(_) => Self::new(
                Fault::Conflict,
                error.to_string(),
                "look at what is in force now (`placet policy history`) and promote the set again",
            ),
            ReloadError::Kept(KeptError::Unknown(_)) | ReloadError::Nothing(_) => {
                Self::new(Fault::NotFound, error.to_string(), "see all with `placet policy history`")
            }
            ReloadError::Kept(KeptError::Load(_, errors)) | ReloadError::Load(errors) => findings(errors),
            ReloadError::Kept(KeptError::Manifest(..) | KeptError::Store(..))
            | ReloadError::Ledger(_)
            | ReloadError::Store(_) => Self::unavailable(&error),
            ReloadError::NotAllowed { .. } => {
                Self::new(Fault::Forbidden, error.to_string(), "ask another member of the group")
            }
            ReloadError::Waits { revision, .. } => Self::new(
                Fault::Conflict,
                format!("{error}; the set in force stays"),
                format!("a second person runs `placet policy approve {revision}`"),
            ),
        }
    }
}

impl From<ReloadFailure> for Problem {
    fn from(failure: ReloadFailure) -> Self {
        match failure {
            ReloadFailure::Engine(error) => error.into(),
            ReloadFailure::Read(_) => Self::new(
                Fault::Policies,
                failure.to_string(),
                "mend the files and run `placet policy reload` again",
            ),
        }
    }
}
