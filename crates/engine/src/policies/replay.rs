//! Past calls judged anew: by another set of policies, to see what it would change; or each by the revision that its receipt
//! names, to see that the log tells the truth. What was judged comes from the extracts beside the log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use placet_domain::{
    AgentName, CallId, Decision, DenyCause, Json, Object, PersonName, PolicyRevision, RegistryChange,
    RegistryReceipt, Timestamp, Verdict,
};
use placet_policy::{Extract, PolicySource, Snapshot};

use crate::{
    Engine,
    external::{ExternalPoint, weigh},
    ports::{Extracts, Ledger, LedgerUnavailable, StoreError},
};

use super::{KeptError, ReloadError};

/// Kinds of flips that are told apart; more are only counted.
const FLIPS: usize = 10_000;
/// Faults that are told apart.
const FAULTS: usize = 100;

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Decisions in the time, as the log tells.
    pub decisions: u64,
    /// Those that were judged anew.
    pub judged: u64,
    /// Those whose extract is not there: erased, lost, or from before it was kept.
    pub not_kept: u64,
    /// Those about which nothing can be said, by why.
    pub unknown: BTreeMap<String, u64>,
    /// What comes out otherwise, the most frequent first.
    pub flips: Vec<Flip>,
    /// Decisions that ask for a person, by day since 1970-01-01: as it was, and as it would be.
    pub asking: BTreeMap<i64, (u64, u64)>,
}

/// Calls of a kind that come out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// Whose calls.
    pub agent: String,
    /// Who answers for the agent.
    pub owner: String,
    /// Of which tool or method, `connector.operation`.
    pub operation: String,
    /// What was decided.
    pub from: String,
    /// What would be.
    pub to: String,
    /// The policies that decide now, of the first such call.
    pub reasons: Vec<String>,
    /// How many calls.
    pub count: u64,
    /// The newest of them.
    pub call: String,
}

/// What a decision receipt says, as far as a replay needs it.
struct Recorded {
    call: String,
    at: Timestamp,
    policy: PolicyRevision,
    verdict: String,
    reasons: Vec<String>,
    agent: String,
    owner: String,
    operation: String,
}

impl Engine {
    /// Judges the calls since a moment by these policies.
    ///
    /// # Errors
    /// The policies do not load, or log or extracts cannot be read.
    pub async fn replay(
        &self,
        sources: Vec<PolicySource>,
        since: Timestamp,
    ) -> Result<Replayed, ReloadError> {
        let loaded = self.load_unsigned(Arc::new(sources)).await.map_err(ReloadError::Load)?;
        let set = loaded.snapshot;
        let rehearsal = set.rehearsal().is_some();
        self.judge_anew(since, false, move |_| {
            // With its shadow policies in force: that is what is asked about.
            match rehearsal {
                true => Some(Sets::Rehearsal(Arc::clone(&set))),
                false => Some(Sets::Whole(Arc::clone(&set))),
            }
        })
        .await
    }

