//! Policy sets beside the one in force: one that waits for a second person, one that judges some agents, one that is
//! tried without effect. Each comes and goes with a receipt.

use std::sync::Arc;

use placet_domain::{
    AgentName, Digest, Object, PersonName, PolicyRevision, RegistryChange, RegistryReceipt, Timestamp,
};
use placet_policy::PolicySource;

use crate::{Engine, ports::StoreError};

use super::{
    Book, Candidate, CandidateKind, Difference, Origin, Promoted, ReloadError, SecondPerson, Standing,
    Trials,
    promote::{Change, Loaded},
    retired::retire,
};

impl Engine {
    /// Every policy set that waits, judges some agents or is tried.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn policy_candidates(&self) -> Result<Vec<Candidate>, StoreError> {
        self.ports.revisions.candidates().await
    }

    /// A second person agrees to a proposed set, which is then put in force, or before some agents.
    ///
    /// # Errors
    /// See [`ReloadError`]; the set stays proposed.
    pub async fn approve_policies(
        &self,
        revision: PolicyRevision,
        by: &PersonName,
    ) -> Result<Promoted, ReloadError> {
        let mut book = self.reloading.lock().await;
        let proposed = self.candidate(CandidateKind::Proposed).await?;
        let nothing = || ReloadError::Nothing(format!("proposed revision `{revision}`"));
        let proposed = proposed.filter(|found| found.revision == revision).ok_or_else(nothing)?;
        self.may_be_second(&proposed, by)?;
        self.look_up_last(&mut book).await?;
        if book.last.as_ref().map(|last| last.texts) != Some(proposed.base) {
            return Err(ReloadError::Base(revision));
        }
        let sources = self.kept_sources(proposed.revision).await?;
        let Candidate { origin, by: asked, agents, .. } = proposed;
        let promoted = match agents.is_empty() {
            true => {
                let change = Change {
                    sources: Arc::new(sources),
                    returns_to: self.step_before(&book, &origin).await?,
                    origin,
                    by: asked,
                    approved_by: Some(by.clone()),
                };
                self.put_in_force(&mut book, change).await?
            }
            false => {
                let (kind, second) = (CandidateKind::Canary, Some(by));
                self.try_out(&mut book, kind, agents, sources, origin, asked, second).await?
            }
        };
        self.ports.revisions.remove_candidate(CandidateKind::Proposed).await?;
        Ok(promoted)
    }

    /// A set is no candidate any more.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn withdraw_candidate(
        &self,
        kind: CandidateKind,
        by: Option<&PersonName>,
    ) -> Result<PolicyRevision, ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        self.end_candidate(kind, by).await
    }

    /// Whether a change has to wait. The first set of a deployment does not, nor does what is only typed anew.
    pub(super) fn needs_second_person(
        &self,
        book: &Book,
        change: &Change,
        difference: Option<&Difference>,
    ) -> bool {
        if change.approved_by.is_some()
            || book.last.is_none()
            || matches!(change.origin, Origin::Start | Origin::Tools)
        {
            return false;
        }
        match self.policy_rules.second_person {
            SecondPerson::Always => true,
            SecondPerson::Never => false,
            SecondPerson::Widening => difference.is_none_or(|difference| difference.policies.widens),
        }
    }

    fn may_be_second(&self, proposed: &Candidate, by: &PersonName) -> Result<(), ReloadError> {
        let refused = |why: String| Err(ReloadError::NotAllowed { by: by.clone(), why });
        let group = &self.policy_rules.group;
        if proposed.by.as_ref() == Some(by) {
            return refused("they proposed it".to_owned());
        }
        match self.ports.people.person(by) {
            Some(person) if person.groups.contains(group) => Ok(()),
            Some(_) => refused(format!("they are not in group `{group}`")),
            None => refused("they are not declared as a person".to_owned()),
        }
    }

    /// Puts a set before a second person.
    pub(super) async fn propose(
        &self,
        book: &Book,
        change: &Change,
        loaded: &Loaded,
        agents: Vec<AgentName>,
        difference: Option<Difference>,
        now: Timestamp,
    ) -> Result<Promoted, ReloadError> {
        let revision = loaded.snapshot.revision();
        let waits = self.candidate(CandidateKind::Proposed).await?;
        if waits.is_some_and(|waits| waits.revision == revision && waits.agents == agents) {
            return Ok(Promoted { revision, standing: Standing::WAITS, difference });
        }
        let mut about = self.about(revision, change, difference.as_ref());
        about.set("asks", self.policy_rules.group.as_str());
        put_agents(&mut about, &agents);
        self.note(now, RegistryChange::PolicyProposed, change.by.as_ref(), about).await?;
        let kind = CandidateKind::Proposed;
        let candidate = self.new_candidate(book, kind, change, revision, loaded.texts, agents, now);
        self.ports.revisions.put_candidate(candidate).await?;
        tracing::warn!(policy = %revision, group = %self.policy_rules.group, "policies wait for a second person");
        Ok(Promoted { revision, standing: Standing::WAITS, difference })
    }

    /// Lets a set judge some agents, or be tried on every call.
    #[expect(clippy::too_many_arguments, reason = "what a wish says, taken apart")]
    pub(super) async fn try_out(
        &self,
        book: &mut Book,
        kind: CandidateKind,
        agents: Vec<AgentName>,
        sources: Vec<PolicySource>,
        origin: Origin,
        by: Option<PersonName>,
        approved_by: Option<&PersonName>,
    ) -> Result<Promoted, ReloadError> {
        self.look_up_last(book).await?;
        let change = Change {
            sources: Arc::new(sources),
            origin,
            by,
            approved_by: approved_by.cloned(),
            returns_to: None,
        };
        let loaded = self.load(Arc::clone(&change.sources)).await.map_err(ReloadError::Load)?;
        let (revision, now) = (loaded.snapshot.revision(), self.ports.clock.now());
        let difference = self.difference(self.policies(), Arc::clone(&loaded.snapshot), now).await;
        self.keep_set(book, &loaded.documents).await?;
        let recorded = match kind {
            CandidateKind::Shadow => RegistryChange::PolicyShadowed,
            CandidateKind::Canary | CandidateKind::Proposed => RegistryChange::PolicyCanary,
        };
        // What is only tried widens nothing.
        if kind == CandidateKind::Canary && self.needs_second_person(book, &change, Some(&difference)) {
            return self.propose(book, &change, &loaded, agents, Some(difference), now).await;
        }
        let mut about = self.about(revision, &change, Some(&difference));
        put_agents(&mut about, &agents);
        self.note(now, recorded, change.by.as_ref(), about).await?;
        let candidate = self.new_candidate(book, kind, &change, revision, loaded.texts, agents, now);
        self.ports.revisions.put_candidate(candidate).await?;
        self.load_trials().await;
        Ok(Promoted { revision, standing: Standing::Candidate(kind), difference: Some(difference) })
    }

    /// Puts the stored candidates to work. One that does not load any more leaves its agents to the set in force.
    pub(super) async fn load_trials(&self) {
        let candidates = match self.ports.revisions.candidates().await {
            Ok(candidates) => candidates,
            Err(error) => {
                tracing::error!(%error, "which policies are tried is not known; they stay as they were");
                return;
            }
        };
        let mut trials = Trials::default();
        for candidate in candidates.into_iter().filter(|one| one.kind != CandidateKind::Proposed) {
            let loaded = match self.kept_sources(candidate.revision).await {
                Ok(sources) => self.load(Arc::new(sources)).await.map_err(|errors| errors.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match (loaded, candidate.kind) {
                (Ok(loaded), CandidateKind::Canary) => {
                    if let Err(error) = self.cover(loaded.snapshot.longest_window()).await {
                        tracing::error!(%error, "a canary whose limits cannot be counted is not tried");
                        continue;
                    }
                    if let Err(error) = self.learn_habits(&loaded.snapshot).await {
                        tracing::error!(%error, "a canary that knows nobody's habits is not tried");
                        continue;
                    }
                    trials.canary = Some((candidate.agents.into_iter().collect(), loaded.snapshot));
                }
                (Ok(loaded), _) => {
                    if let Err(error) = self.learn_habits(&loaded.snapshot).await {
                        tracing::error!(%error, "to a set on trial all that agents do is new");
                    }
                    trials.shadow = Some(loaded.snapshot);
                }
                (Err(error), kind) => {
                    tracing::error!(%kind, policy = %candidate.revision, error, "a candidate does not load");
                }
            }
        }
        let before = self.trials.swap(Arc::new(trials));
        let canary = before.canary.as_ref().map(|(_, snapshot)| snapshot);
        for snapshot in canary.into_iter().chain(&before.shadow) {
            retire(Arc::clone(snapshot));
        }
    }

    /// Ends the candidates that are now in force for everybody.
    pub(super) async fn end_candidates_of(&self, book: &mut Book, texts: Digest) {
        let candidates = self.ports.revisions.candidates().await.unwrap_or_default();
        for candidate in candidates.into_iter().filter(|candidate| candidate.texts == texts) {
            if candidate.kind == CandidateKind::Proposed {
                continue;
            }
            let by = book.last.as_ref().and_then(|last| last.by.clone());
            if let Err(error) = self.end_candidate(candidate.kind, by.as_ref()).await {
                tracing::error!(%error, kind = %candidate.kind, "a candidate that is in force stays a candidate");
            }
        }
    }

    async fn end_candidate(
        &self,
        kind: CandidateKind,
        by: Option<&PersonName>,
    ) -> Result<PolicyRevision, ReloadError> {
        let nothing = || ReloadError::Nothing(format!("{kind} set of policies"));
        let candidate = self.candidate(kind).await?.ok_or_else(nothing)?;
        let about = Object::new()
            .with("policy", candidate.revision.to_string())
            .with("before", self.revision().to_string())
            .with("was", kind.as_str());
        self.note(self.ports.clock.now(), RegistryChange::PolicyWithdrawn, by, about).await?;
        self.ports.revisions.remove_candidate(kind).await?;
        self.load_trials().await;
        Ok(candidate.revision)
    }

    async fn candidate(&self, kind: CandidateKind) -> Result<Option<Candidate>, StoreError> {
        Ok(self.ports.revisions.candidates().await?.into_iter().find(|candidate| candidate.kind == kind))
    }

    /// Where a proposed rollback leads to once it is agreed to.
    async fn step_before(&self, book: &Book, origin: &Origin) -> Result<Option<i64>, ReloadError> {
        match (origin, book.last.as_ref().and_then(|last| last.returns_to)) {
            (Origin::Rollback, Some(number)) => {
                Ok(self.ports.revisions.activation(number).await?.and_then(|before| before.returns_to))
            }
            _ => Ok(None),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a candidate is made of")]
    fn new_candidate(
        &self,
        book: &Book,
        kind: CandidateKind,
        change: &Change,
        revision: PolicyRevision,
        texts: Digest,
        agents: Vec<AgentName>,
        at: Timestamp,
    ) -> Candidate {
        let base = book.last.as_ref().map_or(texts, |last| last.texts);
        Candidate {
            kind,
            revision,
            texts,
            base,
            agents,
            at,
            by: change.by.clone(),
            origin: change.origin.clone(),
            since: self.ports.ledger.size(),
        }
    }

    async fn note(
        &self,
        now: Timestamp,
        change: RegistryChange,
        by: Option<&PersonName>,
        about: Object,
    ) -> Result<(), ReloadError> {
        Ok(self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about }).await?)
    }
}

/// Agents that a receipt names.
const NAMED: usize = 64;

fn put_agents(about: &mut Object, agents: &[AgentName]) {
    if !agents.is_empty() {
        let named: Vec<&str> = agents.iter().take(NAMED).map(AgentName::as_str).collect();
        about.set("agents", named);
    }
}
