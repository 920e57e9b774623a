//! What a caller is told when a request is not done: RFC 9457 problem details with a sentence and a next step.
//! Errors of the engine become problems here and nowhere else, by who is at fault.

use std::error::Error;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use placet_domain::{Code, Refusal};
use placet_engine::{
    AnswerError, ChangeError, GrantError, HaltError, RegisterError, StartError, UpstreamLoginError,
};
use serde::Serialize;

use crate::policies::FindingView;

/// Who is at fault, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The state it is about has moved on.
    Conflict,
    /// The person may not do it.
    Forbidden,
    /// The request is not acceptable.
    Invalid,
    /// The route does not take this method.
    Method,
    /// There is no such thing.
    NotFound,
    /// The policy files have faults.
    Policies,
    /// Nobody is signed in.
    SignIn,
    /// The caller is no declared person.
    Stranger,
    /// The body is larger than the limit.
    TooLarge,
    /// We could not do our part.
    Unavailable,
    /// An upstream did not do its part.
    Upstream,
}

impl Fault {
    fn status(self) -> StatusCode {
        match self {
            Self::Conflict => StatusCode::CONFLICT,
            Self::Forbidden | Self::Stranger => StatusCode::FORBIDDEN,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Policies => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream => StatusCode::BAD_GATEWAY,
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Method => "method",
            Self::NotFound => "not-found",
            Self::Policies => "policies",
            Self::SignIn => "sign-in",
            Self::Stranger => "stranger",
            Self::TooLarge => "too-large",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Conflict => "not possible any more",
            Self::Forbidden => "not allowed",
            Self::Invalid => "request not accepted",
            Self::Method => "method not accepted",
            Self::NotFound => "not found",
            Self::Policies => "policies not accepted",
            Self::SignIn => "not signed in",
            Self::Stranger => "not a declared person",
            Self::TooLarge => "request too large",
            Self::Unavailable => "not possible at the moment",
            Self::Upstream => "connector not reachable",
        }
    }
}

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Problem {
    fault: Fault,
    code: Option<Code>,
    why: String,
    next: String,
    findings: Vec<FindingView>,
}

#[derive(Serialize)]
struct Details<'a> {
    schema: &'static str,
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    next: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [FindingView],
}

impl Problem {
    pub(crate) fn new(fault: Fault, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { fault, code: None, why: why.into(), next: next.into(), findings: Vec::new() }
    }

    pub(crate) fn with_findings(mut self, findings: Vec<FindingView>) -> Self {
        self.findings = findings;
        self
    }

    pub(crate) fn unavailable(error: &dyn Error) -> Self {
        Self::new(Fault::Unavailable, causes(error), "run `placet doctor`, mend what it names, and try again")
    }
}

