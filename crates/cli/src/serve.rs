//! The composition root: every part of a running Placet, in the order in which it is needed.

use std::{
    fs::{DirBuilder, File},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use placet_connect::{HttpAnomalyHooks, HttpDecisionPoints, McpConnectors, Safe, Web};
use placet_control::{Access, Bound, Control, ControlConfig, Directory};
use placet_domain::Timestamp;
use placet_engine::{
    Engine, EngineConfig, Ports,
    ports::{Clock as _, Extracts},
};
use placet_gateway::{Gateway, GatewayConfig, GuardConfig};
use placet_identity::{Deployment, KeySet};
use placet_ledger::{Ledger, LedgerConfig, disk::RealDisk};
use placet_policy::{LoadErrors, PolicySource};
use placet_store::{FileExtracts, LedgerPort, SqliteStore};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::{Config, ConfigError, own_uid},
    failpoint, keys, log_key,
    system::{LogNotifier, SystemClock, SystemEntropy},
    telemetry, upkeep,
};

/// A Placet that serves.
#[derive(Debug)]
pub(crate) struct Running {
    /// Where agents connect.
    pub(crate) address: SocketAddr,
    /// Where operators connect.
    pub(crate) socket: PathBuf,
    /// Where people sign in, in words for the terminal. It may hold a link that opens an account: never log it.
    pub(crate) welcome: Option<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    connectors: Arc<McpConnectors>,
    store: SqliteStore,
    ledger: Arc<Ledger>,
    /// Held until everything is closed: no second process in this home.
    _lock: File,
}

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}; choose another `gateway.listen` or stop what uses it")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connectors.
    #[error("the connectors cannot be used as configured")]
    Connectors(#[from] placet_connect::ConfigError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] placet_control::ControlError),
    /// The rules for people.
    #[error("the rules for people, `control.policy`, are not accepted")]
    ControlPolicy(#[from] LoadErrors),
    /// The home folder.
    #[error("the home {} cannot be used", path.display())]
    Home {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The keys.
    #[error(transparent)]
    Keys(#[from] keys::KeyError),
    /// The ledger.
    #[error("the ledger does not open")]
    Ledger(#[from] placet_ledger::LedgerError),
    /// Calls without an outcome could not be settled.
    #[error("calls that a crash left open could not be recorded")]
    Recovery(#[from] placet_engine::ports::LedgerUnavailable),
    /// Another Placet uses the home.
    #[error("another Placet runs in {}; stop it or choose another `--home`", path.display())]
    Running {
        /// The folder.
        path: PathBuf,
    },
    /// The relational store.
    #[error("the registry does not open")]
    Store(#[from] placet_store::OpenError),
    /// The stored state cannot be read.
    #[error("the registry cannot be read")]
    Read(#[from] placet_engine::ports::StoreError),
}

/// Where others come in, and what runs for it.
struct Doors {
    address: SocketAddr,
    welcome: Option<String>,
    tasks: Vec<JoinHandle<()>>,
}

/// Puts the parts together and serves.
pub(crate) async fn start(config: Config, home: &Path) -> Result<Running, ServeError> {
    // The home: keys, registry and ledger of one node, used by one process.
    let lock = prepare_home(home)?;
    let entropy = Arc::new(SystemEntropy);
    let clock = Arc::new(SystemClock::default());
    let tokens = keys::token_keys(home, &*entropy, clock.now())?;

    // Storage.
    let store = SqliteStore::open(&home.join("placet.db")).await?;
    let ledger = open_ledger(&config, home, &entropy)?;
    let extracts = extracts(&config, home, &entropy, clock.now())?;

    // The engine and its ports.
    let safe = Safe {
        vault: store.vault(),
        key: Arc::new(keys::vault_key(home, &*entropy)?),
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let connectors = Arc::new(McpConnectors::new(config.connectors.clone(), Some(&safe))?);
    let ledger_port = Arc::new(LedgerPort::new(ledger.clone()));
    let ports = Ports {
        clock,
        entropy,
        people: Arc::new(config.people.clone()),
        directory: store.directory(),
        registry: store.registry(),
        mandates: store.mandates(),
        credentials: store.credentials(),
        providers: Arc::new(Web::new()?),
        accounts: store.accounts(),
        halts: store.halts(),
        grants: store.grants(),
        pins: store.pins(),
        approvals: store.approvals(),
        revisions: store.revisions(),
        extracts,
        ledger: ledger_port.clone(),
        connectors: failpoint::around(connectors.clone()),
        notifier: Arc::new(LogNotifier),
        decision_points: Arc::new(HttpDecisionPoints::new(config.decision_points.clone())?),
        anomaly_hooks: Arc::new(HttpAnomalyHooks::new(config.anomaly_hooks.clone())?),
    };
    let engine = Arc::new(Engine::new(engine_config(&config, tokens), ports));

    engine.announce_key(&ledger.verifier().to_string()).await?;
    // What a crash left open is settled before anything new begins.
    upkeep::settle(&engine, &store).await?;
    engine.recall_flow()?;
    engine.load_pins().await?;
    upkeep::refresh_all(&engine, &config).await;
    upkeep::restore(&engine, &config).await;

    // The doors, last.
    let (stop, stopped) = watch::channel(false);
    let control = control(&engine, &config, home, &store, (&ledger, &ledger_port))?;
    let Doors { address, welcome, tasks } = open_doors(&engine, control, config, stopped).await?;
    let socket = home.join("run/control.sock");
    Ok(Running { address, socket, welcome, stop, tasks, connectors, store, ledger, _lock: lock })
}

/// Listens for agents, operators and people, and begins what goes on beside them.
async fn open_doors(
    engine: &Arc<Engine>,
    control: Control,
    config: Config,
    stopped: watch::Receiver<bool>,
) -> Result<Doors, ServeError> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| ServeError::Bind { address: config.listen, source })?;
    let address = listener.local_addr().unwrap_or(config.listen);
    let control = control.bind().await?;
    let welcome = welcome(&control, &config).await?;
    let gateway = gateway(engine, &config, address);
    let control_stop = wait(stopped.clone());
    let mut tasks = Vec::from_iter(envoys(&gateway, &config, wait(stopped.clone())).await?);
    tasks.extend([
        tokio::spawn(gateway.serve(listener, wait(stopped.clone()))),
        tokio::spawn(async move {
            if let Err(error) = control.serve(control_stop).await {
                tracing::error!(%error, "the control API has ended");
            }
        }),
        tokio::spawn(upkeep::watch_tools(engine.clone(), config.clone(), wait(stopped.clone()))),
        tokio::spawn(upkeep::watch_agents(engine.clone(), config.people.clone(), wait(stopped.clone()))),
        tokio::spawn(upkeep::watch_policies(engine.clone(), config, wait(stopped))),
    ]);
    Ok(Doors { address, welcome, tasks })
}

/// Opens the ledger and, after a crash, finishes a change of its key.
fn open_ledger(
    config: &Config,
    home: &Path,
    entropy: &Arc<SystemEntropy>,
) -> Result<Arc<Ledger>, ServeError> {
    let keys = log_key::read(home, &config.origin, &**entropy)?;
    let ledger_config = LedgerConfig {
        segment_bytes: config.segment_bytes,
        previous_keys: keys.before,
        next_key: keys.next,
        failpoint: failpoint::of_ledger(),
        ..LedgerConfig::new(home.join("ledger"), config.origin.clone())
    };
    let opened = Ledger::open(ledger_config, keys.key, Arc::new(RealDisk))?;
    log_key::follow(home, &opened.ledger.verifier(), &**entropy)?;
    tracing::info!(recovery = ?opened.recovery, "the ledger is open");
    Ok(Arc::new(opened.ledger))
}

/// What decisions were made of, in files of the home, if it is to be kept.
fn extracts(
    config: &Config,
    home: &Path,
    entropy: &Arc<SystemEntropy>,
    now: Timestamp,
) -> Result<Option<Arc<dyn Extracts>>, ServeError> {
    if config.replay_days == 0 {
        return Ok(None);
    }
    let folder = home.join("extracts");
    let key = keys::extract_key(home, &**entropy)?;
    let keep = Duration::from_secs(u64::from(config.replay_days) * 86_400);
    let opened = FileExtracts::open(&folder, key, entropy.clone(), keep, now);
    Ok(Some(Arc::new(opened.map_err(|source| ServeError::Home { path: folder, source })?)))
}

/// Renders `/metrics`, with how trials of policies went.
fn metrics(engine: &Arc<Engine>) -> telemetry::Render {
    let (engine, render) = (engine.clone(), telemetry::metrics());
    Arc::new(move || {
        telemetry::count_trials(engine.tried());
        render()
    })
}

/// The door of an Envoy that asks by gRPC, if there is one.
async fn envoys(
    gateway: &Arc<Gateway>,
    config: &Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Option<JoinHandle<()>>, ServeError> {
    let Some(address) = config.ext_authz else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
    Ok(Some(tokio::spawn(gateway.clone().serve_ext_authz(listener, stop))))
}

fn engine_config(config: &Config, tokens: KeySet) -> EngineConfig {
    EngineConfig {
        deployment: Deployment { issuer: config.public_url.clone(), audience: config.public_url.clone() },
        tokens,
        transmitters: config.transmitters.clone(),
        issuers: config.issuers.clone(),
        dpop: config.dpop,
        policy: config.policy.clone(),
        approval_use: config.approval_use,
        registry: config.registry.clone(),
        decisions: config.decisions.clone(),
        policy_rules: config.policy_rules.clone(),
        external: config.external.clone(),
        hooks: config.hooks.clone(),
    }
}

fn gateway(engine: &Arc<Engine>, config: &Config, address: SocketAddr) -> Arc<Gateway> {
    let guard = GuardConfig {
        body_bytes: config.body_bytes,
        hosts: config.hosts.clone(),
        origins: config.origins.clone(),
    };
    let config = GatewayConfig { guard, metrics: metrics(engine), drain: config.drain };
    Gateway::new(engine.clone(), config, address)
}

fn control(
    engine: &Arc<Engine>,
    config: &Config,
    home: &Path,
    store: &SqliteStore,
    (ledger, port): (&Arc<Ledger>, &Arc<LedgerPort>),
) -> Result<Control, ServeError> {
    let people = config.people.clone();
    let place = &config.control;
    let access = match &place.policy {
        None => Access::built_in(place.roles.clone()),
        Some(path) => {
            let failed = |source| ConfigError::Policy { path: path.clone(), source };
            let text = std::fs::read_to_string(path).map_err(failed)?;
            let name = path.display().to_string();
            Access::load(place.roles.clone(), &[PolicySource { name, text }])
        }
    };
    let control = Control::new(
        engine.clone(),
        ControlConfig {
            socket: home.join("run/control.sock"),
            people: Arc::new(move |uid| people.of_uid(uid)),
            connectors: config.connectors.iter().map(|connector| connector.name.clone()).collect(),
            reload: upkeep::reloader(engine.clone(), config.clone()),
            rotate: upkeep::rotator(engine.clone(), home.to_owned()),
            change_log_key: upkeep::log_key_changer(engine, home, ledger, port),
        },
        access?,
    );
    let Some(web) = &place.web else { return Ok(control) };
    let people = config.people.clone();
    let directory: Directory = Arc::new(move |person, groups| people.signed_in(person, groups));
    Ok(control.with_web(placet_control::Web::new(web.clone(), store.accounts(), directory)))
}

/// Tells the terminal where people sign in, and how the operator gets in for the first time.
async fn welcome(bound: &Bound, config: &Config) -> Result<Option<String>, ServeError> {
    let Some((address, url)) = bound.web() else { return Ok(None) };
    bound.recall().await?;
    tracing::info!(%address, url, "people can sign in");
    let operator = own_uid().and_then(|uid| config.people.of_uid(uid));
    let link = match &operator {
        Some(person) => bound.first_link(person).await?.map(|invitation| invitation.link),
        None => None,
    };
    Ok(Some(match (operator, link) {
        (Some(person), Some(link)) => {
            format!(
                "people sign in at {url}\n{person} sets a passphrase once, within half an hour, at {link}"
            )
        }
        _ => format!("people sign in at {url}"),
    }))
}

impl Running {
    /// Lets open calls end, then closes everything.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.connectors.shutdown().await;
        self.store.close().await;
        // The writer drains its queue when the last handle goes.
        drop(self.ledger);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn prepare_home(home: &Path) -> Result<File, ServeError> {
    let failed = |source| ServeError::Home { path: home.to_owned(), source };
    for folder in [home.to_owned(), home.join("keys"), home.join("run"), home.join("ledger")] {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    }
    let lock = File::create(home.join("run/lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(ServeError::Running { path: home.to_owned() }),
    }
}
