//! The engine's parts. Put together once, by the binary.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use placet_identity::{Deployment, EventReceiver, KeySet, TokenVerifier};
use placet_policy::{PolicyConfig, PolicySource, Snapshot};

use crate::{
    AnomalyHook, DecisionRules, DpopRule, ExternalPoint, PolicyRules, Ports, RegistryRules, TrustedIssuer,
    catalogue::Catalogue,
    credentials::Credentialing,
    directory::provision,
    events::Events,
    flow::Flows,
    grants::Lending,
    halts::Halting,
    keys::Keys,
    limits::{Counters, Covered},
    policies::{Book, DifferenceIndex, Trials, Tried, no_trials},
    registry::UsageIndex,
    risk::Habits,
};

/// What the operator decides.
#[derive(Debug)]
pub struct EngineConfig {
    /// Issuer and audience of tokens.
    pub deployment: Deployment,
    /// The key that signs tokens, and those that signed what is still good.
    pub tokens: KeySet,
    /// Whose security events end the runs of the people they are about.
    pub transmitters: Vec<EventReceiver>,
    /// Systems whose tokens are believed.
    pub issuers: Vec<TrustedIssuer>,
    /// What is asked of credentials.
    pub dpop: DpopRule,
    /// Time zone, facts, connectors with their bindings. The tools come from the pins.
    pub policy: PolicyConfig,
    /// How long an approval may be used after it was given.
    pub approval_use: Duration,
    /// Who must agree to an agent, and how long a certification holds.
    pub registry: RegistryRules,
    /// Who may ask about others, and the applications that ask.
    pub decisions: DecisionRules,
    /// Who must agree to a change of policies, and whether their files lead.
    pub policy_rules: PolicyRules,
    /// Decision points of others that are asked besides our policies.
    pub external: Vec<ExternalPoint>,
    /// Others who look at calls before they are decided.
    pub hooks: Vec<AnomalyHook>,
}

/// Judges calls, and lets happen what may happen.
pub struct Engine {
    pub(crate) ports: Ports,
    pub(crate) deployment: Deployment,
    pub(crate) keys: Keys,
    pub(crate) events: Events,
    pub(crate) verifier: TokenVerifier,
    pub(crate) credentialing: Credentialing,
    pub(crate) policy: PolicyConfig,
    pub(crate) policies: ArcSwap<Snapshot>,
    pub(crate) sources: ArcSwap<Vec<PolicySource>>,
    /// Changes of policies are made one after the other.
    pub(crate) reloading: tokio::sync::Mutex<Book>,
    pub(crate) trials: ArcSwap<Trials>,
    pub(crate) policy_rules: PolicyRules,
    pub(crate) tried: Tried,
    pub(crate) differences: Arc<DifferenceIndex>,
    pub(crate) catalogue: Catalogue,
    pub(crate) halting: Halting,
    pub(crate) approval_use: Duration,
    pub(crate) registry: RegistryRules,
    pub(crate) decisions: DecisionRules,
    /// Changes of the directory are made one after the other.
    pub(crate) directory_changing: tokio::sync::Mutex<()>,
    pub(crate) external: Vec<ExternalPoint>,
    /// Changes of agents are made one after the other.
    pub(crate) agents_changing: tokio::sync::Mutex<()>,
    pub(crate) usage: Arc<UsageIndex>,
    /// Grants for a time.
    pub(crate) lending: Lending,
    /// Grants are changed one after the other.
    pub(crate) grants_changing: tokio::sync::Mutex<()>,
    /// The counters of limits.
    pub(crate) counters: Arc<Counters>,
    /// How far back they know the log.
    pub(crate) covered: tokio::sync::Mutex<Option<Covered>>,
    /// What runs have done and seen, where anything is declared about it.
    pub(crate) flows: Option<Flows>,
    /// What agents do, where the risk is declared.
    pub(crate) habits: Option<Habits>,
    pub(crate) hooks: Vec<AnomalyHook>,
}

impl Engine {
    /// An engine that denies everything until policies are loaded.
    #[must_use]
    pub fn new(config: EngineConfig, ports: Ports) -> Self {
        let EngineConfig {
            deployment,
            tokens,
            transmitters,
            issuers,
            dpop,
            policy,
            approval_use,
            registry,
            decisions,
            policy_rules,
            external,
            hooks,
        } = config;
        // Before anything is asked of the people: who is here, and who has left.
        provision(&ports);
        Self {
            // Before anything else can be asked of it: what was stopped is stopped.
            halting: Halting::with(ports.halts.halts()),
            lending: Lending::with(ports.grants.grants()),
            credentialing: Credentialing::new(issuers, dpop, &*ports.entropy),
            flows: Flows::new(&policy.flow, &*ports.entropy),
            habits: Habits::new(policy.risk.as_ref()),
            ports,
            verifier: TokenVerifier::with_keys(deployment.clone(), tokens.verifying().clone()),
            deployment,
            keys: Keys::new(tokens),
            events: Events::from(transmitters),
            policies: ArcSwap::from_pointee(Snapshot::empty(&policy)),
            policy,
            sources: ArcSwap::default(),
            reloading: tokio::sync::Mutex::default(),
            tried: Tried::default(),
            differences: Arc::default(),
            trials: no_trials(),
            policy_rules,
            catalogue: Catalogue::default(),
            approval_use,
            registry,
            decisions,
            external,
            hooks,
            agents_changing: tokio::sync::Mutex::new(()),
            directory_changing: tokio::sync::Mutex::new(()),
            usage: Arc::default(),
            grants_changing: tokio::sync::Mutex::new(()),
            counters: Arc::default(),
            covered: tokio::sync::Mutex::default(),
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
