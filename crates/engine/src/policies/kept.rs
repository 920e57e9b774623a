//! Policy sets in the store: kept before they judge anything, and loaded again by their digest.

use std::collections::HashMap;

use placet_domain::{Digest, Json, PolicyRevision};
use placet_policy::{
    LoadErrors, Manifest, ManifestError, PolicyConfig, PolicySource, Snapshot, UnboundManifest,
};

use crate::{Engine, ports::StoreError};

use super::Book;

/// Why a revision cannot be loaded again.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It has faults for this version of the program.
    #[error("this version of the program does not accept the policies of `{0}` any more")]
    Load(PolicyRevision, #[source] LoadErrors),
    /// What is kept is not what it was.
    #[error("revision `{0}` cannot be read")]
    Manifest(PolicyRevision, #[source] ManifestError),
    /// The store cannot be read.
    #[error("revision `{0}` cannot be read")]
    Store(PolicyRevision, #[source] StoreError),
    /// It has never judged here.
    #[error("revision `{0}` is not kept here")]
    Unknown(PolicyRevision),
}

impl Engine {
    /// A revision that judged once, exactly as it judged.
    ///
    /// # Errors
    /// See [`KeptError`].
    pub async fn kept_revision(&self, revision: PolicyRevision) -> Result<Snapshot, KeptError> {
        let manifest = self.kept_manifest(revision).await?;
        let loading = tokio::task::spawn_blocking(move || manifest.load());
        let loaded = loading.await.unwrap_or_else(|error| Err(LoadErrors::from(error.to_string())));
        loaded.map_err(|errors| KeptError::Load(revision, errors))
    }

    /// The texts and the configuration of a revision.
    ///
    /// # Errors
    /// See [`KeptError`].
    pub async fn kept_manifest(&self, revision: PolicyRevision) -> Result<Manifest, KeptError> {
        let broken = |error| KeptError::Manifest(revision, error);
        let unbound = self.unbound(revision).await?;
        let mut definitions = HashMap::new();
        for pin in unbound.pins().map_err(broken)? {
            if let Some(text) = self.kept_text(revision, pin.0).await? {
                let parsed = Json::parse(text.as_bytes());
                let definition =
                    parsed.map_err(|error| broken(ManifestError::Unreadable(error.to_string())))?;
                definitions.insert(pin, definition);
            }
        }
        unbound.bind(&definitions).map_err(broken)
    }

    /// The policies of a revision alone.
    pub(crate) async fn kept_sources(
        &self,
        revision: PolicyRevision,
    ) -> Result<Vec<PolicySource>, KeptError> {
        let unbound = self.unbound(revision).await?;
        unbound.sources().map_err(|error| KeptError::Manifest(revision, error))
    }

    async fn unbound(&self, revision: PolicyRevision) -> Result<UnboundManifest, KeptError> {
        let text = self.kept_text(revision, revision.0).await?.ok_or(KeptError::Unknown(revision))?;
        UnboundManifest::parse(&text).map_err(|error| KeptError::Manifest(revision, error))
    }

    async fn kept_text(&self, revision: PolicyRevision, digest: Digest) -> Result<Option<String>, KeptError> {
        let found = self.ports.revisions.document(digest).await;
        match found.map_err(|error| KeptError::Store(revision, error))? {
            Some(text) if Digest::of(text.as_bytes()) != digest => {
                let why = format!("the text kept as {digest} has another digest");
                Err(KeptError::Manifest(revision, ManifestError::Unreadable(why)))
            }
            found => Ok(found),
        }
    }

    /// Keeps what a set is made of. Nothing judges before this has succeeded.
    pub(super) async fn keep_set(
        &self,
        book: &mut Book,
        documents: &[(Digest, String)],
    ) -> Result<(), StoreError> {
        let fresh: Vec<_> =
            documents.iter().filter(|(digest, _)| !book.kept.contains(digest)).cloned().collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let digests: Vec<Digest> = fresh.iter().map(|(digest, _)| *digest).collect();
        self.ports.revisions.keep(fresh).await?;
        book.kept.extend(digests);
        Ok(())
    }
}

/// What has to be kept of a set: its manifest, and the definitions of its tools.
pub(super) fn documents(sources: &[PolicySource], config: &PolicyConfig) -> Vec<(Digest, String)> {
    let manifest = config.manifest(sources);
    let mut documents = vec![(Digest::of(manifest.as_bytes()), manifest)];
    for tool in config.connectors.iter().flat_map(|connector| &connector.tools) {
        let definition = tool.definition.canonical();
        documents.push((Digest::of(definition.as_bytes()), definition));
    }
    documents
}
