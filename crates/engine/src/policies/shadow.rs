//! Sets on trial: what they would have said to a call, where that differs. A trial has no effect on the call: its decision is
//! made already, and a fault of the trial is counted and forgotten.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use placet_domain::{AccessRequest, Decision, Json, PolicyId, Verdict};
use placet_policy::Snapshot;

use crate::{
    Engine,
    ports::{Ledger, LedgerUnavailable},
};

/// How trials went since the start of the program.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    same: AtomicU64,
    differing: AtomicU64,
    failed: AtomicU64,
}

/// How often a set on trial agreed, differed or failed, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriedCounts {
    /// The set on trial decided the same.
    pub same: u64,
    /// It decided otherwise.
    pub differing: u64,
    /// It broke off.
    pub failed: u64,
}

/// A difference, as often as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// The set on trial; the one in force for a policy with `@mode("shadow")`.
    pub policy: String,
    /// Whose calls.
    pub agent: String,
    /// Of which tool or method, `connector.operation`.
    pub operation: String,
    /// What was decided.
    pub verdict: String,
    /// What would have been.
    pub shadow: String,
    /// By which policies, the first time.
    pub reasons: Vec<String>,
    /// How often.
    pub count: u64,
    /// The newest such call.
    pub call: String,
}

impl Engine {
    /// What the sets on trial say otherwise about a decided call. Costs nothing if there are none.
    pub(crate) fn rehearse(&self, request: &AccessRequest, decision: &Decision) -> Vec<Decision> {
        let rules = self.rules_for(&request.agent.name);
        let own = rules.rehearsal().filter(|_| rules.revision() == decision.revision);
        let trials = self.trials.load();
        let other = trials.shadow.as_deref().filter(|shadow| shadow.revision() != decision.revision);
        own.into_iter().chain(other).filter_map(|set| self.try_on(set, request, decision)).collect()
    }

    fn try_on(&self, set: &Snapshot, request: &AccessRequest, decision: &Decision) -> Option<Decision> {
        match catch_unwind(AssertUnwindSafe(|| set.decide(request))) {
            Ok(tried) if differs(decision, &tried) => {
                self.tried.differing.fetch_add(1, Ordering::Relaxed);
                Some(tried)
            }
            Ok(_) => {
                self.tried.same.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(_) => {
                self.tried.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(policy = %set.revision(), "a policy set on trial broke off; the call goes on");
                None
            }
        }
    }

    /// How trials went since the start.
    #[must_use]
    pub fn tried(&self) -> TriedCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Tried { same, differing, failed } = &self.tried;
        TriedCounts { same: read(same), differing: read(differing), failed: read(failed) }
    }

    /// Every difference that receipts tell of, the most frequent first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn differing(&self) -> Result<Vec<Differing>, LedgerUnavailable> {
        let (index, ledger) = (self.differences.clone(), self.ports.ledger.clone());
        // Reading a long log takes seconds: calls must not wait for it.
        let reading = tokio::task::spawn_blocking(move || index.read(&*ledger));
        reading.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))
    }
}

/// Whether two decisions mean something else to the caller.
fn differs(one: &Decision, other: &Decision) -> bool {
    one.verdict.as_str() != other.verdict.as_str()
        || gates(one) != gates(other)
        || duties(one) != duties(other)
}

fn gates(decision: &Decision) -> Vec<&PolicyId> {
    match &decision.verdict {
        Verdict::RequireApproval(gates) => sorted(gates.iter().map(|gate| &gate.policy)),
        Verdict::Allow | Verdict::Deny(_) => Vec::new(),
    }
}

fn duties(decision: &Decision) -> Vec<&PolicyId> {
    sorted(decision.obligations.iter().map(|duty| &duty.policy))
}

fn sorted<'a>(ids: impl Iterator<Item = &'a PolicyId>) -> Vec<&'a PolicyId> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort();
    ids
}

/// The differences in the log, read as it grows.
#[derive(Debug, Default)]
pub(crate) struct DifferenceIndex(Mutex<Indexed>);

#[derive(Debug, Default)]
struct Indexed {
    next: u64,
    /// By set, agent, operation and both verdicts.
    found: BTreeMap<[String; 5], Differing>,
}

impl DifferenceIndex {
    fn read(&self, ledger: &dyn Ledger) -> Result<Vec<Differing>, LedgerUnavailable> {
        // A scan that panicked left whole leaves: `next` is moved last.
        let mut indexed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = indexed.next;
        ledger.scan(from, &mut |index, leaf| {
            indexed.take(leaf);
            indexed.next = index + 1;
            true
        })?;
        let mut all: Vec<_> = indexed.found.values().cloned().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.count));
        Ok(all)
    }
}

impl Indexed {
    fn take(&mut self, leaf: &[u8]) {
        // Most leaves tell of none: they are not worth a parse.
        if !leaf.windows(SHADOW.len()).any(|window| window == SHADOW) {
            return;
        }
        let Ok(receipt) = Json::parse(leaf) else { return };
        if text(&receipt, "kind") != "decision" {
            return;
        }
        for tried in receipt.member("shadow").and_then(Json::as_array).unwrap_or_default() {
            let operation = format!("{}.{}", text(&receipt, "connector"), text(&receipt, "operation"));
            let reasons = tried.member("reasons").and_then(Json::as_array).unwrap_or_default();
            let new = Differing {
                policy: text(tried, "policy"),
                agent: text(&receipt, "agent"),
                operation,
                verdict: text(&receipt, "verdict"),
                shadow: text(tried, "verdict"),
                reasons: reasons.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
                count: 0,
                call: String::new(),
            };
            let key = [&new.policy, &new.agent, &new.operation, &new.verdict, &new.shadow].map(String::clone);
            if self.found.len() >= MOST && !self.found.contains_key(&key) {
                continue;
            }
            let found = self.found.entry(key).or_insert(new);
            found.count += 1;
            found.call = text(&receipt, "call");
        }
    }
}

fn text(json: &Json, key: &str) -> String {
    json.member(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// As RFC 8785 writes it.
const SHADOW: &[u8] = br#""shadow":["#;
/// Kinds of differences that are told apart.
const MOST: usize = 10_000;
