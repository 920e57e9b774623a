//! The outcome receipt: what became of a call, durable before the caller hears of it.

use std::time::Duration;

use placet_domain::{Code, Commitment, Json, Opening, Outcome, OutcomeReceipt, Refund, Refusal};

use crate::{
    Engine, Reply,
    attempt::Receipts,
    duties::Carried,
    ports::{Answered, Performed},
    record::{Open, receipt_ref},
};

impl Engine {
    /// Records what became of a performed call and makes the reply.
    #[tracing::instrument(level = "debug", skip_all, fields(outcome = performed.outcome.as_str()))]
    pub(crate) async fn settle(&self, open: Open, performed: Performed) -> Reply {
        let Open { mut receipts, charges, charged, duties, awaited, leaning } = open;
        // The call has ended: nothing of it leans on a grant any more.
        drop(leaning);
        // A call that certainly did not leave counts on no limit.
        let refund =
            (!performed.sent && !charges.is_empty()).then_some(Refund { charged, charges: &charges });
        let now = self.ports.clock.now();
        self.note_answer(awaited.as_ref(), &performed, now);
        let id = self.receipt_id(now);
        let mut seed = [0; 32];
        self.ports.entropy.fill(&mut seed);
        let opening = Opening::from_bytes(seed);
        let carried = performed.answer.as_ref().and_then(|answer| duties.carry_out(answer));
        let receipt = OutcomeReceipt {
            id,
            now,
            call: receipts.call,
            decision: Some(receipts.decision.leaf_hash),
            outcome: performed.outcome,
            response: performed.answer.as_ref().map(|answer| commit(&opening, answer)),
            edited: carried.as_ref().map(|carried| carried.told(&opening)),
            elapsed_us: i64::try_from(performed.elapsed.as_micros()).unwrap_or(i64::MAX),
            detail: carried.as_ref().and_then(Carried::why_not).or(performed.detail.as_deref()),
            refund,
        };
        let leaf = Json::Object(receipt.to_json()).canonical();
        match self.ports.ledger.append(leaf, Some(opening)).await {
            Ok(entry) => {
                // Room comes back after it is on record: a crash in between leaves less, never more.
                if refund.is_some() {
                    self.counters.give_back(&charges);
                }
                receipts.outcome = Some(receipt_ref(id, &entry));
            }
            Err(error) => {
                // The tool may have acted and we cannot prove what it said: the answer is withheld, the call stays
                // open in the ledger and is found at the next start.
                let refusal = Refusal::new(Code::OutcomeUnknown, error.to_string()).with_who("the operator");
                return Reply::Refused { refusal, receipts: Some(receipts) };
            }
        }
        reply(performed, carried, receipts)
    }
}

impl Engine {
    /// Records that an allowed call was not sent after all, because somebody stopped it in time.
    pub(crate) async fn withdraw(&self, refusal: Refusal, open: Open) -> Reply {
        let unsent = Performed {
            outcome: Outcome::Failed,
            answer: None,
            event_id: None,
            detail: Some(refusal.why.clone()),
            sent: false,
            elapsed: Duration::ZERO,
        };
        match self.settle(open, unsent).await {
            Reply::Refused { receipts, .. } => Reply::Refused { refusal, receipts },
            Reply::Answered { receipts, .. } => Reply::Refused { refusal, receipts: Some(receipts) },
        }
    }
}

fn reply(performed: Performed, carried: Option<Carried>, receipts: Receipts) -> Reply {
    let answer = match carried {
        None => performed.answer,
        Some(Carried { answer: Ok(answer), .. }) => Some(answer),
        Some(Carried { answer: Err(withheld), .. }) => {
            let refusal = Refusal::new(Code::ResultWithheld, withheld.to_string()).with_who("the operator");
            return Reply::Refused { refusal, receipts: Some(receipts) };
        }
    };
    match answer {
        Some(answer) => Reply::Answered { answer, event_id: performed.event_id, receipts },
        None => {
            let why = performed.detail.unwrap_or_else(|| "the tool did not answer".to_owned());
            let code = match (performed.outcome, performed.sent) {
                (Outcome::Unknown, _) | (Outcome::Succeeded, _) => Code::OutcomeUnknown,
                (Outcome::Failed, true | false) => Code::ToolUnreachable,
            };
            Reply::Refused { refusal: Refusal::new(code, why), receipts: Some(receipts) }
        }
    }
}

fn commit(opening: &Opening, answer: &Answered) -> Commitment {
    match answer {
        Answered::Error(bytes) | Answered::Result(bytes) => opening.commit("response", bytes),
    }
}