/// An error and its causes, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.fault.status();
        let details = Details {
            schema: "placet/v1/problem",
            r#type: format!("https://placet.dev/problems/{}", self.fault.slug()),
            title: self.fault.title(),
            status: status.as_u16(),
            detail: &self.why,
            next: &self.next,
            code: self.code.map(|code| code.to_string()),
            findings: &self.findings,
        };
        let mut response = (status, axum::Json(details)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<UpstreamLoginError> for Problem {
    fn from(error: UpstreamLoginError) -> Self {
        let again = "mend what is named, then run `placet connector login` again";
        match error {
            UpstreamLoginError::Login(error) => Self::new(Fault::Upstream, error.to_string(), again),
            UpstreamLoginError::Ledger(_) => Self::new(Fault::Unavailable, causes(&error), again),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match &error {
            RegisterError::Ledger(_) | RegisterError::Store(_) => Self::unavailable(&error),
            RegisterError::Purpose => Self::new(
                Fault::Invalid,
                error.to_string(),
                "say what the agent is for, in its owner's words",
            ),
            RegisterError::Taken(_) => Self::new(
                Fault::Conflict,
                error.to_string(),
                "choose another name; `placet agent list` shows all",
            ),
            RegisterError::Charter(_) => {
                Self::new(Fault::Invalid, error.to_string(), "mend the registration; nothing was changed")
            }
            RegisterError::NoApprover { .. } => Self::new(
                Fault::Invalid,
                error.to_string(),
                "see who is in which group in placet.toml; nothing was changed",
            ),
            RegisterError::NoPerson(_) => {
                Self::new(Fault::Invalid, error.to_string(), "declare the owner, or name a declared person")
            }
            RegisterError::SameBackup(_) => {
                Self::new(Fault::Invalid, error.to_string(), "name two people, or one and no backup")
            }
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let see = "see `placet agent show` for where it stands";
        match error {
            ChangeError::Ledger(_) | ChangeError::Store(_) => Self::unavailable(&error),
            ChangeError::Invalid(_) => Self::new(Fault::Invalid, error.to_string(), "mend the request"),
            ChangeError::NoPerson(_) => {
                Self::new(Fault::Invalid, error.to_string(), "name a declared person")
            }
            ChangeError::NotAllowed { .. } => {
                Self::new(Fault::Forbidden, error.to_string(), "ask one of those who may")
            }
            ChangeError::NotPossible { .. } => Self::new(Fault::Conflict, error.to_string(), see),
            ChangeError::Register(error) => error.into(),
            ChangeError::Unknown(_) => {
                Self::new(Fault::NotFound, error.to_string(), "see all with `placet agent list`")
            }
        }
    }
}

impl From<HaltError> for Problem {
    fn from(error: HaltError) -> Self {
        match &error {
            HaltError::Ledger(_) | HaltError::Store(_) => Self::unavailable(&error),
            HaltError::NotAllowed { .. } => {
                Self::new(Fault::Forbidden, error.to_string(), "ask one of those who may")
            }
            HaltError::NotHalted(_) | HaltError::Unknown(_) => Self::new(
                Fault::NotFound,
                error.to_string(),
                "see what is stopped with `placet kill list`; nothing was changed",
            ),
            HaltError::Reason => Self::new(Fault::Invalid, error.to_string(), "say why in a sentence"),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match &error {
            StartError::Issue(_) | StartError::Ledger(_) | StartError::Store(_) => Self::unavailable(&error),
            StartError::Scope(_) | StartError::Task(_) => Self::new(
                Fault::Invalid,
                error.to_string(),
                "mend the scope or the kind of task; `placet agent show` lists the kinds",
            ),
            StartError::Fact(_) => Self::new(
                Fault::Invalid,
                error.to_string(),
                "declare the fact, or send it with its declared type",
            ),
            StartError::Life => {
                Self::new(Fault::Invalid, error.to_string(), "ask for a shorter life, say `--ttl 15m`")
            }
            StartError::Parent { .. } => {
                Self::new(Fault::Conflict, error.to_string(), "start it from an instance that lives")
            }
            StartError::NotRunning { next, .. } => {
                Self::new(Fault::Conflict, error.to_string(), next.clone())
            }
            StartError::UnknownAgent(_) => Self::new(
                Fault::NotFound,
                error.to_string(),
                "register it first; `placet agent list` shows all",
            ),
            StartError::UnknownPerson(_) => {
                Self::new(Fault::Invalid, error.to_string(), "declare the person, or name a declared one")
            }
        }
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match &error {
            AnswerError::Closed(id) => {
                let next =
                    format!("see `placet approval show {id}`; the agent asks anew when it calls again");
                Self::new(Fault::Conflict, error.to_string(), next)
            }
            AnswerError::Ledger(_) | AnswerError::Store(_) => Self::unavailable(&error),
            AnswerError::NotAllowed { .. } => Self::new(
                Fault::Forbidden,
                error.to_string(),
                "ask a member of the approver groups to answer",
            ),
            AnswerError::Unknown(_) => {
                Self::new(Fault::NotFound, error.to_string(), "see the open ones with `placet approval list`")
            }
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        let (fault, next) = match &error {
            GrantError::Ledger(_) | GrantError::Store(_) => return Self::unavailable(&error),
            GrantError::Ceiling(_) => {
                (Fault::Invalid, "ask for less; `[grants]` in placet.toml sets the ceiling")
            }
            GrantError::Closed(_) => (Fault::Conflict, "see what became of it with `placet grant list`"),
            GrantError::NotAllowed { .. } => {
                (Fault::Forbidden, "ask somebody whom the policies let grant it")
            }
            GrantError::TooMany { .. } => {
                (Fault::Conflict, "answer some with `placet grant approve` or `deny`")
            }
            GrantError::Unknown(_) => (Fault::NotFound, "see `placet grant list`"),
            GrantError::Wish(_) => {
                (Fault::Invalid, "mend the request and send it again; nothing was changed")
            }
        };
        Self::new(fault, error.to_string(), next)
    }
}

impl From<Refusal> for Problem {
    /// Refusals that the engine gives to operators: a store, the ledger or a connector could not do its part.
    fn from(refusal: Refusal) -> Self {
        let fault = match refusal.code {
            Code::ToolUnreachable => Fault::Upstream,
            _ => Fault::Unavailable,
        };
        Self { fault, code: Some(refusal.code), why: refusal.why, next: refusal.next, findings: Vec::new() }
    }
}
