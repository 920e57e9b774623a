//! Asking for grants, giving and taking them back. What is given is on record before it holds; what is taken back is gone
//! before it is on record.

use std::{sync::Arc, time::Duration};

use placet_domain::{
    AgentName, Answer, Giver, Grant, GrantId, GrantState, Object, PersonName, RegistryChange,
    RegistryReceipt, Timestamp, ToolName, limits,
};
use placet_policy::Grantor;

use super::GrantWish;
use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

/// Why a grant was not asked for, given or taken back.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// It would reach too far.
    #[error("{0}")]
    Ceiling(String),
    /// Already answered, or too late.
    #[error("grant `{0}` is not open any more: it was answered, or its time is over")]
    Closed(GrantId),
    /// It could not be written.
    #[error("the change is not on record")]
    Ledger(#[from] LedgerUnavailable),
    /// The person may not.
    #[error("`{by}` may not answer this: {why}")]
    NotAllowed {
        /// The person.
        by: PersonName,
        /// Why not.
        why: String,
    },
    /// The records could not be written. What was taken back is gone, until Placet stops.
    #[error("the change is not stored")]
    Store(#[from] StoreError),
    /// The agent has too many open requests, or was given too many grants.
    #[error("`{agent}` has {most} {what}; wait until some are over")]
    TooMany {
        /// The agent.
        agent: AgentName,
        /// How many there may be.
        most: usize,
        /// Of what.
        what: &'static str,
    },
    /// There is no such grant.
    #[error("there is no grant `{0}`")]
    Unknown(GrantId),
    /// The wish makes no sense.
    #[error("{0}")]
    Wish(String),
}

impl Engine {
    /// Files a request. If the review rules permit it, it holds when this returns; else it waits for a person. What is
    /// wished for once more is the same request.
    ///
    /// # Errors
    /// See [`GrantError`]; nothing is changed then.
    pub async fn ask_grant(&self, wish: GrantWish) -> Result<Arc<Grant>, GrantError> {
        let _one_at_a_time = self.grants_changing.lock().await;
        let now = self.ports.clock.now();
        let (agent, mut grant) = self.grant_of(wish, now)?;
        let others = self.lending.of_agent(&grant.agent);
        if let Some(known) = others.iter().find(|other| is_same(other, &grant, now)) {
            return Ok(known.clone());
        }
        let too_many = |most, what| GrantError::TooMany { agent: grant.agent.clone(), most, what };
        let open = |other: &&Arc<Grant>| other.state == GrantState::Pending && now < other.expires;
        if others.iter().filter(open).count() >= limits::GRANTS_PENDING {
            return Err(too_many(limits::GRANTS_PENDING, "requests open"));
        }
        let fresh = |other: &&Arc<Grant>| {
            matches!(other.state, GrantState::Given(_) | GrantState::Revoked(_))
                && now < other.expires.after(DAY)
        };
        if others.iter().filter(fresh).count() >= limits::GRANTS_HELD {
            return Err(too_many(limits::GRANTS_HELD, "grants of this day"));
        }
        let policies = self.rules_for(&grant.agent);
        if !policies.gives_grants() {
            return Err(GrantError::Ceiling("no policy gives grants here".to_owned()));
        }
        policies.within_ceiling(&agent, &grant).map_err(GrantError::Ceiling)?;
        let change = match policies.may_grant(Grantor::Review, &agent, &grant, now) {
            Ok(rule) => {
                grant.expires = self.end_of(&grant, now);
                grant.state = GrantState::Given(Giver::Policy(rule, now));
                RegistryChange::GrantGiven
            }
            // Why automated review does not is for people to weigh.
            Err(_) => RegistryChange::GrantAsked,
        };
        let by = grant.asked_by.clone();
        let kept = self.keep_grant(grant, change, by.as_ref(), now).await?;
        if change == RegistryChange::GrantAsked {
            self.ports.notifier.grant_asked(&kept);
        }
        Ok(kept)
    }

    /// Takes a person's answer to a request. Given, it holds when this returns, for as long as was asked for.
    ///
    /// # Errors
    /// See [`GrantError`]; nothing is changed then.
    pub async fn answer_grant(
        &self,
        id: GrantId,
        give: bool,
        by: &PersonName,
        rationale: &str,
    ) -> Result<Arc<Grant>, GrantError> {
        let _one_at_a_time = self.grants_changing.lock().await;
        let now = self.ports.clock.now();
        let known = self.lending.grant(id).ok_or(GrantError::Unknown(id))?;
        if known.state != GrantState::Pending || now >= known.expires {
            return Err(GrantError::Closed(id));
        }
        let agent = self.granted_agent(&known.agent)?;
        let refused = |why| GrantError::NotAllowed { by: by.clone(), why };
        let person = self.ports.people.person(by);
        let person = person.ok_or_else(|| refused("they are not declared as a person".to_owned()))?;
        let policies = self.rules_for(&known.agent);
        policies.may_grant(Grantor::Person(&person), &agent, &known, now).map_err(refused)?;
        let answer = Answer { by: by.clone(), at: now, rationale: rationale.to_owned() };
        let mut grant = Grant::clone(&known);
        let change = match give {
            true => {
                policies.within_ceiling(&agent, &grant).map_err(GrantError::Ceiling)?;
                known.instance.map(|run| self.granted_run(run, &known.agent, now)).transpose()?;
                grant.expires = self.end_of(&grant, now);
                grant.state = GrantState::Given(Giver::Person(answer));
                RegistryChange::GrantGiven
            }
            false => {
                grant.state = GrantState::Denied(answer);
                RegistryChange::GrantDenied
            }
        };
        self.keep_grant(grant, change, Some(by), now).await
    }

    /// Takes a grant back. After `Ok` no further call is accepted by it, and streams of calls that run by it end. What is
    /// taken back already stays so, by whom it was first.
    ///
    /// # Errors
    /// See [`GrantError`]. On an error of the store or the ledger it is gone all the same.
    pub async fn revoke_grant(
        &self,
        id: GrantId,
        by: &PersonName,
        rationale: &str,
    ) -> Result<Arc<Grant>, GrantError> {
        let _one_at_a_time = self.grants_changing.lock().await;
        let now = self.ports.clock.now();
        let known = self.lending.grant(id).ok_or(GrantError::Unknown(id))?;
        let grant = match &known.state {
            GrantState::Revoked(_) if known.recorded => return Ok(known),
            GrantState::Revoked(_) => Grant::clone(&known),
            GrantState::Pending => {
                let why = format!("grant `{id}` is not given yet; refuse it with `placet grant deny`");
                return Err(GrantError::Wish(why));
            }
            GrantState::Denied(_) | GrantState::Given(_) if !known.holds(now) => {
                return Err(GrantError::Closed(id));
            }
            GrantState::Denied(_) | GrantState::Given(_) => {
                let answer = Answer { by: by.clone(), at: now, rationale: rationale.to_owned() };
                Grant { state: GrantState::Revoked(answer), recorded: false, ..Grant::clone(&known) }
            }
        };
        // INVARIANT: memory first. What is taken back is gone when the disk does not work.
        self.lending.put(Arc::new(grant.clone()));
        self.halting.announce();
        self.settle_revoked(grant).await
    }

    /// Stores and records what was taken back and is not on record, because of a crash, a full disk or the ledger; and
    /// forgets what has been over for long.
    ///
    /// # Errors
    /// The store or the ledger could not be written; what was taken back stays so.
    pub async fn tend_grants(&self) -> Result<(), GrantError> {
        let _one_at_a_time = self.grants_changing.lock().await;
        let now = self.ports.clock.now();
        for grant in self.lending.all() {
            if !grant.recorded {
                self.settle_revoked(Grant::clone(&grant)).await?;
            } else if now >= grant.expires.after(limits::GRANT_KEPT) {
                self.ports.grants.remove(grant.id).await?;
                self.lending.remove(&grant);
            }
        }
        Ok(())
    }

    async fn settle_revoked(&self, mut grant: Grant) -> Result<Arc<Grant>, GrantError> {
        let GrantState::Revoked(answer) = &grant.state else { return Ok(Arc::new(grant)) };
        let (by, at) = (answer.by.clone(), answer.at);
        self.ports.grants.put(grant.clone()).await?;
        self.record_grant(&grant, RegistryChange::GrantRevoked, Some(&by), at).await?;
        grant.recorded = true;
        let kept = Arc::new(grant.clone());
        self.lending.put(kept.clone());
        // Only the mark that it is recorded: if it is lost, the next start writes the receipt once more.
        self.ports.grants.put(grant).await?;
        Ok(kept)
    }

    /// Records a grant, stores it, and lets it hold, in this order.
    async fn keep_grant(
        &self,
        grant: Grant,
        change: RegistryChange,
        by: Option<&PersonName>,
        now: Timestamp,
    ) -> Result<Arc<Grant>, GrantError> {
        self.record_grant(&grant, change, by, now).await?;
        self.ports.grants.put(grant.clone()).await?;
        let grant = Arc::new(grant);
        self.lending.put(grant.clone());
        Ok(grant)
    }

    async fn record_grant(
        &self,
        grant: &Grant,
        change: RegistryChange,
        by: Option<&PersonName>,
        now: Timestamp,
    ) -> Result<(), LedgerUnavailable> {
        let about = about(grant);
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about }).await
    }

    /// When a grant that is given now ends: with its run at the latest.
    fn end_of(&self, grant: &Grant, now: Timestamp) -> Timestamp {
        let end = now.after(grant.lasts);
        let run = grant.instance.and_then(|id| self.ports.mandates.instance(id));
        run.map_or(end, |run| end.min(run.expires))
    }
}

