//! One child process: its lines, its waiting requests, its end. The process dies with this value.

use std::{
    process::{ExitStatus, Stdio as Pipe},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use placet_domain::{ConnectorName, limits};
use placet_engine::ports::{Relay, RelayFrame};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader},
    process::{Child as Process, ChildStdin, Command as Starting},
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::Command;
use crate::{
    ending::{Ending, Reply},
    frame::{self, AnswerId, Frame},
    outlet::Outlet,
    pending::{Pending, Waiting},
};

/// Lines that may wait for a child that reads slowly.
const LINES: usize = 64;
/// How long a message may wait for its place in the queue.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a child may take to end after its input has.
const GRACE: Duration = Duration::from_secs(1);
/// Longest line of a child's standard error that is kept, bytes.
const STDERR_LINE: usize = 1_000;
/// What a child inherits. Everything else it needs, the operator declares.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LANG"];

/// Who uses a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// One client's session: whatever comes is for it.
    OneClient,
    /// Everybody's stateless calls: what cannot be tied to a call reaches nobody.
    ManyClients,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Child {
    state: Arc<State>,
    lines: Mutex<Option<mpsc::Sender<Bytes>>>,
    reading: JoinHandle<()>,
    ended: watch::Receiver<bool>,
}

/// What the reading task shares with callers.
#[derive(Debug)]
struct State {
    connector: ConnectorName,
    sharing: Sharing,
    pending: Arc<Pending>,
    listener: Mutex<Option<Relay>>,
    last_words: Mutex<String>,
}

impl Child {
    /// Starts the program. Its environment starts empty.
    pub(crate) fn start(command: &Command, sharing: Sharing) -> Result<Self, String> {
        let mut starting = Starting::new(&command.program);
        starting.args(&command.arguments).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                starting.env(name, value);
            }
        }
        for (name, value) in &command.environment {
            starting.env(name, value.expose_secret());
        }
        if let Some(directory) = &command.directory {
            starting.current_dir(directory);
        }
        starting.stdin(Pipe::piped()).stdout(Pipe::piped()).stderr(Pipe::piped()).kill_on_drop(true);
        let mut process =
            starting.spawn().map_err(|error| format!("`{}` cannot be started: {error}", command.program))?;
        let (Some(input), Some(output), Some(errors)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(format!("`{}` has no standard streams", command.program));
        };
        let state = Arc::new(State {
            connector: command.connector.clone(),
            sharing,
            pending: Arc::default(),
            listener: Mutex::default(),
            last_words: Mutex::default(),
        });
        let (lines, queue) = mpsc::channel(LINES);
        let (end, ended) = watch::channel(false);
        tokio::spawn(write_lines(input, queue));
        tokio::spawn(log_errors(command.connector.clone(), errors));
        let reading =
            tokio::spawn(run(Arc::clone(&state), process, output, Farewell(Arc::clone(&state), end)));
        Ok(Self { state, lines: Mutex::new(Some(lines)), reading, ended })
    }

    pub(crate) fn is_running(&self) -> bool {
        !*self.ended.borrow()
    }

    /// Whether no request waits for an answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.pending.newest().is_none()
    }

    /// Waits for the answer to a request that is about to be written.
    pub(crate) fn register(&self, id: i64, outlet: &Outlet, progress_token: Option<String>) -> Waiting {
        self.state.pending.register(id, outlet, progress_token)
    }

    /// Queues a message as one line.
    pub(crate) async fn write(&self, message: Bytes) -> Result<(), Ending> {
        let lines = self.lines.lock().clone().filter(|_| self.is_running());
        let Some(lines) = lines else { return Err(Ending::NotSent(self.last_words())) };
        match tokio::time::timeout(PATIENCE, lines.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_unsent)) => Err(Ending::NotSent(self.last_words())),
            Err(_late) => Err(Ending::NotSent("the process does not read its input".to_owned())),
        }
    }

    /// Writes a message if there is room; nothing depends on it.
    pub(crate) fn offer(&self, message: Bytes) {
        if let Some(lines) = &*self.lines.lock() {
            let _full = lines.try_send(message);
        }
    }

    /// The id of the request whose frames go to this relay.
    pub(crate) fn id_of(&self, relay: &Relay) -> Option<i64> {
        self.state.pending.id_of(relay)
    }

    /// Takes what is for no request in particular, until the child ends or the client goes away.
    pub(crate) async fn listen(&self, outlet: Outlet) {
        let Outlet::Relay(relay) = outlet else { return };
        *self.state.listener.lock() = Some(relay.clone());
        let mut ended = self.ended.clone();
        tokio::select! {
            () = relay.closed() => {}
            _ended = ended.wait_for(|ended| *ended) => {}
        }
        let mut listener = self.state.listener.lock();
        if listener.as_ref().is_some_and(|current| current.same_channel(&relay)) {
            listener.take();
        }
    }

    /// How the child ended, as far as is known.
    pub(crate) fn last_words(&self) -> String {
        match self.state.last_words.lock().as_str() {
            "" => "the process ended before the answer".to_owned(),
            words => words.to_owned(),
        }
    }

    /// Ends the input, which tells a server to stop, and then the process.
    pub(crate) async fn stop(&self) {
        self.lines.lock().take();
        let mut ended = self.ended.clone();
        let _late = tokio::time::timeout(GRACE, ended.wait_for(|ended| *ended)).await;
        self.reading.abort();
        self.state.pending.abandon_all();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The reading task owns the process, which is killed when it is dropped.
        self.reading.abort();
    }
}

