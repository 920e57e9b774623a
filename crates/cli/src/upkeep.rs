//! What goes on beside the calls: looking at tools for changes, at policy files, at the directory and the clock for the
//! life of agents, settling what a crash left open.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use placet_control::{LogKeyChanged, RotateFailure, Rotated};
use placet_domain::PersonName;
use placet_engine::{Engine, ports::LedgerUnavailable};
use placet_identity::TokenKey;
use placet_ledger::{Health, Ledger};
use placet_policy::PolicySource;
use placet_store::{LedgerPort, SqliteStore};

use crate::{
    config::{Config, People},
    failpoint,
    keys::NextKey,
    log_key,
    system::SystemEntropy,
};

/// How often tool definitions are compared with their pins.
const LOOK_AT_TOOLS: Duration = Duration::from_secs(30);
/// How soon an upstream that was not there is asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How often policy files are compared with what is in force.
const LOOK_AT_POLICIES: Duration = Duration::from_secs(1);
/// How often the directory is compared with what is known.
const LOOK_AT_PEOPLE: Duration = Duration::from_secs(1);
/// How many looks at the directory go by between two looks at what time does to agents.
const LOOKS_A_TICK: u32 = 30;
/// Leaves below this mark have their outcomes.
const SETTLED: &str = "ledger_settled_below";

/// Records `unknown` for the calls that a crash left open.
pub(crate) async fn settle(engine: &Engine, store: &SqliteStore) -> Result<(), LedgerUnavailable> {
    let unreadable =
        |error: placet_engine::ports::StoreError| LedgerUnavailable { reason: error.to_string() };
    let from = store.mark(SETTLED).await.map_err(unreadable)?.unwrap_or(0);
    let settled = engine.settle_open_calls(u64::try_from(from).unwrap_or(0)).await?;
    if settled.unknown > 0 {
        tracing::warn!(
            calls = settled.unknown,
            "calls had no outcome when the program stopped: recorded as unknown"
        );
    }
    store.set_mark(SETTLED, i64::try_from(settled.below).unwrap_or(0)).await.map_err(unreadable)
}

/// Compares the tools of every connector with their pins.
pub(crate) async fn refresh_all(engine: &Engine, config: &Config) -> bool {
    let mut all = true;
    for connector in &config.connectors {
        // Known to be waiting for somebody to sign in: looked at again when they have.
        if engine.ports().connectors.standing(&connector.name).is_err() {
            continue;
        }
        if let Err(refusal) = engine.refresh(&connector.name).await {
            all = false;
            tracing::warn!(connector = %connector.name, why = %refusal.why, "the tools could not be looked at");
        }
    }
    all
}

/// Keeps looking at the tools.
pub(crate) async fn watch_tools(engine: Arc<Engine>, config: Config, stop: impl Future<Output = ()>) {
    let watching = async {
        let mut all = true;
        loop {
            tokio::time::sleep(if all { LOOK_AT_TOOLS } else { LOOK_AGAIN }).await;
            all = refresh_all(&engine, &config).await;
        }
    };
    tokio::select! { () = watching => {}, () = stop => {} }
}

/// Puts in force what held before the start, or what the policy files say if they have changed since.
pub(crate) async fn restore(engine: &Engine, config: &Config) {
    if config.policy.connectors.is_empty() {
        tracing::info!(
            "there is no connector in placet.toml yet: no call can be made, and policies have nothing to judge"
        );
        return;
    }
    let files = config.policy_sources();
    if let Err(error) = &files {
        tracing::error!(%error, "the policy files cannot be read");
    }
    if let Err(error) = engine.restore_policies(files.ok()).await {
        tell(&error);
    }
}

fn tell(error: &placet_engine::ReloadError) {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "the policies stay as they were");
}

/// Puts the policy files in force; a bad set keeps the old one and says so.
async fn reload(engine: &Engine, config: &Config) -> Option<Vec<PolicySource>> {
    let sources = match config.policy_sources() {
        Ok(sources) => sources,
        Err(error) => {
            tracing::error!(%error, "the policies stay as they were");
            return None;
        }
    };
    if let Err(error) = engine.reload(sources.clone(), None).await {
        tell(&error);
    }
    Some(sources)
}

/// Keeps looking at the policy files.
pub(crate) async fn watch_policies(engine: Arc<Engine>, config: Config, stop: impl Future<Output = ()>) {
    let watching = async {
        if !config.policy_rules.follow_files || config.policy.connectors.is_empty() {
            return std::future::pending().await;
        }
        let mut known = config.policy_sources().ok();
        loop {
            tokio::time::sleep(LOOK_AT_POLICIES).await;
            let today = config.policy_sources().ok();
            if today != known {
                known = reload(&engine, &config).await.or(today);
            }
        }
    };
    tokio::select! { () = watching => {}, () = stop => {} }
}

