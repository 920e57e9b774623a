//! The way of a policy set into force: load, compare, perhaps wait for a second person, keep, record, swap.

use std::sync::Arc;

use placet_domain::{
    AgentName, Digest, Object, PersonName, PolicyRevision, RegistryChange, RegistryReceipt, Timestamp,
};
use placet_policy::{LoadErrors, PolicySource, Snapshot};

use crate::Engine;

use super::{
    Activation, Book, CandidateKind, Difference, Origin, ReloadError, SecondPerson, kept, retired::retire,
    signature::unsigned,
};

/// A wish to change the policies.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The policies.
    pub sources: Vec<PolicySource>,
    /// Where they come from.
    pub origin: Origin,
    /// Who wishes it, if a person does.
    pub by: Option<PersonName>,
    /// For whom.
    pub aim: Aim,
}

/// For whom a policy set is to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// For these agents.
    Canary(Vec<AgentName>),
    /// For everybody.
    Everybody,
    /// For nobody: it is tried beside the one in force.
    Shadow,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promoted {
    /// The set.
    pub revision: PolicyRevision,
    /// Where it stands.
    pub standing: Standing,
    /// What differs from the set that was in force; `None` if it was this one.
    pub difference: Option<Difference>,
}

/// Where a policy set stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is a candidate.
    Candidate(CandidateKind),
    /// It is in force.
    InForce,
}

impl Standing {
    /// It waits for a second person.
    pub const WAITS: Self = Self::Candidate(CandidateKind::Proposed);
}

/// A change of the set in force.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) sources: Arc<Vec<PolicySource>>,
    pub(super) origin: Origin,
    pub(super) by: Option<PersonName>,
    pub(super) approved_by: Option<PersonName>,
    /// The activation that a rollback returns to afterwards; otherwise the one in force now.
    pub(super) returns_to: Option<i64>,
}

impl Change {
    /// The same policies, typed by other tools.
    pub(super) fn of_tools(sources: Arc<Vec<PolicySource>>) -> Self {
        Self { sources, origin: Origin::Tools, by: None, approved_by: None, returns_to: None }
    }
}

/// A set that has been loaded.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) texts: Digest,
    pub(super) documents: Vec<(Digest, String)>,
}

