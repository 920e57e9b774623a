//! `placet stdio`: lines of JSON-RPC on standard input and output ↔ the gateway's streamable HTTP.
//! It carries messages as they are: what is refused, and on record, is refused by the gateway.

mod conversation;
mod gateway;
mod token;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use hyper::body::Bytes;
use placet_domain::{ConnectorName, limits};
use placet_wire::reply;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

pub(crate) use gateway::listening;

use crate::{
    command::stdio::{conversation::Turn, gateway::Gateway, token::Token},
    context::Context,
    exit::Exit,
    failure::Failure,
    print::note,
};

/// Messages that may wait for a slow reader of standard output.
const WAITING: usize = 256;
/// How long a message that others may depend on holds up those behind it.
const ORDERLY: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = "In an MCP client: {\"command\": \"placet\", \"args\": [\"stdio\", \"crm\"], \
                        \"env\": {\"PLACET_TOKEN\": \"…\"}}")]
pub(crate) struct Stdio {
    /// The connector
    connector: ConnectorName,
    /// The gateway (default: where `gateway.listen` of the configuration says)
    #[arg(long, value_name = "URL", env = "PLACET_GATEWAY")]
    gateway: Option<String>,
    /// A file with the instance's token, read anew for every message (default: the variable PLACET_TOKEN)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Carries messages until standard input ends and every call has its answer.
pub(crate) async fn run(stdio: Stdio, context: &Context) -> Result<Exit, Failure> {
    let token = Token::of_process(stdio.token_file)?;
    let base = match stdio.gateway {
        Some(base) => base,
        None => listening(&context.config)?,
    };
    let gateway = Arc::new(Gateway::new(&base, &stdio.connector, token)?);
    carry(gateway, BufReader::new(tokio::io::stdin()), tokio::io::stdout()).await
}

/// Standard input and output are parameters, so that a test can hold the other ends.
async fn carry(
    gateway: Arc<Gateway>,
    mut input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> Result<Exit, Failure> {
    let (replies, waiting) = mpsc::channel::<Bytes>(WAITING);
    let writer = tokio::spawn(write(waiting, output));
    let mut calls = JoinSet::new();
    let mut stream: Option<JoinHandle<()>> = None;
    while let Some(line) = read(&mut input).await? {
        let Ok(line) = line else {
            let why = format!("a message is larger than {} bytes", limits::BODY_BYTES);
            drop(replies.send(reply::error(None, reply::NOT_ACCEPTED, &why, None)).await);
            continue;
        };
        while calls.try_join_next().is_some() {}
        let turn = gateway.conversation.hear(&line);
        let is_initialized = turn.is_initialized;
        pass(&gateway, turn, line, &replies, &mut calls).await;
        if is_initialized && gateway.conversation.session().is_some() {
            let (gateway, replies) = (gateway.clone(), replies.clone());
            let opened = tokio::spawn(async move { gateway.listen(&replies).await });
            if let Some(before) = stream.replace(opened) {
                before.abort();
            }
        }
    }
    while calls.join_next().await.is_some() {}
    if let Some(stream) = stream {
        stream.abort();
        drop(stream.await);
    }
    gateway.close().await;
    drop(replies);
    drop(writer.await);
    Ok(Exit::Ok)
}

/// Sends one message. Calls run beside each other; what later messages depend on goes before them.
async fn pass(
    gateway: &Arc<Gateway>,
    turn: Turn,
    line: Bytes,
    replies: &mpsc::Sender<Bytes>,
    calls: &mut JoinSet<()>,
) {
    let is_call = turn.is_call;
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let (gateway, replies) = (gateway.clone(), replies.clone());
    calls.spawn(async move {
        gateway.send(turn, line, &replies).await;
        drop(done);
    });
    if !is_call {
        // An error means that it has ended, which is what is waited for.
        drop(tokio::time::timeout(ORDERLY, finished).await);
    }
}

/// The next line that is not empty, without its end, or that it was too long; `None` at the end of the input.
async fn read(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Result<Bytes, TooLong>>, Failure> {
    loop {
        let Some((line, is_whole)) = part(input).await? else { return Ok(None) };
        if !is_whole {
            while part(input).await?.is_some_and(|(_, is_whole)| !is_whole) {}
            return Ok(Some(Err(TooLong)));
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            return Ok(Some(Ok(Bytes::copy_from_slice(text))));
        }
    }
}

/// A line, or as much of one as the gateway would take and a little more.
async fn part(input: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<(Vec<u8>, bool)>, Failure> {
    const LIMIT: u64 = limits::BODY_BYTES as u64 + 2;
    let mut line = Vec::new();
    let read = input.take(LIMIT).read_until(b'\n', &mut line).await;
    let count = read.map_err(Failure::of("standard input cannot be read"))?;
    let is_whole = line.ends_with(b"\n") || (count as u64) < LIMIT;
    Ok((count > 0).then_some((line, is_whole)))
}

/// A message that the gateway would not take.
#[derive(Debug)]
struct TooLong;

/// Writes one message a line. Line breaks between tokens mean nothing in JSON, and inside strings there are none.
async fn write(mut waiting: mpsc::Receiver<Bytes>, mut output: impl AsyncWrite + Unpin) {
    while let Some(message) = waiting.recv().await {
        let mut line: Vec<u8> =
            message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect();
        line.push(b'\n');
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            note("placet: standard output is closed");
            return;
        }
    }
}

#[cfg(test)]
mod tests;
