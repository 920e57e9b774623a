//! The listener and its parts.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use placet_domain::{ConnectorName, PersonName, Timestamp};
use placet_engine::Engine;
use placet_engine::ports::StoreError;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use crate::{Access, ChangeLogKey, Invitation, Reload, Rotate, Web, peer::Peer, routes, socket, web};

/// What the binary knows and this crate does not.
pub struct ControlConfig {
    /// Where to listen.
    pub socket: PathBuf,
    /// The person declared for an operating-system user id. `None` turns the caller away.
    pub people: Arc<dyn Fn(u32) -> Option<PersonName> + Send + Sync>,
    /// Every configured connector.
    pub connectors: Vec<ConnectorName>,
    /// Reads the policy files and puts them in force.
    pub reload: Reload,
    /// Makes another key that signs tokens.
    pub rotate: Rotate,
    /// Hands the ledger over to another key.
    pub change_log_key: ChangeLogKey,
}

impl fmt::Debug for ControlConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ControlConfig").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another process answers on the socket.
    #[error("another placet already answers on `{0}`; stop it, or give this one a home of its own")]
    Busy(PathBuf),
    /// The socket cannot be made.
    #[error("the control socket `{path}` cannot be made")]
    Bind {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The directory is open to others.
    #[error("`{path}` can be entered by others (mode {mode:o}); run `chmod 700 {path}`")]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something that is no socket has the name.
    #[error("`{0}` exists and is not a socket; move it away")]
    NotASocket(PathBuf),
    /// The listener cannot be made.
    #[error("cannot listen on {address}; choose another `control.listen` or stop what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Serving failed.
    #[error("the control socket failed")]
    Serve(#[source] std::io::Error),
}

/// The operator-facing API of one engine.
#[derive(Debug)]
pub struct Control {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: ControlConfig,
    pub(crate) started: Timestamp,
    pub(crate) access: Access,
    pub(crate) web: Option<Web>,
}

/// The API on its socket, and on its listener if there is one; callers can connect already.
#[derive(Debug)]
pub struct Bound {
    control: Arc<Control>,
    socket: UnixListener,
    web: Option<TcpListener>,
}

impl Control {
    /// The API of an engine, for people with this access.
    #[must_use]
    pub fn new(engine: Arc<Engine>, config: ControlConfig, access: Access) -> Self {
        let started = engine.ports().clock.now();
        Self { engine, config, started, access, web: None }
    }

    /// Serves people on a listener too.
    #[must_use]
    pub fn with_web(mut self, web: Web) -> Self {
        self.web = Some(web);
        self
    }

    /// Makes the socket: its directory 0700, itself 0600. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn bind(mut self) -> Result<Bound, ControlError> {
        let socket = socket::bind(&self.config.socket).await?;
        let web = match &mut self.web {
            Some(web) => Some(web.bind().await?),
            None => None,
        };
        Ok(Bound { control: Arc::new(self), socket, web })
    }

    /// [`Control::bind`] and [`Bound::serve`] in one step.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ControlError> {
        self.bind().await?.serve(stop).await
    }
}

impl Bound {
    /// Where people connect with a browser, and under which address.
    #[must_use]
    pub fn web(&self) -> Option<(SocketAddr, &str)> {
        let address = self.web.as_ref()?.local_addr().ok()?;
        Some((address, self.control.web.as_ref()?.origin.as_str()))
    }

    /// Tells the directory what identity providers said before, and forgets keys that have ended.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn recall(&self) -> Result<(), StoreError> {
        match &self.control.web {
            Some(web) => web.recall(self.control.engine.ports().clock.now()).await,
            None => Ok(()),
        }
    }

    /// A link for the first person, if local people sign in here and nobody has a passphrase yet.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn first_link(&self, person: &PersonName) -> Result<Option<Invitation>, StoreError> {
        let Some(web) = self.control.web.as_ref().filter(|web| web.is_local()) else { return Ok(None) };
        if web.accounts.accounts().await?.iter().any(|account| account.passphrase.is_some()) {
            return Ok(None);
        }
        web.invite(&self.control.engine, person).await.map(Some)
    }

    /// Serves until `stop` ends and open requests are answered, then removes the socket.
    ///
    /// # Errors
    /// [`ControlError::Serve`].
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ControlError> {
        let path = self.control.config.socket.clone();
        let (ending, ended) = watch::channel(false);
        let stopped = |mut ended: watch::Receiver<bool>| async move {
            let _ = ended.wait_for(|ended| *ended).await;
        };
        let near = axum::serve(
            self.socket,
            routes::router(self.control.clone()).into_make_service_with_connect_info::<Peer>(),
        )
        .with_graceful_shutdown(stopped(ended.clone()));
        let far = async {
            match self.web {
                None => Ok(()),
                Some(listener) => {
                    let router = web::router(self.control.clone());
                    axum::serve(listener, router).with_graceful_shutdown(stopped(ended)).await
                }
            }
        };
        let both = async { tokio::try_join!(async { near.await }, far) };
        let stopping = async move {
            stop.await;
            let _ = ending.send(true);
            // Kept until both have ended.
            std::future::pending::<()>().await;
        };
        let served = tokio::select! { served = both => served, () = stopping => Ok(((), ())) };
        // One that is gone already, or stays, does no harm: the next start replaces what nobody answers on.
        drop(std::fs::remove_file(path));
        served.map(drop).map_err(ControlError::Serve)
    }
}

#[cfg(test)]
mod tests;