impl Engine {
    /// Changes the policies. On any error everything stays as it is.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn promote(&self, promotion: Promotion) -> Result<Promoted, ReloadError> {
        let mut book = self.reloading.lock().await;
        let Promotion { sources, origin, by, aim } = promotion;
        let kind = match aim {
            Aim::Everybody => {
                let sources = Arc::new(sources);
                let change = Change { sources, origin, by, approved_by: None, returns_to: None };
                return self.put_in_force(&mut book, change).await;
            }
            Aim::Canary(agents) => (CandidateKind::Canary, agents),
            Aim::Shadow => (CandidateKind::Shadow, Vec::new()),
        };
        let (kind, agents) = kind;
        self.try_out(&mut book, kind, agents, sources, origin, by, None).await
    }

    /// Puts the policies before the ones in force back in force, typed by the tools of today.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn rollback(&self, by: &PersonName) -> Result<Promoted, ReloadError> {
        let mut book = self.reloading.lock().await;
        self.look_up_last(&mut book).await?;
        let nothing = || ReloadError::Nothing("set of policies before the one in force".to_owned());
        let last = book.last.as_ref().ok_or_else(nothing)?;
        let number = last.returns_to.ok_or_else(nothing)?;
        let before = self.ports.revisions.activation(number).await?.ok_or_else(nothing)?;
        let change = Change {
            sources: Arc::new(self.kept_sources(before.revision).await?),
            origin: Origin::Rollback,
            by: Some(by.clone()),
            approved_by: None,
            returns_to: before.returns_to,
        };
        self.put_in_force(&mut book, change).await
    }

    /// Loads a set and puts it in force, unless it has to wait.
    pub(super) async fn put_in_force(
        &self,
        book: &mut Book,
        change: Change,
    ) -> Result<Promoted, ReloadError> {
        self.look_up_last(book).await?;
        let texts = self.texts_of_files(book, &change);
        let live = self.policies.load_full();
        let loaded = match self.load(Arc::clone(&change.sources)).await {
            Ok(loaded) => loaded,
            Err(errors) => {
                // Kept even when they fail: a tool may appear that makes them right.
                if texts.is_some()
                    && (book.last.is_none() || self.policy_rules.second_person == SecondPerson::Never)
                {
                    self.sources.store(change.sources);
                }
                return Err(ReloadError::Load(errors));
            }
        };
        let revision = loaded.snapshot.revision();
        if revision == live.revision() {
            self.sources.store(change.sources);
            return Ok(Promoted { revision, standing: Standing::InForce, difference: None });
        }
        let now = self.ports.clock.now();
        let difference = match change.origin {
            Origin::Start => None,
            _ => Some(self.difference(live, Arc::clone(&loaded.snapshot), now).await),
        };
        if self.needs_second_person(book, &change, difference.as_ref()) {
            self.keep_set(book, &loaded.documents).await?;
            return self.propose(book, &change, &loaded, Vec::new(), difference, now).await;
        }
        self.activate(book, change, loaded, difference, now).await
    }

    async fn activate(
        &self,
        book: &mut Book,
        change: Change,
        loaded: Loaded,
        difference: Option<Difference>,
        now: Timestamp,
    ) -> Result<Promoted, ReloadError> {
        let Loaded { snapshot, texts, documents } = loaded;
        let revision = snapshot.revision();
        // What was charged before counts from the first call on.
        self.cover(snapshot.longest_window()).await?;
        self.learn_habits(&snapshot).await?;
        self.keep_set(book, &documents).await?;
        let written = self.write_down(book, &change, revision, texts, now).await?;
        let about = self.about(revision, &change, difference.as_ref());
        let receipt = RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::PolicyActivated,
            by: change.by.as_ref(),
            about,
        };
        if let Err(error) = self.record_change(receipt).await {
            if let Some(number) = written {
                self.ports.revisions.take_back(number).await?;
                book.looked_up = false;
            }
            return Err(error.into());
        }
        self.sources.store(Arc::clone(&change.sources));
        retire(self.policies.swap(snapshot));
        tracing::info!(policy = %revision, origin = %change.origin, "policies in force");
        self.end_candidates_of(book, texts).await;
        Ok(Promoted { revision, standing: Standing::InForce, difference })
    }

    /// Adds a line to the history, unless its last one says the same.
    async fn write_down(
        &self,
        book: &mut Book,
        change: &Change,
        revision: PolicyRevision,
        texts: Digest,
        now: Timestamp,
    ) -> Result<Option<i64>, ReloadError> {
        let last = book.last.as_ref();
        if last.is_some_and(|last| last.revision == revision && last.files == book.files) {
            return Ok(None);
        }
        // The same policies typed anew are no step that a rollback goes back over.
        let same_texts = last.filter(|last| last.texts == texts);
        let returns_to = match &change.origin {
            Origin::Rollback => change.returns_to,
            _ => same_texts.map_or(last.map(|last| last.number), |last| last.returns_to),
        };
        let mut activation = Activation {
            number: 0,
            revision,
            texts,
            files: book.files,
            at: now,
            by: change.by.clone(),
            approved_by: change.approved_by.clone(),
            origin: change.origin.clone(),
            returns_to,
        };
        activation.number = self.ports.revisions.activate(activation.clone()).await?;
        let number = activation.number;
        book.last = Some(activation);
        Ok(Some(number))
    }

    /// What a receipt tells of a change.
    pub(super) fn about(
        &self,
        revision: PolicyRevision,
        change: &Change,
        difference: Option<&Difference>,
    ) -> Object {
        let mut about = Object::new()
            .with("policy", revision.to_string())
            .with("before", self.policies.load().revision().to_string())
            .with("origin", change.origin.word())
            .with_some("commit", change.origin.commit())
            .with_some("approved_by", change.approved_by.as_ref().map(|person| person.as_str()));
        if let Some(difference) = difference {
            difference.put_into(&mut about);
        }
        about
    }

    /// Notes what the files say, if this change comes from them.
    fn texts_of_files(&self, book: &mut Book, change: &Change) -> Option<Digest> {
        let texts = (change.origin == Origin::Files).then(|| PolicySource::digest(&change.sources));
        book.files = texts.or(book.files);
        texts
    }

    pub(super) async fn look_up_last(&self, book: &mut Book) -> Result<(), ReloadError> {
        if !book.looked_up {
            book.last = self.ports.revisions.history(1).await?.pop();
            book.files = book.files.or(book.last.as_ref().and_then(|last| last.files));
            book.looked_up = true;
        }
        Ok(())
    }

    /// Loads a set that is to judge. One that nobody has signed who has to is not loaded, wherever it comes from.
    pub(super) async fn load(&self, sources: Arc<Vec<PolicySource>>) -> Result<Loaded, LoadErrors> {
        match unsigned(&self.policy_rules.signers, &sources) {
            Some(why) => Err(LoadErrors::from(why)),
            None => self.load_unsigned(sources).await,
        }
    }

    /// Loads a set that judges nothing. Parsing and proving a large one takes seconds: calls must not wait for it.
    pub(super) async fn load_unsigned(&self, sources: Arc<Vec<PolicySource>>) -> Result<Loaded, LoadErrors> {
        let config = self.policy_config();
        let loading = tokio::task::spawn_blocking(move || {
            let snapshot = Arc::new(Snapshot::load(&sources, &config)?);
            let documents = kept::documents(&sources, &config);
            Ok(Loaded { snapshot, texts: PolicySource::digest(&sources), documents })
        });
        loading.await.unwrap_or_else(|error| Err(LoadErrors::from(error.to_string())))
    }
}
