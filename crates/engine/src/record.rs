//! The decision receipt, and the only way to a [`Placet`] for a call: through the ledger.

use placet_domain::{
    CallId, Charge, ClientFacts, Code, Commitment, ConnectorName, DecisionReceipt, Digest, EvaluationNote,
    Json, Opening, ReceiptId, ReceiptRef, Refusal, Timestamp, ToolCall,
};

use placet_policy::{Extract, Snapshot};

use crate::{
    Attempt, Engine, Placet,
    attempt::Receipts,
    duties::Duties,
    flow::Awaited,
    grants::Leaning,
    judged::Judged,
    ports::{LedgerEntry, LedgerUnavailable, PendingExtract},
};

/// Proof that an allowing decision is durable. Private field: made here and nowhere else.
#[derive(Debug)]
pub(crate) struct DurableAllow(());

/// What follows from a recorded decision.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// The call may run.
    Go(Placet<ToolCall>, Open),
    /// It may not.
    Stop(Refusal, Option<Receipts>),
    /// It was stopped while its decision was being written: on record as allowed, and nothing has left.
    Withdrawn(Refusal, Open),
}

/// A call whose decision is recorded and whose outcome is not yet.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) receipts: Receipts,
    /// What the call has put on counters, and when.
    pub(crate) charges: Vec<Charge>,
    pub(crate) charged: Timestamp,
    /// What is still to be done with the result.
    pub(crate) duties: Duties,
    /// The run, which will have read the answer.
    pub(crate) awaited: Option<Awaited>,
    /// The grant for a time by which the call runs.
    pub(crate) leaning: Option<Leaning>,
}