    /// Judges the calls since a moment by the revisions that their receipts name. Every flip is a fault.
    ///
    /// # Errors
    /// Log, extracts or revisions cannot be read.
    pub async fn replay_as_recorded(&self, since: Timestamp) -> Result<Replayed, ReloadError> {
        let ledger = self.ports.ledger.clone();
        let named = blocking(move || {
            let mut named = BTreeSet::new();
            scan(&*ledger, since, &mut |recorded| {
                named.insert(recorded.policy.to_string());
            })?;
            Ok(named)
        })
        .await?;
        let mut sets: HashMap<PolicyRevision, Arc<Snapshot>> = HashMap::new();
        for revision in named.iter().filter_map(|revision| revision.parse().ok()) {
            match self.kept_revision(revision).await {
                Ok(set) => {
                    sets.insert(revision, Arc::new(set));
                }
                // From before revisions were kept.
                Err(KeptError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.judge_anew(since, true, move |revision| sets.get(&revision).cloned().map(Sets::Whole)).await
    }

    async fn judge_anew(
        &self,
        since: Timestamp,
        reasons_count: bool,
        set_of: impl Fn(PolicyRevision) -> Option<Sets> + Send + 'static,
    ) -> Result<Replayed, ReloadError> {
        let nothing = || ReloadError::Nothing("extract of decisions: `[replay] keep_days` is 0".to_owned());
        let extracts = self.ports.extracts.clone().ok_or_else(nothing)?;
        let (ledger, external) = (self.ports.ledger.clone(), self.external.clone());
        blocking(move || {
            let mut replay = Replay {
                extracts: &*extracts,
                day: None,
                set_of: &set_of,
                external: &external,
                reasons_count,
                found: Replayed::default(),
                flips: BTreeMap::new(),
                failed: None,
            };
            scan(&*ledger, since, &mut |recorded| replay.judge(recorded))?;
            match replay.failed.take() {
                Some(error) => Err(error.into()),
                None => Ok(replay.finish()),
            }
        })
        .await
    }
}

/// A set, or the same as if its shadow policies counted.
enum Sets {
    Whole(Arc<Snapshot>),
    Rehearsal(Arc<Snapshot>),
}

impl Sets {
    fn set(&self) -> &Snapshot {
        match self {
            Self::Whole(set) => set,
            Self::Rehearsal(set) => set.rehearsal().unwrap_or(set),
        }
    }
}

struct Replay<'a> {
    extracts: &'a dyn Extracts,
    /// The extracts of one day: decisions come in the order of time.
    day: Option<(i64, HashMap<String, Json>)>,
    set_of: &'a dyn Fn(PolicyRevision) -> Option<Sets>,
    external: &'a [ExternalPoint],
    reasons_count: bool,
    found: Replayed,
    flips: BTreeMap<[String; 5], Flip>,
    failed: Option<StoreError>,
}

impl Replay<'_> {
    fn judge(&mut self, recorded: Recorded) {
        self.found.decisions += 1;
        let day = recorded.at.seconds().div_euclid(86_400);
        let Some(extract) = self.extract(day, &recorded.call) else {
            self.found.not_kept += 1;
            return;
        };
        let Some(set) = (self.set_of)(recorded.policy) else {
            return self.fault(format!("revision `{}` is not kept", recorded.policy));
        };
        let judged = Extract::read(&extract).and_then(|extract| {
            let decision = set.set().replay(&extract)?;
            // Nobody is asked again: what decision points of others said then still counts.
            Ok(weigh(self.external, &extract.request, decision))
        });
        match judged {
            Ok(decision) => match (&decision.verdict, self.reasons_count) {
                // A tool that is gone, a fact that was not looked up then: nothing that the candidate says.
                (Verdict::Deny(DenyCause::Error(why)), false) => self.fault(why.clone()),
                _ => self.compare(day, recorded, &decision),
            },
            Err(error) => self.fault(error.to_string()),
        }
    }

    fn compare(&mut self, day: i64, recorded: Recorded, decision: &Decision) {
        self.found.judged += 1;
        let verdict = decision.verdict.as_str();
        let asks = |verdict: &str| u64::from(verdict == "require_approval");
        if asks(&recorded.verdict) + asks(verdict) > 0 {
            let asking = self.found.asking.entry(day).or_default();
            asking.0 += asks(&recorded.verdict);
            asking.1 += asks(verdict);
        }
        let reasons: Vec<String> =
            decision.reasons.iter().take(64).map(|reason| reason.policy.to_string()).collect();
        if verdict == recorded.verdict && (!self.reasons_count || reasons == recorded.reasons) {
            return;
        }
        let Recorded { call, agent, owner, operation, verdict: from, .. } = recorded;
        let flip = Flip {
            agent,
            owner,
            operation,
            from,
            to: verdict.to_owned(),
            reasons,
            count: 0,
            call: String::new(),
        };
        let key = [&flip.agent, &flip.owner, &flip.operation, &flip.from, &flip.to].map(String::clone);
        if self.flips.len() >= FLIPS && !self.flips.contains_key(&key) {
            return self.fault("there are more kinds of flips than are told apart".to_owned());
        }
        let flip = self.flips.entry(key).or_insert(flip);
        flip.count += 1;
        flip.call = call;
    }

    fn extract(&mut self, day: i64, call: &str) -> Option<Json> {
        if self.day.as_ref().is_none_or(|(read, _)| *read != day) {
            let mut found = HashMap::new();
            let read = self.extracts.day(day, &mut |call, extract| {
                found.insert(call.to_owned(), extract);
            });
            if let Err(error) = read {
                self.failed.get_or_insert(error);
            }
            self.day = Some((day, found));
        }
        self.day.as_mut()?.1.remove(call)
    }

    fn fault(&mut self, why: String) {
        let why = match self.found.unknown.len() >= FAULTS && !self.found.unknown.contains_key(&why) {
            true => "other faults".to_owned(),
            false => why,
        };
        *self.found.unknown.entry(why).or_default() += 1;
    }

    fn finish(mut self) -> Replayed {
        self.found.flips = self.flips.into_values().collect();
        self.found.flips.sort_by_key(|flip| std::cmp::Reverse(flip.count));
        self.found
    }
}

/// Visits the decisions since a moment that were judged by a revision.
fn scan(
    ledger: &dyn Ledger,
    since: Timestamp,
    visit: &mut dyn FnMut(Recorded),
) -> Result<(), LedgerUnavailable> {
    ledger.scan(0, &mut |_, leaf| {
        // Most leaves are other receipts: they are not worth a parse.
        if leaf.windows(DECISION.len()).any(|window| window == DECISION)
            && let Ok(receipt) = Json::parse(leaf)
            && let Some(recorded) = Recorded::of(&receipt).filter(|recorded| recorded.at >= since)
        {
            visit(recorded);
        }
        true
    })
}

impl Recorded {
    fn of(receipt: &Json) -> Option<Self> {
        let text = |key: &str| receipt.member(key).and_then(Json::as_str);
        let owned = |key: &str| text(key).unwrap_or_default().to_owned();
        if text("kind") != Some("decision") {
            return None;
        }
        let reasons = receipt.member("reasons").and_then(Json::as_array).unwrap_or_default();
        Some(Self {
            call: owned("call"),
            at: Timestamp::from_micros(receipt.member("time_us")?.as_integer()?),
            policy: text("policy")?.parse().ok()?,
            verdict: owned("verdict"),
            reasons: reasons.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
            agent: owned("agent"),
            owner: owned("owner"),
            operation: format!("{}.{}", owned("connector"), owned("operation")),
        })
    }
}

/// As RFC 8785 writes it.
const DECISION: &[u8] = br#""kind":"decision""#;

/// Reading a long log takes seconds: calls must not wait for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReloadError> + Send + 'static,
) -> Result<T, ReloadError> {
    let working = tokio::task::spawn_blocking(work);
    working.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }.into()))
}