/// Whether a request is there already: it waits, what it asks for is given, or a person has just refused it to the agent.
fn is_same(known: &Grant, wish: &Grant, now: Timestamp) -> bool {
    let of = |grant: &Grant| (grant.instance, grant.connector.clone(), grant.tools.clone());
    let is_open = match &known.state {
        GrantState::Given(_) => now < known.expires && known.lasts >= wish.lasts,
        GrantState::Pending => now < known.expires && known.lasts == wish.lasts,
        // An agent does not ask until somebody gives in; a person may.
        GrantState::Denied(_) => now < known.expires && wish.asked_by.is_none(),
        GrantState::Revoked(_) => false,
    };
    is_open && of(known) == of(wish) && known.resource == wish.resource
}

/// What the receipt says of it.
fn about(grant: &Grant) -> Object {
    let tools: Vec<&str> = grant.tools.iter().map(ToolName::as_str).collect();
    let base = Object::new()
        .with("agent", grant.agent.as_str())
        .with("connector", grant.connector.as_str())
        .with("grant", grant.id.to_string())
        .with("tools", tools)
        .with_some("instance", grant.instance.map(|instance| instance.to_string()))
        .with_some("resource", grant.resource.as_ref().map(|resource| short(&resource.to_string())));
    match &grant.state {
        GrantState::Pending => base
            .with("justification", short(&grant.justification))
            .with("minutes", i64::try_from(grant.lasts.as_secs().div_ceil(60)).unwrap_or(i64::MAX)),
        GrantState::Given(giver) => {
            let base = base
                .with("expires_us", grant.expires.micros())
                .with("justification", short(&grant.justification));
            match giver {
                Giver::Person(answer) => base.with("rationale", short(&answer.rationale)),
                Giver::Policy(policy, _) => base.with("rule", policy.as_str()),
            }
        }
        GrantState::Denied(answer) | GrantState::Revoked(answer) => {
            base.with("rationale", short(&answer.rationale))
        }
    }
}

/// As much of a text as a receipt keeps.
fn short(text: &str) -> String {
    text.chars().take(TOLD_CHARS).collect()
}

const TOLD_CHARS: usize = 500;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
