//! What judging found: an allowed call, or a refusal with all that was known when it ended. The decision receipt is built
//! from it.

use placet_domain::{AccessRequest, AgentName, Approval, Decision, InstanceId, Refusal};

use crate::{Caller, caller::Unidentified, limits::Charged};

/// What judging found.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Who, when the request was not resolved.
    pub(crate) named: Option<(AgentName, InstanceId)>,
    pub(crate) request: Option<AccessRequest>,
    pub(crate) decision: Option<Decision>,
    /// The approval that was redeemed or asked for.
    pub(crate) approval: Option<Approval>,
    /// What it has put on counters.
    pub(crate) charged: Charged,
    /// `None` only for a call that may run.
    pub(crate) refusal: Option<Refusal>,
}

impl Judged {
    pub(crate) fn stopped(stopped: Stopped) -> Self {
        *stopped.0
    }

    /// A refusal of which nothing else is known.
    fn refused(refusal: Refusal) -> Self {
        Self {
            named: None,
            request: None,
            decision: None,
            approval: None,
            charged: Charged::default(),
            refusal: Some(refusal),
        }
    }
}

/// A [`Judged`] that certainly does not run.
#[derive(Debug)]
pub(crate) struct Stopped(Box<Judged>);

impl Stopped {
    /// The call could not be read.
    pub(crate) fn unread(caller: &Caller, refusal: Refusal) -> Self {
        let named = Some((caller.agent().name.clone(), caller.instance().id));
        Self(Box::new(Judged { named, ..Judged::refused(refusal) }))
    }

    /// What the call is about could not be found out.
    pub(crate) fn unresolved(request: AccessRequest, refusal: Refusal) -> Self {
        Self(Box::new(Judged { request: Some(request), ..Judged::refused(refusal) }))
    }

    /// The policies, or the people, refuse it.
    pub(crate) fn judged(
        request: AccessRequest,
        decision: Decision,
        approval: Option<Approval>,
        refusal: Refusal,
    ) -> Self {
        let (request, decision) = (Some(request), Some(decision));
        Self(Box::new(Judged { request, decision, approval, ..Judged::refused(refusal) }))
    }
}

impl From<Unidentified> for Stopped {
    fn from(unidentified: Unidentified) -> Self {
        Self(Box::new(Judged { named: unidentified.named, ..Judged::refused(unidentified.refusal) }))
    }
}
