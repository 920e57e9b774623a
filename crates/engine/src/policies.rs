//! The rules in force: one immutable snapshot, swapped whole. A bad set keeps the old one and says so. Every set that
//! judges is kept under its digest before it does, and every change leaves a receipt.

mod activation;
mod candidates;
mod difference;
mod kept;
mod promote;
mod replay;
mod retired;
mod shadow;
mod signature;
mod start;

use std::{collections::HashSet, sync::Arc};

use arc_swap::ArcSwap;
use placet_domain::{AgentName, Digest, GroupName, PersonName, PolicyRevision};
use placet_ledger::VerifierKey;
use placet_policy::{ConnectorModel, LoadErrors, PolicyConfig, PolicySource, Snapshot};

use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

pub use activation::{Activation, Candidate, CandidateKind, Origin, UnknownWord};
pub use difference::{Difference, Shift};
pub use kept::KeptError;
pub use promote::{Aim, Promoted, Promotion, Standing};
pub use replay::{Flip, Forgotten, Replayed, Unused};

pub(crate) use shadow::{DifferenceIndex, Tried};
pub use shadow::{Differing, TriedCounts};
pub use signature::{signature_file, signature_in, text_to_sign};

/// What the operator decides about changes of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRules {
    /// Which changes need a second person.
    pub second_person: SecondPerson,
    /// The group that this person is in.
    pub group: GroupName,
    /// The keys of which one has to have signed whatever judges; empty if nobody has to.
    pub signers: Vec<VerifierKey>,
    /// Whether the policy files lead: a changed file is put in force. Otherwise only a promotion does that.
    pub follow_files: bool,
}

/// Which changes of policies need a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondPerson {
    /// All.
    Always,
    /// None.
    Never,
    /// Those that are not certain to narrow only.
    Widening,
}

/// Why a policy set did not come into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The set that it was meant for is not in force any more.
    #[error("the policies in force have changed since `{0}` was proposed")]
    Base(PolicyRevision),
    /// A kept revision cannot be loaded again.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// It has errors; all of them are listed.
    #[error("the policies were not loaded")]
    Load(#[source] LoadErrors),
    /// The activation could not be recorded.
    #[error("the activation was not recorded")]
    Ledger(#[from] LedgerUnavailable),
    /// There is nothing like it.
    #[error("there is no {0}")]
    Nothing(String),
    /// The person may not agree to it.
    #[error("`{by}` may not approve this change: {why}")]
    NotAllowed {
        /// The person.
        by: PersonName,
        /// Why not.
        why: String,
    },
    /// What is kept could not be read or written.
    #[error("the policies could not be kept")]
    Store(#[from] StoreError),
    /// It waits for a second person.
    #[error("revision `{revision}` waits for a second person of group `{group}`")]
    Waits {
        /// The proposed set.
        revision: PolicyRevision,
        /// Whose members can agree.
        group: GroupName,
    },
}

/// The rules that judge, and those that are tried. Read with every call, so without a lock.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    /// Judges the calls of these agents.
    canary: Option<(HashSet<AgentName>, Arc<Snapshot>)>,
    /// Tried on every call.
    shadow: Option<Arc<Snapshot>>,
}

/// What whoever changes policies knows and holds meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The newest activation, once it has been looked up.
    last: Option<Activation>,
    looked_up: bool,
    /// What the policy files said last.
    files: Option<Digest>,
    /// Documents that are certainly kept.
    kept: HashSet<Digest>,
}

impl Engine {
    /// Puts the policies of the files in force. On any error the set in force stays.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn reload(
        &self,
        sources: Vec<PolicySource>,
        by: Option<&PersonName>,
    ) -> Result<PolicyRevision, ReloadError> {
        let promotion = Promotion { sources, origin: Origin::Files, by: by.cloned(), aim: Aim::Everybody };
        let Promoted { revision, standing, .. } = self.promote(promotion).await?;
        match standing {
            Standing::InForce => Ok(revision),
            Standing::Candidate(_) => {
                Err(ReloadError::Waits { revision, group: self.policy_rules.group.clone() })
            }
        }
    }

    /// Types the policies anew after the tools have changed.
    pub(crate) async fn retype_policies(&self) {
        let mut book = self.reloading.lock().await;
        // Read under the lock: a set that was replaced while this waited must not come back.
        let sources = self.sources.load_full();
        if sources.is_empty() {
            return;
        }
        match self.put_in_force(&mut book, promote::Change::of_tools(sources)).await {
            Ok(_) => {}
            Err(ReloadError::Load(errors)) => {
                tracing::error!(%errors, "the policies do not fit the tools; the old set stays in force")
            }
            Err(error) => tracing::error!(%error, "the policies stay as they were"),
        }
        self.load_trials().await;
    }

    /// Every set whose decisions could be asked about: what they read is kept.
    pub(crate) fn sets_that_read(&self) -> Vec<Arc<Snapshot>> {
        let trials = self.trials.load();
        let canary = trials.canary.as_ref().map(|(_, set)| Arc::clone(set));
        canary.into_iter().chain(trials.shadow.clone()).chain([self.policies.load_full()]).collect()
    }

    /// The rules that judge this agent's calls.
    pub(crate) fn rules_for(&self, agent: &AgentName) -> Arc<Snapshot> {
        let trials = self.trials.load();
        match &trials.canary {
            Some((agents, snapshot)) if agents.contains(agent) => Arc::clone(snapshot),
            _ => self.policies.load_full(),
        }
    }

    /// The revision in force.
    #[must_use]
    pub fn revision(&self) -> PolicyRevision {
        self.policies.load().revision()
    }

    /// The rules in force.
    #[must_use]
    pub fn policies(&self) -> Arc<Snapshot> {
        self.policies.load_full()
    }

    /// What the operator decides about changes of policies.
    #[must_use]
    pub fn policy_rules(&self) -> &PolicyRules {
        &self.policy_rules
    }

    /// What came into force, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn policy_history(&self, limit: usize) -> Result<Vec<Activation>, StoreError> {
        self.ports.revisions.history(limit).await
    }

    pub(crate) fn policy_config(&self) -> PolicyConfig {
        let mut config = self.policy.clone();
        for model in &mut config.connectors {
            model.tools = self.catalogue.accepted(&model.name);
        }
        config
    }

    pub(crate) fn connectors(&self) -> impl Iterator<Item = &placet_domain::ConnectorName> {
        self.policy.connectors.iter().map(|ConnectorModel { name, .. }| name)
    }

    /// Whether there is such a connector.
    #[must_use]
    pub fn has_connector(&self, name: &placet_domain::ConnectorName) -> bool {
        self.connectors().any(|known| known == name)
    }
}

impl Default for PolicyRules {
    /// One person alone changes policies, by their files.
    #[expect(clippy::expect_used, reason = "the name is a constant")]
    fn default() -> Self {
        let group = "security".parse().expect("a name");
        Self { second_person: SecondPerson::Never, group, signers: Vec::new(), follow_files: true }
    }
}

/// An empty place for candidates.
pub(crate) fn no_trials() -> ArcSwap<Trials> {
    ArcSwap::from_pointee(Trials::default())
}
