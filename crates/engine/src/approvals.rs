//! Approvals: evidence that lifts named gates for one exact call, once.
//! The rule is idea 5 of ARCHITECTURE.md: decide again, never resume.

use std::{collections::BTreeSet, time::Duration};

use placet_domain::{
    AccessRequest, Answer, Approval, ApprovalId, ApprovalReceipt, ApprovalState, CallDigest, Code, Decision,
    DenyCause, Gate, Json, PersonName, PolicyId, Refusal, Requester, Timestamp, Verdict, limits,
};
use placet_policy::Snapshot;

use crate::{
    Engine, duties, grants,
    judged::{Judged, Stopped},
    limits::{Charged, Metered},
    ports::{Asked, StoreError},
};

/// What is known about the gates of a decision.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// A valid approval of exactly this call.
    Found(Approved),
    /// There is none; why, and the question that was asked, if one was.
    Missing(Refusal, Option<Approval>),
    /// The verdict does not depend on people.
    NotNeeded,
}

/// An approval that is approved, unexpired and unused, as far as a read can tell. Claiming it decides.
#[derive(Debug)]
pub(crate) struct Approved {
    approval: Approval,
    answer: Answer,
}

impl Approved {
    /// The gates it lifts: those the approver saw.
    pub(crate) fn lifts(&self) -> Vec<PolicyId> {
        self.approval.gates.iter().map(|gate| gate.policy.clone()).collect()
    }

    fn consumed(self) -> Approval {
        Approval { state: ApprovalState::Consumed(self.answer), ..self.approval }
    }
}

