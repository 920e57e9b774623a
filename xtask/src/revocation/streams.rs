//! Open streams: sessions that listen, and calls whose tool is slow. One run is stopped, then everything.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{AGENTS, Cover, Scene, load::Seat};
use crate::failure::Failure;

/// Streams of one run.
const STREAMS_OF_A_RUN: usize = 10;
/// The bar: from the request to stop to the end of the stream.
const BAR: Duration = Duration::from_secs(1);
/// How long a stream may take to open, and to end when the bar is missed.
const PATIENCE: Duration = Duration::from_secs(20);
const VERSION: &str = "2025-11-25";

/// What became of the streams.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) wrong: Vec<String>,
    streams: usize,
    listening: usize,
    first: (usize, Duration),
    longest: Duration,
}

/// A stream that has ended.
#[derive(Debug)]
struct End {
    number: usize,
    at: Instant,
    /// Whether it named the reason.
    told: bool,
}

/// Opens streams, stops one run, then everything.
pub(super) fn cut(scene: &Scene, streams: usize) -> Result<Cut, Failure> {
    let address = scene.place.address();
    let mut runs = Vec::new();
    for number in 0..streams.div_ceil(STREAMS_OF_A_RUN) {
        runs.push(scene.start(AGENTS.get(number % AGENTS.len()).copied().unwrap_or("ant"))?);
    }
    let (sender, ends) = mpsc::channel();
    let mut cut = Cut { streams, ..Cut::default() };
    for number in 0..streams {
        let Some(seat) = runs.get(number / STREAMS_OF_A_RUN) else { break };
        let listens = number % 2 == 0;
        cut.listening += usize::from(listens);
        let stream = open(address, seat, listens)?;
        let sender = sender.clone();
        thread::spawn(move || {
            let told = read_to_the_end(stream);
            let _gone = sender.send(End { number, at: Instant::now(), told });
        });
    }
    // Silent calls become streams after a moment.
    thread::sleep(Duration::from_secs(1));
    if let Ok(end) = ends.try_recv() {
        cut.wrong.push(format!("stream {} ended before anything was stopped", end.number));
    }
    let first = runs.first().map(|seat| seat.instance.clone()).unwrap_or_default();
    let one = Cover::Instance(first);
    let of_first = streams.min(STREAMS_OF_A_RUN);
    let (longest, mut others) = stop(scene, &one, &ends, of_first, &mut cut.wrong)?;
    others.retain(|number| *number >= STREAMS_OF_A_RUN);
    cut.wrong.extend(others.iter().map(|number| format!("stream {number} ended with another's run")));
    cut.first = (of_first, longest);
    cut.longest = stop(scene, &Cover::All, &ends, streams - of_first, &mut cut.wrong)?.0.max(longest);
    scene.resume(&Cover::All)?;
    scene.resume(&one)?;
    Ok(cut)
}

/// Stops something and waits for so many streams: the longest time, and which ended.
fn stop(
    scene: &Scene,
    cover: &Cover,
    ends: &mpsc::Receiver<End>,
    wanted: usize,
    wrong: &mut Vec<String>,
) -> Result<(Duration, Vec<usize>), Failure> {
    let asked = Instant::now();
    scene.kill(cover)?;
    let (mut longest, mut ended) = (Duration::ZERO, Vec::new());
    for _ in 0..wanted {
        let Ok(end) = ends.recv_timeout(PATIENCE) else {
            wrong.push(format!("{} of {wanted} streams stay open ({cover:?})", wanted - ended.len()));
            break;
        };
        let took = end.at.saturating_duration_since(asked);
        if took > BAR {
            wrong.push(format!("stream {} ended {took:?} after the request ({cover:?})", end.number));
        }
        if !end.told {
            wrong.push(format!("stream {} ended without a reason ({cover:?})", end.number));
        }
        longest = longest.max(took);
        ended.push(end.number);
    }
    Ok((longest, ended))
}

fn open(address: SocketAddr, seat: &Seat, listens: bool) -> Result<BufReader<TcpStream>, Failure> {
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": VERSION, "capabilities": {}, "clientInfo": { "name": "xtask", "version": "0" } } });
    let mut opening = send(address, seat, "POST", "", &initialize.to_string())?;
    let head = head(&mut opening)?;
    let session = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
    let session = session.ok_or_else(|| Failure::Broke(format!("no session: {head}")))?;
    let headers = format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: {VERSION}\r\n");
    let mut stream = match listens {
        true => send(address, seat, "GET", &headers, "")?,
        false => {
            let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
                "name": "slow_compute", "arguments": { "seconds": 30, "label": "check" } } });
            send(address, seat, "POST", &headers, &call.to_string())?
        }
    };
    if listens {
        let head = self::head(&mut stream)?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(Failure::Broke(format!("no stream: {head}")));
        }
    }
    Ok(stream)
}

fn send(
    address: SocketAddr,
    seat: &Seat,
    method: &str,
    headers: &str,
    body: &str,
) -> Result<BufReader<TcpStream>, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE * 3))?;
    let request = format!(
        "{method} /mcp/everything HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n{headers}\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Content-Length: {}\r\n\r\n{body}",
        seat.token,
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    Ok(BufReader::new(stream))
}

fn head(stream: &mut BufReader<TcpStream>) -> Result<String, Failure> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(Failure::Broke(format!("the connection ended: {head}")));
        }
    }
    Ok(head)
}

/// Reads to the end of the answer; whether it named the code of a kill.
fn read_to_the_end(mut stream: BufReader<TcpStream>) -> bool {
    let mut told = false;
    let mut length = None;
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(0) | Err(_) => return told,
            Ok(_) => {}
        }
        told |= line.contains("PL-1231");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse::<usize>().ok();
        }
        // The end of a chunked body, or a whole one.
        if line == "0\r\n" {
            return told;
        }
        if let (Some(length), "\r\n") = (length, line.as_str()) {
            let mut body = vec![0; length];
            let read = std::io::Read::read_exact(&mut stream, &mut body);
            let message: Value = serde_json::from_slice(&body).unwrap_or_default();
            return read.is_ok() && message.to_string().contains("PL-1231");
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, listening, first, longest, .. } = self;
        write!(
            formatter,
            "{streams} open streams ({listening} listening sessions, {} calls under way): one run's {} cut within \
             {:.0?}, all within {longest:.0?} of the request, each with a reason",
            streams - listening,
            first.0,
            first.1
        )
    }
}