/// Keeps looking at the directory and at the clock: whoever has left, and whatever is due in the life of an agent.
pub(crate) async fn watch_agents(engine: Arc<Engine>, people: People, stop: impl Future<Output = ()>) {
    let watching = async {
        let mut told = None;
        for look in 0_u32.. {
            let changed = match people.look_again() {
                Ok(changed) => {
                    told = None;
                    changed
                }
                Err(error) => {
                    if told.as_ref() != Some(&error) {
                        tracing::error!(error, "people.toml cannot be used: everybody stays who they were");
                        told = Some(error);
                    }
                    false
                }
            };
            if changed || look % LOOKS_A_TICK == 0 {
                tend_stops(&engine).await;
                for (agent, why) in engine.tick().await.failed {
                    tracing::error!(%agent, why, "what is due in the life of an agent could not be done");
                }
            }
            tokio::time::sleep(LOOK_AT_PEOPLE).await;
        }
    };
    tokio::select! { () = watching => {}, () = stop => {} }
}

/// What was stopped and is not on record yet; what an identity provider has ended; whoever has left.
async fn tend_stops(engine: &Engine) {
    if let Err(error) = engine.record_halts().await {
        tracing::error!(%error, "what is stopped is not on record yet");
    }
    if let Err(error) = engine.tend_grants().await {
        tracing::error!(%error, "a grant that was taken back is not on record yet");
    }
    if let Err(error) = engine.finish_events().await {
        tracing::error!(%error, "a security event could not be acted on yet");
    }
    if let Err(error) = engine.record_directory().await {
        tracing::error!(%error, "a change of the directory is not on record yet");
    }
    match engine.revoke_of_leavers().await {
        Ok(0) => {}
        Ok(instances) => tracing::warn!(instances, "runs of people who have left were revoked"),
        Err(error) => {
            tracing::error!(%error, "runs of people who have left are refused, and not on record yet")
        }
    }
}

/// Puts another key that signs tokens in force, on request of an operator.
pub(crate) fn rotator(engine: Arc<Engine>, home: PathBuf) -> placet_control::Rotate {
    Arc::new(move |by, leaked| {
        let (engine, home) = (engine.clone(), home.clone());
        Box::pin(async move {
            let next = NextKey::fresh(&SystemEntropy);
            let failed = |error: Box<dyn std::error::Error + Send + Sync>| RotateFailure(error);
            let key = next.key(&home).map_err(|error| failed(error.into()))?;
            let keep = |before: &TokenKey, until| Ok(next.keep(&home, before, until)?);
            let rotation =
                engine.rotate_tokens(key, leaked, &by, keep).await.map_err(|error| failed(error.into()))?;
            Ok(Rotated { key: rotation.key, before: rotation.before, until: rotation.until })
        })
    })
}

/// Hands the ledger over to another key, on request of an operator.
pub(crate) fn log_key_changer(
    engine: &Arc<Engine>,
    home: &Path,
    ledger: &Arc<Ledger>,
    port: &Arc<LedgerPort>,
) -> placet_control::ChangeLogKey {
    let parts = LogKeeper {
        engine: engine.clone(),
        home: home.to_owned(),
        ledger: ledger.clone(),
        port: port.clone(),
        one_at_a_time: Arc::default(),
    };
    Arc::new(move |by| {
        let keeper = parts.clone();
        Box::pin(async move {
            // A caller that hangs up does not stop a change halfway.
            let changed = tokio::spawn(async move { keeper.change(&by).await }).await;
            changed.unwrap_or_else(|error| Err(RotateFailure(error.into())))
        })
    })
}

/// What a change of the ledger's key needs.
#[derive(Clone)]
struct LogKeeper {
    engine: Arc<Engine>,
    home: PathBuf,
    ledger: Arc<Ledger>,
    port: Arc<LedgerPort>,
    one_at_a_time: Arc<tokio::sync::Mutex<()>>,
}

impl LogKeeper {
    async fn change(&self, by: &PersonName) -> Result<LogKeyChanged, RotateFailure> {
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let in_force = || match self.ledger.health() {
            Health::Ok | Health::Refusing { .. } => Ok(self.ledger.verifier()),
            // The change before this one may be on the disk: until the ledger is open again nobody knows.
            Health::Poisoned { .. } | Health::Closed => {
                Err(RotateFailure("the ledger has stopped; it is opened again by itself".into()))
            }
        };
        let failed = |error: crate::keys::KeyError| RotateFailure(error.into());
        let before = in_force()?;
        log_key::follow(&self.home, &before, &SystemEntropy).map_err(failed)?;
        let next = log_key::prepare(&self.home, &before, &SystemEntropy).map_err(failed)?;
        failpoint::pass("log-key-prepared");
        let name = next.verifier().to_string();
        self.port.offer(next);
        let changed = self.engine.change_log_key(&name, by).await;
        failpoint::pass("log-key-changed");
        let changed = changed.map_err(|error| RotateFailure(error.into()))?;
        log_key::follow(&self.home, &in_force()?, &SystemEntropy).map_err(failed)?;
        Ok(LogKeyChanged { key: changed.key, before: changed.before, index: changed.index })
    }
}

/// Reloads on request of an operator.
pub(crate) fn reloader(engine: Arc<Engine>, config: Config) -> placet_control::Reload {
    Arc::new(move |by| {
        let (engine, config) = (engine.clone(), config.clone());
        Box::pin(async move {
            let sources = config
                .policy_sources()
                .map_err(|error| placet_control::ReloadFailure::Read(error.to_string()))?;
            Ok(engine.reload(sources, Some(&by)).await?)
        })
    })
}
