//! The answer to a question of an enforcement point: the pipeline's steps without `perform`. It judges with the same
//! rules, leaves the same receipt, and never makes a [`crate::Placet`]: what is done with the answer is the asker's act.

use std::sync::Arc;

use placet_domain::{
    AccessRequest, ApprovalId, Code, ConnectorName, EvaluationNote, Gate, Instance, InstanceId, Mandate,
    Obligation, PersonName, Refusal, ResourceFacts, Timestamp, ToolCall, Verdict,
};
use placet_identity::EventPrincipal;
use placet_policy::Snapshot;

use crate::{
    Asked, Caller, Engine, Inquiry,
    approvals::Evidence,
    attempt::Receipts,
    coaz::Message,
    duties::unedited,
    inquiry::Addressed,
    judged::{Judged, Stopped},
    limits::Metered,
};

/// The answer to a question.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// When it was judged.
    pub at: Timestamp,
    /// Why not; `None` if the subject may.
    pub refusal: Option<Refusal>,
    /// The gates that people could lift, if that is all that stands in the way.
    pub gates: Vec<Gate>,
    /// What whoever enforces the answer carries out before anything passes; only for one that has said it does.
    pub obligations: Vec<Obligation>,
    /// The approval that was used, or is asked for.
    pub approval: Option<ApprovalId>,
    /// The decision receipt; absent for a question about nothing that is known here.
    pub receipts: Option<Receipts>,
}

impl Evaluation {
    /// Whether the subject may.
    #[must_use]
    pub fn allows(&self) -> bool {
        self.refusal.is_none()
    }

    /// Nothing was judged.
    fn unasked(at: Timestamp) -> Self {
        let (gates, obligations) = (Vec::new(), Vec::new());
        Self { at, refusal: None, gates, obligations, approval: None, receipts: None }
    }
}

/// What is done where only people can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// They are asked, and the identical question finds their answer.
    People,
    /// Nobody is asked; an approval counts if the asker presents it.
    Nobody(Option<ApprovalId>),
    /// They are asked, and what they answer is used by asking again.
    Petition,
}

/// A question, whom it is about, and how it came.
struct Question<'a> {
    asker: &'a Caller,
    subject: &'a Asked,
    addressed: Addressed,
    asking: Asking,
    protocol: &'static str,
    /// Whether the answer may oblige.
    edits: bool,
}

impl Engine {
    /// Answers a question. `protocol` is the word receipts use for the interface it came by.
    pub async fn evaluate(
        &self,
        asker: &Caller,
        inquiry: &Inquiry,
        asking: Asking,
        protocol: &'static str,
    ) -> Evaluation {
        // Time is read once: the same moment is judged, recorded and replayed.
        let now = self.ports.clock.now();
        // Which action of which connector is it about?
        let addressed = match self.message(asker, inquiry) {
            None => self.address(asker, inquiry),
            Some(Ok(Message::Call(call))) => Ok(Addressed { call, facts: None }),
            Some(Ok(Message::Traffic(connector))) => {
                let passes = self
                    .subject_of(asker, &connector, &inquiry.subject, now)
                    .and_then(|subject| self.stands(subject.instance().id, &connector, None));
                return Evaluation { refusal: passes.err(), ..Evaluation::unasked(now) };
            }
            Some(Err(refusal)) => Err(refusal),
        };
        match addressed {
            Ok(addressed) => {
                let subject = &inquiry.subject;
                let edits = self.edits(asker, addressed.call.connector(), inquiry);
                self.reply_to(Question { asker, subject, addressed, asking, protocol, edits }, now).await
            }
            Err(refusal) => Evaluation { refusal: Some(refusal), ..Evaluation::unasked(now) },
        }
    }

    /// Answers whether a run may make a call that somebody else would carry out.
    pub async fn evaluate_call(
        &self,
        asker: &Caller,
        call: ToolCall,
        asking: Asking,
        protocol: &'static str,
    ) -> Evaluation {
        let now = self.ports.clock.now();
        let id = asker.instance().id.to_string();
        let subject = &Asked { kind: "instance".to_owned(), id, ..Asked::default() };
        let addressed = Addressed { call, facts: None };
        self.reply_to(Question { asker, subject, addressed, asking, protocol, edits: false }, now).await
    }

