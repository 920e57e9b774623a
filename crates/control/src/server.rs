//! The listener and its parts.

use std::{fmt, path::PathBuf, sync::Arc};

use placet_domain::{ConnectorName, PersonName, Timestamp};
use placet_engine::Engine;
use tokio::net::UnixListener;

use crate::{Reload, peer::Peer, routes, socket};

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
}

/// The API on its socket; callers can connect already.
#[derive(Debug)]
pub struct Bound {
    control: Control,
    listener: UnixListener,
}

impl Control {
    /// The API of an engine.
    #[must_use]
    pub fn new(engine: Arc<Engine>, config: ControlConfig) -> Self {
        let started = engine.ports().clock.now();
        Self { engine, config, started }
    }

    /// Makes the socket: its directory 0700, itself 0600. A socket that nobody answers on is replaced.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn bind(self) -> Result<Bound, ControlError> {
        let listener = socket::bind(&self.config.socket).await?;
        Ok(Bound { control: self, listener })
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
    /// Serves until `stop` ends and open requests are answered, then removes the socket.
    ///
    /// # Errors
    /// [`ControlError::Serve`].
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ControlError> {
        let path = self.control.config.socket.clone();
        let router = routes::router(Arc::new(self.control));
        let served = axum::serve(self.listener, router.into_make_service_with_connect_info::<Peer>())
            .with_graceful_shutdown(stop)
            .await;
        // One that is gone already, or stays, does no harm: the next start replaces what nobody answers on.
        drop(std::fs::remove_file(path));
        served.map_err(ControlError::Serve)
    }
}

#[cfg(test)]
mod tests;