/// Ends every wait when the reading task does, however it does.
struct Farewell(Arc<State>, watch::Sender<bool>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.1.send_replace(true);
        self.0.pending.abandon_all();
        self.0.listener.lock().take();
    }
}

async fn run(state: Arc<State>, mut process: Process, output: impl AsyncRead + Unpin, _ending: Farewell) {
    let mut lines = Lines::new(output, limits::REPLY_BYTES);
    let words = loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => break None,
            Err(words) => break Some(words),
        };
        if let Err(fault) = state.take(&line) {
            tracing::warn!(connector = %state.connector, fault, "a line of the process is no message");
        }
    };
    let words = match words {
        Some(words) => {
            let _gone = process.start_kill();
            words
        }
        None => match tokio::time::timeout(GRACE, process.wait()).await {
            Ok(Ok(status)) => ended_with(status),
            Ok(Err(_)) | Err(_) => "the process closed its output".to_owned(),
        },
    };
    tracing::debug!(connector = %state.connector, words, "a process has ended");
    *state.last_words.lock() = words;
}

fn ended_with(status: ExitStatus) -> String {
    format!("the process ended before the answer ({status})")
}

impl State {
    fn take(&self, line: &[u8]) -> Result<(), String> {
        match frame::read(line)? {
            Frame::Answer { id: AnswerId::Ours(id), answered, is_error } => {
                let reply = Reply { answered, is_error, event_id: None, status: None };
                if !self.pending.deliver(id, reply) {
                    tracing::debug!(connector = %self.connector, "an answer that nobody waits for was dropped");
                }
            }
            Frame::Answer { .. } => return Err("an answer under an id that was never given".to_owned()),
            Frame::Request(data) => {
                let id = self.in_flight();
                self.relay(id, data);
            }
            Frame::Notification(data) => {
                let tie = frame::tie(&data);
                let tied = match (&tie.subscription, &tie.progress_token) {
                    (Some(id), _) => Some(*id),
                    (None, Some(token)) => self.pending.of_progress_token(token),
                    (None, None) => None,
                };
                self.relay(tied.or_else(|| self.in_flight()), data);
            }
        }
        Ok(())
    }

    /// The request that something untied goes with when nobody listens: the newest of the only client. Among many
    /// clients, a guess would show one agent what another's call does.
    fn in_flight(&self) -> Option<i64> {
        match self.sharing {
            Sharing::OneClient if self.listener.lock().is_none() => self.pending.newest(),
            Sharing::OneClient | Sharing::ManyClients => None,
        }
    }

    fn relay(&self, id: Option<i64>, data: Bytes) {
        let relay = match id {
            Some(id) => self.pending.relay_of(id),
            None => self.listener.lock().clone(),
        };
        let Some(relay) = relay else { return };
        match relay.try_send(RelayFrame::message(data)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) if id.is_some() => {}
            // One slow client must not hold up the others of this process.
            Err(_) => match id {
                Some(id) => {
                    tracing::warn!(connector = %self.connector, "a call was cut: its client reads too slowly");
                    self.pending.abandon(id);
                }
                None => {
                    self.listener.lock().take();
                }
            },
        }
    }
}

async fn write_lines(mut input: ChildStdin, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(line) = queue.recv().await {
        let written = async {
            input.write_all(&line).await?;
            input.write_all(b"\n").await?;
            input.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}

async fn log_errors(connector: ConnectorName, errors: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(errors, limits::BODY_BYTES);
    while let Ok(Some(line)) = lines.next().await {
        let line =
            String::from_utf8_lossy(line.get(..STDERR_LINE).unwrap_or(&line)).escape_debug().to_string();
        tracing::info!(%connector, line, "the process says");
    }
}

/// Lines up to a limit.
struct Lines<R> {
    reader: BufReader<R>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), limit }
    }

    /// The next line that is not blank; `None` at the end. An unfinished last line is not a message.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut line = Vec::new();
        loop {
            let part = self
                .reader
                .fill_buf()
                .await
                .map_err(|error| format!("the process cannot be read: {error}"))?;
            if part.is_empty() {
                return Ok(None);
            }
            let end = part.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(part.len());
            if line.len() + taken > self.limit {
                return Err(format!("a line of the process is longer than {} bytes", self.limit));
            }
            line.extend_from_slice(part.get(..taken).unwrap_or_default());
            self.reader.consume(end.map_or(taken, |end| end + 1));
            if end.is_some() && !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
            if end.is_some() {
                line.clear();
            }
        }
    }
}
