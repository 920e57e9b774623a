//! The engine's parts. Put together once, by the binary.

use std::{fmt, time::Duration};

use arc_swap::ArcSwap;
use placet_identity::{Deployment, TokenKey, TokenVerifier};
use placet_policy::{PolicyConfig, PolicySource, Snapshot};

use crate::{Ports, catalogue::Catalogue};

/// What the operator decides.
#[derive(Debug)]
pub struct EngineConfig {
    /// Issuer and audience of tokens.
    pub deployment: Deployment,
    /// The key that signs tokens.
    pub tokens: TokenKey,
    /// Time zone, facts, connectors with their bindings. The tools come from the pins.
    pub policy: PolicyConfig,
    /// How long an approval may be used after it was given.
    pub approval_use: Duration,
}

/// Judges calls, and lets happen what may happen.
pub struct Engine {
    pub(crate) ports: Ports,
    pub(crate) deployment: Deployment,
    pub(crate) tokens: TokenKey,
    pub(crate) verifier: TokenVerifier,
    pub(crate) policy: PolicyConfig,
    pub(crate) policies: ArcSwap<Snapshot>,
    pub(crate) sources: ArcSwap<Vec<PolicySource>>,
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) catalogue: Catalogue,
    pub(crate) approval_use: Duration,
}

impl Engine {
    /// An engine that denies everything until policies are loaded.
    #[must_use]
    pub fn new(config: EngineConfig, ports: Ports) -> Self {
        let EngineConfig { deployment, tokens, policy, approval_use } = config;
        Self {
            ports,
            verifier: TokenVerifier::new(deployment.clone(), &tokens),
            deployment,
            tokens,
            policies: ArcSwap::from_pointee(Snapshot::empty(&policy)),
            policy,
            sources: ArcSwap::default(),
            reloading: tokio::sync::Mutex::new(()),
            catalogue: Catalogue::default(),
            approval_use,
        }
    }

    /// The ports, for lists and health.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Issuer and audience of tokens.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Why no call can be taken at the moment; `Ok` if calls can.
    ///
    /// # Errors
    /// The sentence for `/readyz`.
    pub fn ready(&self) -> Result<(), String> {
        self.ports.ledger.health().map_err(|error| error.to_string())?;
        if self.sources.load().is_empty()
            || self.policies.load().revision() == Snapshot::empty(&self.policy).revision()
        {
            return Err("no policies are in force: everything is denied".to_owned());
        }
        Ok(())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Engine")
            .field("revision", &self.policies.load().revision())
            .finish_non_exhaustive()
    }
}
