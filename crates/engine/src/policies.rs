//! The rules in force: one immutable snapshot, swapped whole. A bad set keeps the old one and says so.

use std::sync::Arc;

use placet_domain::{Object, PersonName, PolicyRevision, RegistryChange, RegistryReceipt};
use placet_policy::{ConnectorModel, LoadErrors, PolicyConfig, PolicySource, Snapshot};

use crate::{Engine, ports::LedgerUnavailable};

/// Why a policy set did not come into force.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has errors; all of them are listed.
    #[error("the policies were not loaded")]
    Load(#[source] LoadErrors),
    /// The activation could not be recorded.
    #[error("the activation was not recorded")]
    Ledger(#[from] LedgerUnavailable),
}

impl Engine {
    /// Loads a policy set and puts it in force. On any error the set in force stays.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn reload(
        &self,
        sources: Vec<PolicySource>,
        by: Option<&PersonName>,
    ) -> Result<PolicyRevision, ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        // Kept even when they fail: a tool may appear that makes them right.
        self.sources.store(Arc::new(sources));
        let loaded = self.load(self.sources.load_full()).await.map_err(ReloadError::Load)?;
        self.activate(loaded, by).await
    }

    /// Types the policies anew after the tools have changed.
    pub(crate) async fn retype_policies(&self) {
        let _one_at_a_time = self.reloading.lock().await;
        // Read under the lock: a set that was replaced while this waited must not come back.
        let sources = self.sources.load_full();
        if sources.is_empty() {
            return;
        }
        match self.load(sources).await {
            Ok(snapshot) => {
                if let Err(error) = self.activate(snapshot, None).await {
                    tracing::error!(%error, "the policies stay as they were");
                }
            }
            Err(errors) => {
                tracing::error!(%errors, "the policies do not fit the tools; the old set stays in force")
            }
        }
    }

    /// Parsing and proving a large set takes seconds: calls must not wait for it.
    async fn load(&self, sources: Arc<Vec<PolicySource>>) -> Result<Snapshot, LoadErrors> {
        let config = self.policy_config();
        let loading = tokio::task::spawn_blocking(move || Snapshot::load(&sources, &config));
        loading.await.unwrap_or_else(|error| Err(LoadErrors::from(error.to_string())))
    }

    async fn activate(
        &self,
        snapshot: Snapshot,
        by: Option<&PersonName>,
    ) -> Result<PolicyRevision, ReloadError> {
        let revision = snapshot.revision();
        if revision == self.policies.load().revision() {
            return Ok(revision);
        }
        let now = self.ports.clock.now();
        let about = Object::new()
            .with("policy", revision.to_string())
            .with("before", self.policies.load().revision().to_string());
        let change = RegistryChange::PolicyActivated;
        self.record_change(RegistryReceipt { id: self.receipt_id(now), now, change, by, about }).await?;
        self.policies.store(Arc::new(snapshot));
        tracing::info!(policy = %revision, "policies in force");
        Ok(revision)
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