    /// Whether an answer may leave obligations to the asker: it enforces here, and says that it carries them out.
    pub(crate) fn edits(&self, asker: &Caller, connector: &ConnectorName, inquiry: &Inquiry) -> bool {
        inquiry.edits && self.decisions.lets_ask(&asker.agent().name, connector)
    }

    async fn reply_to(&self, question: Question<'_>, now: Timestamp) -> Evaluation {
        let Question { asker, subject, protocol, .. } = question;
        let connector = question.addressed.call.connector().clone();

        // The pipeline's own steps.
        let judged = self.judge_question(question, now).await;
        // Judging takes time: whoever was revoked meanwhile neither asks nor acts.
        let judged = self.unless_revoked(judged.unwrap_or_else(Judged::stopped));
        let mut judged = self.unless_asker_ended(asker, judged, now);

        // No answer before the decision is on disk.
        let note = EvaluationNote {
            protocol,
            asker: asker.agent().name.clone(),
            instance: asker.instance().id,
            subject: format!("{}:{}", subject.kind, subject.id),
        };
        let recorded = self.record_evaluation(&connector, &mut judged, &note, now).await;
        evaluation(judged, recorded, now)
    }

    async fn judge_question(&self, question: Question<'_>, now: Timestamp) -> Result<Judged, Stopped> {
        let Question { asker, subject, addressed, asking, edits, .. } = question;
        let (policies, request) = self.request_of(asker, subject, addressed, now).await?;
        let request = self.ask_hooks(&policies, request).await;
        let metered = left_to(edits, self.decide(&policies, request)?)?;
        let Metered { request, decision, charged } = self.consult(metered).await;
        let evidence = match asking {
            Asking::People => self.evidence(&policies, &request, &decision).await,
            Asking::Nobody(presented) => self.known_evidence(&policies, &request, &decision, presented).await,
            Asking::Petition => match self.known_evidence(&policies, &request, &decision, None).await {
                Evidence::Missing(refusal, None) if refusal.code == Code::ApprovalRequired => {
                    self.evidence(&policies, &request, &decision).await
                }
                known => known,
            },
        };
        match evidence {
            Evidence::NotNeeded => self.conclude(request, decision, charged),
            Evidence::Found(approval) => {
                drop(charged);
                let request = AccessRequest { lifted: approval.lifts(), ..request };
                // Before the approval is used up.
                let metered = left_to(edits, self.weighed(self.decide(&policies, request)?))?;
                self.redeem(metered, approval).await
            }
            Evidence::Missing(refusal, asked) => Err(Stopped::judged(request, decision, asked, refusal)),
        }
    }

    /// The complete input of a decision about a question, and the rules that judge it.
    pub(crate) async fn request_of(
        &self,
        asker: &Caller,
        subject: &Asked,
        addressed: Addressed,
        now: Timestamp,
    ) -> Result<(Arc<Snapshot>, AccessRequest), Stopped> {
        let subject = self
            .subject_of(asker, addressed.call.connector(), subject, now)
            .map_err(|refusal| Stopped::unread(asker, refusal))?;
        // The rules that would judge a call of the same agent.
        let policies = self.rules_for(&subject.agent().name);
        let request = self.resolve(&policies, &subject, addressed.call, now).await?;
        let request = match addressed.facts {
            // An application's resources are its own: what it says of them counts.
            Some(attributes) => {
                AccessRequest { facts: Some(ResourceFacts { attributes, fetched: now }), ..request }
            }
            None => request,
        };
        Ok((policies, request))
    }

