//! Limits: a call that is allowed is charged to the counters it meets in one step, before anything is recorded or asked.
//! Nobody is asked about a call that has no room. The rules are `docs/policies/limits.md` and `docs/decisions/0015`.

mod charged;
mod counters;
mod cover;
mod list;

use std::collections::BTreeMap;

use placet_domain::{AccessRequest, Amount, Code, Decision, Refusal, UsageName};
use placet_policy::Snapshot;

use crate::{Engine, judged::Stopped};

pub(crate) use charged::Charged;
pub(crate) use counters::Counters;
pub(crate) use cover::Covered;
pub use list::Counter;

use counters::Taken;

/// Rounds in which others may move the counters between the look and the charge; from then on they stand still.
const FREE_ROUNDS: usize = 3;
/// Rounds at most: one more to see the counters that stand still, one to see a full one, one to refuse.
const ROUNDS: usize = FREE_ROUNDS + 3;

/// A decision that has been charged: what it allows has room.
#[derive(Debug)]
pub(crate) struct Metered {
    /// The request with what its counters showed, so that the decision replays.
    pub(crate) request: AccessRequest,
    pub(crate) decision: Decision,
    /// What was charged; nothing unless the decision allows. Given back if it is dropped.
    pub(crate) charged: Charged,
}

impl Engine {
    /// Decides, and charges what is allowed. A call that no limit and no usage names takes no lock.
    pub(crate) fn decide(&self, policies: &Snapshot, mut request: AccessRequest) -> Result<Metered, Stopped> {
        let reads = policies.usages(&request);
        let mut held = None;
        for round in 0..ROUNDS {
            if round == FREE_ROUNDS {
                // Others move the counters faster than this call is judged: now they wait.
                let board = self.counters.lock();
                request.usage.values = board.values(&reads, request.now);
                held = Some(board);
            }
            let decision = policies.decide(&request);
            if decision.charges.is_empty() && reads.is_empty() {
                return Ok(Metered { request, decision, charged: Charged::default() });
            }
            let taken = match &mut held {
                Some(board) => board.take(&request, &decision, &reads),
                None => self.counters.lock().take(&request, &decision, &reads),
            };
            match taken {
                Taken::Charged(charges) => {
                    let charged = Charged::new(self.counters.clone(), charges);
                    return Ok(Metered { request, decision, charged });
                }
                // Decided again, on what the counters showed: the refusal is the policies', and replays.
                Taken::Changed { values, full } => {
                    request.usage.values = values;
                    request.usage.full = full;
                }
                Taken::Not(why) => {
                    let refusal = Refusal::new(Code::NotJudged, why).with_next("send the call again later");
                    return Err(Stopped::judged(request, decision, None, refusal));
                }
            }
        }
        let refusal = Refusal::new(Code::NotJudged, "the counters of its limits did not stand still")
            .with_next("send the call again");
        Err(Stopped::unresolved(request, refusal))
    }

    /// What the policies in force read of the counters of a request.
    pub(crate) fn usage_values(
        &self,
        policies: &Snapshot,
        request: &AccessRequest,
    ) -> BTreeMap<UsageName, Amount> {
        let reads = policies.usages(request);
        match reads.is_empty() {
            true => BTreeMap::new(),
            false => self.counters.lock().values(&reads, request.now),
        }
    }
}
