//! How a running call speaks to its client before it answers, in either era.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::event_log::EventLog;
use crate::message::{Fault, notification};
use crate::session::Session;

/// What a stateless handler hands to the response.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Answer with an event stream even if nothing else comes first.
    Open,
    Message(Value),
    Done(Result<Value, Fault>),
}

/// The way back to the client while a call runs.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    Stateless { frames: mpsc::Sender<Frame>, level: Option<Level> },
    Session { session: Arc<Session>, stream: Arc<EventLog> },
}

impl Line {
    pub(crate) async fn notify(&self, method: &str, params: &Value) {
        let message = notification(method, params);
        match self {
            // An error says that the client has gone; the handler is then dropped.
            Self::Stateless { frames, .. } => drop(frames.send(Frame::Message(message)).await),
            Self::Session { stream, .. } => stream.send(&message),
        }
    }

    /// A log message, if the client wants messages of this level.
    pub(crate) async fn log(&self, level: Level, text: &str) {
        let threshold = match self {
            Self::Stateless { level, .. } => *level,
            Self::Session { session, .. } => Some(*session.level.lock()),
        };
        if threshold.is_some_and(|threshold| level >= threshold) {
            let params = json!({ "level": level.name(), "logger": "everything", "data": text });
            self.notify("notifications/message", &params).await;
        }
    }

    /// Makes a stateless answer an event stream; a session's answer is one anyway.
    pub(crate) async fn open(&self) {
        if let Self::Stateless { frames, .. } = self {
            let _ = frames.send(Frame::Open).await;
        }
    }
}

/// Severities of RFC 5424, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    pub(crate) fn parse(value: Option<&Value>) -> Option<Self> {
        let name = value?.as_str()?;
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];
}