/// What becomes of rules that nothing has met: in [`Engine::unused_policies`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Policies in force that have decided nothing since.
    pub policies: Vec<String>,
    /// Decisions in that time.
    pub decisions: u64,
}

impl Engine {
    /// The policies in force that no receipt since a moment names.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn unused_policies(&self, since: Timestamp) -> Result<Unused, ReloadError> {
        let (ledger, set) = (self.ports.ledger.clone(), self.policies());
        blocking(move || {
            let (mut named, mut decisions) = (BTreeSet::new(), 0);
            scan(&*ledger, since, &mut |recorded| {
                decisions += 1;
                named.extend(recorded.reasons);
            })?;
            let policies = set.deciding().map(|id| id.to_string()).filter(|id| !named.contains(id)).collect();
            Ok(Unused { policies, decisions })
        })
        .await
    }
}

/// Whose extracts are to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgotten {
    /// Of an agent's calls.
    Agent(AgentName),
    /// Of everything.
    All,
    /// Of one call.
    Call(CallId),
}

impl Engine {
    /// Erases extracts before their time; how many they were. Receipts and decisions stay what they are.
    ///
    /// # Errors
    /// They could not all be erased, or it could not be recorded.
    pub async fn forget_extracts(&self, whose: Forgotten, by: &PersonName) -> Result<u64, ReloadError> {
        let nothing = || ReloadError::Nothing("extract of decisions: `[replay] keep_days` is 0".to_owned());
        let extracts = self.ports.extracts.clone().ok_or_else(nothing)?;
        let (what, name) = match &whose {
            Forgotten::Agent(agent) => ("agent", Some(agent.to_string())),
            Forgotten::All => ("all", None),
            Forgotten::Call(call) => ("call", Some(call.to_string())),
        };
        let mut wanted = move |call: &str, extract: &Json| match &whose {
            Forgotten::Agent(agent) => {
                let name = extract.member("agent").and_then(|agent| agent.member("name"));
                name.and_then(Json::as_str) == Some(agent.as_str())
            }
            Forgotten::All => true,
            Forgotten::Call(wanted) => call == wanted.to_string(),
        };
        let erased = blocking(move || Ok(extracts.erase(&mut wanted)?)).await?;
        let now = self.ports.clock.now();
        let count = i64::try_from(erased).unwrap_or(i64::MAX);
        let about = Object::new().with("erased", count).with("of", what).with_some("name", name);
        let change = RegistryChange::ExtractsErased;
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by: Some(by), about })
            .await?;
        Ok(erased)
    }
}