    /// Whom a question is about. Anybody may ask about themselves; about others only who enforces for the connector.
    fn subject_of(
        &self,
        asker: &Caller,
        connector: &ConnectorName,
        subject: &Asked,
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let (kind, id) = (subject.kind.as_str(), subject.id.as_str());
        let instance = id.parse::<InstanceId>().ok().filter(|_| matches!(kind, "identity" | "instance"));
        // A delegated token names the person as its subject, and the run that acts in `act` (AARP, "Delegation").
        let acting =
            subject.properties.member("act").and_then(|act| act.member("sub")?.as_str()?.parse().ok());
        let itself = match kind {
            "agent" | "identity" if id == asker.agent().name.as_str() => true,
            _ => instance == Some(asker.instance().id),
        };
        if itself {
            return Ok(asker.clone());
        }
        if !self.decisions.lets_ask(&asker.agent().name, connector) {
            let why = format!("`{}` enforces nothing for `{connector}`", asker.agent().name);
            return Err(Refusal::new(Code::NotEnforcer, why).with_who("the operator"));
        }
        if let Some(instance) = instance {
            return self.lives(instance, now);
        }
        let unknown = || Refusal::new(Code::UnknownSubject, format!("nobody here is {kind} {id:?}"));
        if let Some(acting) = acting {
            let run = self.lives(acting, now)?;
            let acts_for = run.instance().mandate.on_behalf_of.as_ref();
            let is_named =
                acts_for.is_some_and(|person| self.person_named(connector, id).as_ref() == Some(person));
            return if is_named { Ok(run) } else { Err(unknown()) };
        }
        match kind {
            "identity" | "user" => self
                .person_named(connector, id)
                .ok_or_else(unknown)
                .and_then(|person| asker.on_behalf_of(person)),
            _ => Err(unknown()),
        }
    }

    /// The person an id means: an account at the application's issuer, or without one a name or an address.
    fn person_named(&self, connector: &ConnectorName, id: &str) -> Option<PersonName> {
        let issuer = self.decisions.application(connector).and_then(|one| one.issuer.clone());
        let name = match issuer {
            Some(issuer) => {
                let subject = id.to_owned();
                self.ports.people.known_as(&EventPrincipal::IssuerSubject { issuer, subject })?
            }
            None => match id.parse::<PersonName>() {
                Ok(name) if self.ports.people.person(&name).is_some() => name,
                _ => self.ports.people.known_as(&EventPrincipal::Email(id.to_owned()))?,
            },
        };
        self.ports.people.person(&name).map(|person| person.name.clone())
    }

    fn unless_asker_ended(&self, asker: &Caller, judged: Judged, now: Timestamp) -> Judged {
        match self.lives(asker.instance().id, now) {
            Err(refusal) if judged.refusal.is_none() => Judged { refusal: Some(refusal), ..judged },
            _ => judged,
        }
    }
}

impl Caller {
    /// The same run asking for a person: the person's grants, vetoes and gates count as well.
    fn on_behalf_of(&self, person: PersonName) -> Result<Self, Refusal> {
        let run = self.instance();
        if let Some(other) = run.mandate.on_behalf_of.as_ref().filter(|other| **other != person) {
            let why = format!("`{}` acts for `{other}` and asks about `{person}`", run.id);
            return Err(Refusal::new(Code::NotEnforcer, why)
                .with_next("ask with a run that was started for nobody in particular"));
        }
        let mandate = Mandate { on_behalf_of: Some(person), ..run.mandate.clone() };
        Ok(self.with_instance(Arc::new(Instance { mandate, ..Instance::clone(run) })))
    }
}

/// A decision whose obligations the asker carries out, if it has any. Nobody is asked, nothing is charged and no approval
/// used for another one.
fn left_to(edits: bool, metered: Metered) -> Result<Metered, Stopped> {
    match unedited(&metered.decision).filter(|_| !edits) {
        None => Ok(metered),
        Some(refusal) => Err(Stopped::judged(metered.request, metered.decision, None, refusal)),
    }
}

fn evaluation(judged: Judged, recorded: Result<Receipts, Refusal>, at: Timestamp) -> Evaluation {
    let Judged { decision, approval, refusal, .. } = judged;
    let (refusal, receipts) = match recorded {
        Ok(receipts) => (refusal, Some(receipts)),
        Err(unrecorded) => (Some(unrecorded), None),
    };
    let (verdict, obligations) =
        decision.map_or((None, Vec::new()), |decision| (Some(decision.verdict), decision.obligations));
    let gates = match (verdict, &refusal) {
        (Some(Verdict::RequireApproval(gates)), Some(refusal)) if refusal.code == Code::ApprovalRequired => {
            gates
        }
        _ => Vec::new(),
    };
    let obligations = if refusal.is_none() { obligations } else { Vec::new() };
    Evaluation { at, refusal, gates, obligations, approval: approval.map(|approval| approval.id), receipts }
}
