//! MCP over the standard streams of child processes. Commands come from the operator's file alone and no shell reads them.
//! A session, the gateway's own included, has a child of its own; all stateless traffic shares one.

mod child;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use placet_domain::{ConnectorName, Object};
use placet_engine::ports::{Answered, ConnectError, Link, Passed, Relay, UpstreamSession};
use placet_wire::{encode_notification, encode_request};
use tokio::sync::Mutex;

use crate::{
    config::{ConfigError, ConnectorConfig, Secret, Transport},
    connector::Ask,
    ending::Ending,
    frame,
    outlet::Outlet,
    sessions::{Handles, Sessions},
};
use child::{Child, Sharing};

/// One upstream run as child processes.
#[derive(Debug)]
pub(crate) struct Stdio {
    command: Command,
    deadline: Duration,
    ids: AtomicI64,
    sessions: Sessions<Child>,
    shared: Mutex<Option<Arc<Child>>>,
}

/// How a child is started.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) connector: ConnectorName,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, Secret)>,
    pub(crate) directory: Option<PathBuf>,
}

impl Stdio {
    pub(crate) fn new(config: &ConnectorConfig, handles: Handles) -> Result<Self, ConfigError> {
        let error = |rule| ConfigError::Command { connector: config.name.clone(), rule };
        let Transport::Stdio { command, arguments, environment, directory } = &config.transport else {
            return Err(error("not a command"));
        };
        if command.is_empty() {
            return Err(error("the command is empty"));
        }
        if environment.iter().any(|(name, _)| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(error("the name of a variable is empty, or holds `=` or U+0000"));
        }
        if !config.headers.is_empty() {
            return Err(ConfigError::HeadersOfChild(config.name.clone()));
        }
        if config.oauth.is_some() {
            return Err(error("a child process signs in nowhere; `oauth` is for MCP over HTTP"));
        }
        let command = Command {
            connector: config.name.clone(),
            program: command.clone(),
            arguments: arguments.clone(),
            environment: environment.clone(),
            directory: directory.clone(),
        };
        Ok(Self {
            command,
            deadline: config.deadline,
            ids: AtomicI64::new(1),
            sessions: Sessions::new(handles),
            shared: Mutex::default(),
        })
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn ask(&self, ask: Ask<'_>, outlet: Outlet) -> Ending {
        match self.child(ask.link).await {
            Ok(child) => self.ask_child(&child, ask, outlet).await,
            Err(ending) => ending,
        }
    }

    async fn ask_child(&self, child: &Child, ask: Ask<'_>, outlet: Outlet) -> Ending {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut waiting = child.register(id, &outlet, frame::progress_token(ask.params));
        let line = encode_request(&id.into(), ask.method, ask.params).into_bytes();
        let answer = async {
            child.write(line).await?;
            waiting.reply().await.ok_or_else(|| Ending::Lost(child.last_words()))
        };
        let deadline = async {
            match ask.deadline {
                Some(deadline) => tokio::time::sleep(deadline).await,
                None => std::future::pending().await,
            }
        };
        let gone = async {
            match ask.link {
                Link::Stateless => outlet.closed().await,
                Link::Session(_) => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            biased;
            answered = answer => return answered.map_or_else(|ending| ending, Ending::Answered),
            () = gone => "the client went away before the answer".to_owned(),
            () = deadline => "no answer before the deadline".to_owned(),
        };
        // On standard streams there is no stream to close: both eras cancel by notification.
        let cancelled = frame::cancelled(id, &Object::new().with("reason", why.as_str()));
        child.offer(cancelled.into());
        Ending::Lost(why)
    }

    /// Opens a session: a child of its own, and `initialize` as its first request.
    pub(crate) async fn open(&self, params: &Object, outlet: Outlet) -> Result<Passed, ConnectError> {
        let child = Child::start(&self.command, Sharing::OneClient).map_err(ConnectError::Unreachable)?;
        let link = Link::Stateless;
        let ask =
            Ask { method: "initialize", tool: None, params, link: &link, deadline: Some(self.deadline) };
        let mut passed = self.ask_child(&child, ask, outlet).await.passed()?;
        if matches!(passed.answer, Some(Answered::Result(_))) {
            passed.session = Some(self.sessions.open(child));
        }
        Ok(passed)
    }

    /// Sends a notification; a cancellation under our id of the call it means.
    pub(crate) async fn notify(
        &self,
        method: &str,
        params: &Object,
        link: &Link,
        relay: Option<&Relay>,
    ) -> Result<(), Ending> {
        let child = self.child(link).await?;
        if method != frame::CANCELLED {
            return child.write(encode_notification(method, params).into()).await;
        }
        match relay.and_then(|relay| child.id_of(relay)) {
            Some(id) => child.write(frame::cancelled(id, params).into()).await,
            None => Ok(()),
        }
    }

    /// Sends a message that has no answer.
    pub(crate) async fn tell(&self, message: &[u8], link: &Link) -> Result<(), Ending> {
        let child = self.child(link).await?;
        // In JSON, line breaks stand only between tokens; on these streams they end the message.
        let line = message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte });
        child.write(line.collect::<Vec<u8>>().into()).await
    }

    /// Listens to a session's child until it ends or the client goes away.
    pub(crate) async fn listen(&self, link: &Link, outlet: Outlet) -> Result<(), Ending> {
        match link {
            Link::Stateless => Err(Ending::Status(405)),
            Link::Session(_) => {
                self.child(link).await?.listen(outlet).await;
                Ok(())
            }
        }
    }

    /// Ends a session and its child.
    pub(crate) async fn close(&self, handle: UpstreamSession) {
        if let Some(child) = self.sessions.forget(handle) {
            child.stop().await;
        }
    }

    /// Ends the shared child if nobody uses it: a server that knows sessions alone has no use for it.
    pub(crate) async fn rest(&self) {
        let mut shared = self.shared.lock().await;
        if let Some(child) = shared.take_if(|child| child.is_idle()) {
            child.stop().await;
        }
    }

    /// Ends every child.
    pub(crate) async fn shutdown(&self) {
        let mut children = self.sessions.forget_all();
        children.extend(self.shared.lock().await.take());
        futures_util::future::join_all(children.iter().map(|child| child.stop())).await;
    }

    async fn child(&self, link: &Link) -> Result<Arc<Child>, Ending> {
        match link {
            Link::Stateless => self.shared().await.map_err(Ending::NotSent),
            Link::Session(handle) => {
                let child = self.sessions.find(*handle).ok_or(Ending::NoSession { sent: false })?;
                if child.is_running() {
                    return Ok(child);
                }
                self.sessions.forget(*handle);
                Err(Ending::NoSession { sent: false })
            }
        }
    }

    async fn shared(&self) -> Result<Arc<Child>, String> {
        let mut shared = self.shared.lock().await;
        if let Some(child) = shared.as_ref().filter(|child| child.is_running()) {
            return Ok(Arc::clone(child));
        }
        let child = Arc::new(Child::start(&self.command, Sharing::ManyClients)?);
        *shared = Some(Arc::clone(&child));
        Ok(child)
    }
}