impl Engine {
    /// Makes the decision durable.
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) async fn record(&self, attempt: &Attempt, mut judged: Judged, now: Timestamp) -> Recorded {
        let Some((call, opening)) = self.name_call(&judged, now) else {
            // Nobody we know tried. It is counted and logged, but strangers do not write to the ledger.
            return Recorded::Stop(
                judged.refusal.unwrap_or_else(|| Refusal::new(Code::NoCredential, "nobody was identified")),
                None,
            );
        };
        // What may run is charged from here on, whatever the log says of the append; anything else is given back.
        let charges = keep_charges(&mut judged);
        let (connector, client) = (&attempt.connector, attempt.client());
        let (leaf, id) = self.decision_leaf(connector, &client, &judged, &charges, call, &opening, None, now);
        match self.ports.ledger.append(leaf, Some(opening)).await {
            Ok(entry) => {
                self.keep_extract(&judged, call, now);
                let decision = receipt_ref(id, &entry);
                let receipts = Receipts { call, decision, outcome: None };
                let may_go = judged.refusal.is_none();
                let awaited = self.note_on_run(&judged);
                let leaning = match (&judged.request, &judged.decision) {
                    (Some(request), Some(decision)) if may_go => self.lean(request, decision),
                    _ => None,
                };
                let duties = Duties::default();
                let open = Open { receipts, charges, charged: now, duties, awaited, leaning };
                match (self.unless_revoked(judged), may_go) {
                    (Judged { refusal: Some(refusal), .. }, true) => Recorded::Withdrawn(refusal, open),
                    (judged, _) => release(judged, open),
                }
            }
            Err(LedgerUnavailable { reason }) => {
                Recorded::Stop(Refusal::new(Code::LedgerUnavailable, reason).with_who("the operator"), None)
            }
        }
    }

    fn name_call(&self, judged: &Judged, now: Timestamp) -> Option<(CallId, Opening)> {
        if judged.request.is_none() && judged.named.is_none() {
            return None;
        }
        let mut seed = [0; 32];
        self.ports.entropy.fill(&mut seed);
        Some((CallId::new(now, self.random()), Opening::from_bytes(seed)))
    }

    /// Makes the decision about a question durable. What comes of it is an answer and never a [`Placet`].
    pub(crate) async fn record_evaluation(
        &self,
        connector: &ConnectorName,
        judged: &mut Judged,
        note: &EvaluationNote,
        now: Timestamp,
    ) -> Result<Receipts, Refusal> {
        let unnamed = || Refusal::new(Code::NoCredential, "nobody was identified");
        let (call, opening) = self.name_call(judged, now).ok_or_else(unnamed)?;
        let client = ClientFacts::default();
        // Whoever is told yes acts: a yes counts like a call, and nothing tells us that it did not come to it.
        let charges = keep_charges(judged);
        let (leaf, id) =
            self.decision_leaf(connector, &client, judged, &charges, call, &opening, Some(note), now);
        match self.ports.ledger.append(leaf, Some(opening)).await {
            Ok(entry) => {
                // Whoever asked acts by themselves now: the run has read what nobody here will see.
                if let Some(awaited) = self.note_on_run(judged) {
                    self.note_unseen(&awaited);
                }
                self.keep_extract(judged, call, now);
                Ok(Receipts { call, decision: receipt_ref(id, &entry), outcome: None })
            }
            Err(LedgerUnavailable { reason }) => {
                Err(Refusal::new(Code::LedgerUnavailable, reason).with_who("the operator"))
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a receipt is made of, named once")]
    fn decision_leaf(
        &self,
        connector: &ConnectorName,
        client: &ClientFacts,
        judged: &Judged,
        charges: &[Charge],
        call: CallId,
        opening: &Opening,
        evaluation: Option<&EvaluationNote>,
        now: Timestamp,
    ) -> (String, ReceiptId) {
        let id = self.receipt_id(now);
        let why = judged.refusal.as_ref().map_or(String::new(), ToString::to_string);
        let shadow = match (&judged.request, &judged.decision) {
            (Some(request), Some(decision)) => self.rehearse(request, decision),
            _ => Vec::new(),
        };
        let receipt = DecisionReceipt {
            id,
            now,
            call,
            request: judged.request.as_ref(),
            agent: judged.named.as_ref().map(|(agent, _)| agent),
            instance: judged.named.as_ref().map(|(_, instance)| *instance),
            connector,
            decision: judged.decision.as_ref().ok_or(why.as_str()),
            code: judged.refusal.as_ref().map(|refusal| refusal.code),
            client,
            payload: judged.request.as_ref().map(|request| commit(opening, &request.call)),
            digest: judged.approval.as_ref().map(|approval| approval.digest),
            approval: judged.approval.as_ref(),
            shadow: &shadow,
            evaluation,
            charges,
        };
        (Json::Object(receipt.to_json()).canonical(), id)
    }

    /// What a recorded decision means for its run.
    fn note_on_run(&self, judged: &Judged) -> Option<Awaited> {
        let request = judged.request.as_ref()?;
        let may_go = judged.refusal.is_none() && judged.decision.is_some();
        self.note_habits(request, may_go);
        self.note_decision(request, may_go)
    }

    /// Hands over what was judged, for replays. Nothing waits for it.
    fn keep_extract(&self, judged: &Judged, call: CallId, now: Timestamp) {
        let (Some(extracts), Some(request), Some(_)) =
            (&self.ports.extracts, &judged.request, &judged.decision)
        else {
            return;
        };
        let (request, sets) = (request.clone(), self.sets_that_read());
        let make = move || {
            let sets: Vec<&Snapshot> = sets.iter().map(AsRef::as_ref).collect();
            Extract::of(&request, &sets)
        };
        extracts.keep(PendingExtract { call, at: now, make: Box::new(make) });
    }

    pub(crate) fn receipt_id(&self, now: Timestamp) -> ReceiptId {
        ReceiptId::new(now, self.random())
    }

    pub(crate) fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.ports.entropy.fill(&mut bytes);
        bytes
    }
}

/// Lets the charges of what is allowed stand; of anything else they are given back.
fn keep_charges(judged: &mut Judged) -> Vec<Charge> {
    let charged = std::mem::take(&mut judged.charged);
    if judged.refusal.is_none() { charged.keep() } else { Vec::new() }
}

/// Lets an allowed call go, now that its decision is durable.
fn release(judged: Judged, open: Open) -> Recorded {
    match judged {
        Judged { refusal: Some(refusal), .. } => Recorded::Stop(refusal, Some(open.receipts)),
        Judged { request: Some(request), decision: Some(decision), refusal: None, .. } => {
            // INVARIANT: the only place that makes a `DurableAllow`; the append above has been acknowledged.
            let placet = Placet::call(request.call, DurableAllow(()));
            Recorded::Go(placet, Open { duties: Duties::of(decision), ..open })
        }
        Judged { refusal: None, .. } => {
            Recorded::Stop(Refusal::new(Code::NotJudged, "the call was not judged"), Some(open.receipts))
        }
    }
}

fn commit(opening: &Opening, call: &ToolCall) -> Commitment {
    let mut params = String::with_capacity(256);
    call.params().write_canonical(&mut params);
    opening.commit("request", params.as_bytes())
}

pub(crate) fn receipt_ref(id: ReceiptId, entry: &LedgerEntry) -> ReceiptRef {
    ReceiptRef {
        id,
        index: entry.index,
        leaf_hash: Digest::from_bytes(entry.leaf_hash),
        checkpoint: entry.checkpoint.clone(),
    }
}