/// A person's answer, as the control API hands it in. The person is authenticated there, never named by the request.
#[derive(Debug, Clone)]
pub struct AnswerRequest {
    /// The question.
    pub id: ApprovalId,
    /// Approve or deny.
    pub approve: bool,
    /// Who answers.
    pub by: PersonName,
    /// Why.
    pub rationale: String,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Already answered, or too late.
    #[error("approval `{0}` is not open any more: it was answered or has expired")]
    Closed(ApprovalId),
    /// The receipt could not be written.
    #[error("the answer was not recorded")]
    Ledger(#[from] crate::ports::LedgerUnavailable),
    /// The person may not answer this question.
    #[error("`{by}` may not answer this question: {why}")]
    NotAllowed {
        /// The person.
        by: PersonName,
        /// Why not.
        why: String,
    },
    /// The records could not be read or written.
    #[error("the answer was not recorded")]
    Store(#[from] StoreError),
    /// There is no such question.
    #[error("there is no approval `{0}`")]
    Unknown(ApprovalId),
}

impl Engine {
    /// Looks for a valid approval of exactly this call, or asks for one.
    pub(crate) async fn evidence(
        &self,
        policies: &Snapshot,
        request: &AccessRequest,
        decision: &Decision,
    ) -> Evidence {
        let Verdict::RequireApproval(gates) = &decision.verdict else { return Evidence::NotNeeded };
        let digest = digest(request, policies);
        match self.ports.approvals.of_call(digest).await {
            Ok(Some(found)) if request.now < found.expires => match found.state.clone() {
                ApprovalState::Approved(answer) if covers(&found, gates) => {
                    Evidence::Found(Approved { approval: found, answer })
                }
                // A gate that stands only now was not shown to the approver: a new question shows all of them.
                ApprovalState::Approved(_) => self.ask(request, decision, gates, digest).await,
                ApprovalState::Denied(answer) => Evidence::Missing(refused_by(&answer), Some(found)),
                ApprovalState::Pending => Evidence::Missing(waiting(&found, request.now), Some(found)),
                ApprovalState::Consumed(_) => self.ask(request, decision, gates, digest).await,
            },
            Ok(_) => self.ask(request, decision, gates, digest).await,
            Err(error) => Evidence::Missing(Refusal::new(Code::StoreUnavailable, error.to_string()), None),
        }
    }

    /// Looks for a valid approval of exactly this question. Nobody is asked: enforcement points ask for that themselves.
    pub(crate) async fn known_evidence(
        &self,
        policies: &Snapshot,
        request: &AccessRequest,
        decision: &Decision,
        presented: Option<ApprovalId>,
    ) -> Evidence {
        let Verdict::RequireApproval(gates) = &decision.verdict else { return Evidence::NotNeeded };
        match self.ports.approvals.of_call(digest(request, policies)).await {
            Ok(Some(found)) if request.now < found.expires => match found.state.clone() {
                // Its id names it; that it is for exactly this is what the digest says.
                ApprovalState::Approved(answer) if presented == Some(found.id) && covers(&found, gates) => {
                    Evidence::Found(Approved { approval: found, answer })
                }
                ApprovalState::Denied(answer) => Evidence::Missing(refused_by(&answer), Some(found)),
                ApprovalState::Pending => Evidence::Missing(waiting(&found, request.now), Some(found)),
                ApprovalState::Approved(_) if covers(&found, gates) => {
                    Evidence::Missing(requestable(gates), Some(found))
                }
                ApprovalState::Approved(_) | ApprovalState::Consumed(_) => {
                    Evidence::Missing(requestable(gates), None)
                }
            },
            Ok(_) => Evidence::Missing(requestable(gates), None),
            Err(error) => Evidence::Missing(Refusal::new(Code::StoreUnavailable, error.to_string()), None),
        }
    }

    async fn ask(
        &self,
        request: &AccessRequest,
        decision: &Decision,
        gates: &[Gate],
        digest: CallDigest,
    ) -> Evidence {
        let question = self.question(request, decision, gates, digest);
        match self.ports.approvals.ask(question, request.now, limits::APPROVALS_PENDING).await {
            Ok(Asked::Open(approval)) => {
                self.ports.notifier.asked(&approval);
                Evidence::Missing(waiting(&approval, request.now), Some(approval))
            }
            Ok(Asked::TooMany) => {
                let why =
                    format!("`{}` has {} questions open", request.agent.name, limits::APPROVALS_PENDING);
                Evidence::Missing(Refusal::new(Code::TooManyPending, why), None)
            }
            Err(error) => Evidence::Missing(Refusal::new(Code::StoreUnavailable, error.to_string()), None),
        }
    }

    fn question(
        &self,
        request: &AccessRequest,
        decision: &Decision,
        gates: &[Gate],
        digest: CallDigest,
    ) -> Approval {
        let mandate = &request.instance.mandate;
        let timeout = gates.iter().map(|gate| gate.timeout).min().unwrap_or(limits::APPROVAL_WAIT);
        Approval {
            id: ApprovalId::new(request.now, self.random()),
            digest,
            requester: Requester {
                agent: request.agent.name.clone(),
                instance: request.instance.id,
                owner: request.agent.owner.clone(),
                on_behalf_of: mandate.on_behalf_of.clone(),
                ticket: mandate.ticket.clone(),
            },
            connector: request.call.connector().clone(),
            operation: request.call.operation().name().to_owned(),
            arguments: request.call.arguments(),
            gates: gates.to_vec(),
            policy: decision.revision,
            asked: request.now,
            expires: request.now.after(timeout),
            state: ApprovalState::Pending,
        }
    }

    /// Ends judging without an approval.
    pub(crate) fn conclude(
        &self,
        request: AccessRequest,
        decision: Decision,
        charged: Charged,
    ) -> Result<Judged, Stopped> {
        match refusal(&request, &decision) {
            None => Ok(allowed(request, decision, None, charged)),
            Some(refusal) => Err(Stopped::judged(request, decision, None, refusal)),
        }
    }

    /// Ends judging with an approval: it must still be enough, and this call must be the one that uses it.
    pub(crate) async fn redeem(&self, metered: Metered, approved: Approved) -> Result<Judged, Stopped> {
        let Metered { request, decision, charged } = metered;
        if let Some(refusal) = refusal(&request, &decision) {
            return Err(Stopped::judged(request, decision, Some(approved.approval), refusal));
        }
        // INVARIANT: the claim is durable before the call is recorded; a crash in between burns the approval.
        match self.ports.approvals.claim(approved.approval.id, request.now).await {
            Ok(true) => Ok(allowed(request, decision, Some(approved.consumed()), charged)),
            Ok(false) => {
                let why =
                    format!("approval `{}` was used by another call or has expired", approved.approval.id);
                let refusal = Refusal::new(Code::ApprovalUsed, why);
                Err(Stopped::judged(request, decision, Some(approved.approval), refusal))
            }
            Err(error) => {
                let refusal = Refusal::new(Code::StoreUnavailable, error.to_string());
                Err(Stopped::judged(request, decision, Some(approved.approval), refusal))
            }
        }
    }

    /// Takes a person's answer to a question.
    ///
    /// # Errors
    /// See [`AnswerError`]; nothing is changed then.
    pub async fn answer(&self, request: AnswerRequest) -> Result<Approval, AnswerError> {
        let now = self.ports.clock.now();
        let id = request.id;
        let approval = self.ports.approvals.approval(id).await?.ok_or(AnswerError::Unknown(id))?;
        if approval.state != ApprovalState::Pending || now >= approval.expires {
            return Err(AnswerError::Closed(id));
        }
        self.may_answer(&approval, &request.by, now)?;
        let answer = Answer { by: request.by, at: now, rationale: request.rationale };
        let state = match request.approve {
            true => ApprovalState::Approved(answer.clone()),
            false => ApprovalState::Denied(answer.clone()),
        };
        let expires = if request.approve { now.after(self.approval_use) } else { approval.expires };
        let answered = Approval { state, expires, ..approval };
        // The receipt comes first: no call can use an answer that is not on record. A racing answer may leave a
        // receipt and lose; the decision receipt of the call names the one that won.
        let receipt = ApprovalReceipt { id: self.receipt_id(now), now, approval: &answered };
        self.ports.ledger.append(Json::Object(receipt.to_json()).canonical(), None).await?;
        match self.ports.approvals.answer(id, request.approve, answer, expires).await? {
            true => Ok(answered),
            false => Err(AnswerError::Closed(id)),
        }
    }

    fn may_answer(&self, approval: &Approval, by: &PersonName, now: Timestamp) -> Result<(), AnswerError> {
        let refused = |why: String| AnswerError::NotAllowed { by: by.clone(), why };
        if approval.requester.on_behalf_of.as_ref() == Some(by) {
            return Err(refused("the call is made on their own behalf".into()));
        }
        let person = self
            .ports
            .people
            .person(by)
            .ok_or_else(|| refused("they are not declared as a person".into()))?;
        let policies = self.rules_for(&approval.requester.agent);
        approval
            .gates
            .iter()
            .try_for_each(|gate| policies.may_approve(&person, approval, gate, now))
            .map_err(refused)
    }
}

fn digest(request: &AccessRequest, policies: &Snapshot) -> CallDigest {
    request.call.digest(&request.agent.name, &request.instance, request.pin, policies.revision())
}

fn covers(approval: &Approval, gates: &[Gate]) -> bool {
    gates.iter().all(|gate| approval.gates.iter().any(|shown| shown.policy == gate.policy))
}

fn allowed(
    request: AccessRequest,
    decision: Decision,
    approval: Option<Approval>,
    charged: Charged,
) -> Judged {
    Judged { named: None, request: Some(request), decision: Some(decision), approval, charged, refusal: None }
}

fn refused_by(answer: &Answer) -> Refusal {
    Refusal::new(Code::ApprovalDenied, format!("{}: {}", answer.by, answer.rationale))
        .with_who(answer.by.to_string())
}

/// Gates that people could lift and nobody has been asked about.
fn requestable(gates: &[Gate]) -> Refusal {
    let approvers: BTreeSet<&str> =
        gates.iter().flat_map(|gate| gate.approvers.iter().map(|group| group.as_str())).collect();
    let approvers: Vec<&str> = approvers.into_iter().collect();
    Refusal::new(Code::ApprovalRequired, format!("policy {} asks for a person", named(gates)))
        .with_next("ask for an approval of exactly this at the access request endpoint")
        .with_who(approvers.join(", "))
}

fn named(gates: &[Gate]) -> String {
    let gates: Vec<String> = gates
        .iter()
        .map(|gate| match &gate.reason {
            Some(reason) => format!("`{}` ({reason})", gate.policy),
            None => format!("`{}`", gate.policy),
        })
        .collect();
    gates.join(", ")
}

fn waiting(approval: &Approval, now: Timestamp) -> Refusal {
    let approvers: BTreeSet<&str> =
        approval.gates.iter().flat_map(|gate| gate.approvers.iter().map(|group| group.as_str())).collect();
    let approvers: Vec<&str> = approvers.into_iter().collect();
    let wait: Duration = approval.expires.since(now);
    let mut refusal = Refusal::new(
        Code::ApprovalRequired,
        format!("policy {} asks for a person", named(&approval.gates)),
    )
    .with_next(format!(
        "ticket {} is open until {}; when it is approved, send the identical call again once; changed \
                 arguments need a new approval",
        approval.id, approval.expires
    ))
    .with_who(approvers.join(", "));
    refusal.ticket = Some(approval.id);
    refusal.wait = Some(wait);
    refusal
}

/// What a decision means for the caller; `None` if the call may run.
fn refusal(request: &AccessRequest, decision: &Decision) -> Option<Refusal> {
    let owner = format!("{}, owner of `{}`", request.agent.owner, request.agent.name);
    match &decision.verdict {
        // An obligation that cannot be carried out denies.
        Verdict::Allow => duties::impossible(&request.call, decision),
        Verdict::RequireApproval(gates) => {
            let names: Vec<&str> = gates.iter().map(|gate| gate.policy.as_str()).collect();
            let why = format!("the approval does not cover {}, which stand now", names.join(", "));
            Some(Refusal::new(Code::ApprovalUsed, why).with_next("send the call again to ask anew"))
        }
        Verdict::Deny(DenyCause::Arguments(why)) => Some(Refusal::new(Code::OutsideSchema, why.clone())),
        Verdict::Deny(DenyCause::Fields(why)) => {
            let refusal = Refusal::new(Code::FieldsRequired, why.clone()).with_who(owner);
            let remedy = decision.reasons.iter().find_map(|gate| gate.remedy.clone());
            Some(match remedy {
                Some(remedy) => refusal.with_next(remedy),
                None => refusal,
            })
        }
        Verdict::Deny(DenyCause::Error(why)) => {
            Some(Refusal::new(Code::NotJudged, why.clone()).with_who("the operator"))
        }
        Verdict::Deny(DenyCause::Limit(exceeded)) => {
            let mut refusal = Refusal::new(Code::LimitReached, exceeded.to_string()).with_who(owner);
            refusal.wait = exceeded.room_at.map(|at| at.since(request.now));
            Some(match exceeded.room_at {
                Some(at) => refusal.with_next(format!("do not retry before {at}; there is room again then")),
                None => refusal.with_next("do not retry this call unchanged; ask for less at once"),
            })
        }
        Verdict::Deny(DenyCause::NoGrant) => {
            let why = format!(
                "no policy permits `{}` to use `{}.{}` with these arguments",
                request.agent.name,
                request.call.connector(),
                request.call.operation().name()
            );
            let refusal = Refusal::new(Code::NoGrant, why).with_who(owner);
            Some(match decision.requestable {
                true => refusal.with_next(grants::how_to_ask(&request.call)),
                false => refusal,
            })
        }
        Verdict::Deny(DenyCause::Veto) => {
            let why: Vec<String> = decision
                .reasons
                .iter()
                .map(|veto| match &veto.reason {
                    Some(reason) => format!("policy `{}` forbids it: {reason}", veto.policy),
                    None => format!("policy `{}` forbids it", veto.policy),
                })
                .collect();
            let refusal = Refusal::new(Code::Vetoed, why.join("; ")).with_who(owner);
            match decision.reasons.iter().find_map(|veto| veto.remedy.clone()) {
                Some(remedy) => Some(refusal.with_next(remedy)),
                None => Some(refusal),
            }
        }
    }
}
