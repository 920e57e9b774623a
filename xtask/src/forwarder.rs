//! A forwarder that adds a bearer token, for clients that cannot send one. Everything else passes as it came:
//! request heads are read only to find where the next one starts, responses are copied byte by byte.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::failure::Failure;

/// Bytes of one request head.
const HEAD: u64 = 65_536;

/// Listens until the program ends.
#[derive(Debug)]
pub(crate) struct Forwarder {
    listener: TcpListener,
}

impl Forwarder {
    /// Takes a free port; connections wait until [`Self::forward`].
    pub(crate) fn bind() -> Result<Self, Failure> {
        Ok(Self { listener: TcpListener::bind(("127.0.0.1", 0))? })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        Ok(self.listener.local_addr()?)
    }

    /// Sends every connection on to `upstream`, each request with the token.
    pub(crate) fn forward(self, upstream: SocketAddr, token: String) {
        thread::spawn(move || {
            for client in self.listener.incoming().flatten() {
                let token = token.clone();
                thread::spawn(move || connection(client, upstream, &token));
            }
        });
    }
}

/// A connection of its own upstream for each of the client's. An error on either side closes both.
fn connection(client: TcpStream, upstream: SocketAddr, token: &str) {
    let Ok(server) = TcpStream::connect(upstream) else { return };
    let (Ok(answers), Ok(client_end)) = (server.try_clone(), client.try_clone()) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let copying = thread::spawn(move || copy_answers(answers, client_end));
    let _ = copy_requests(&client, &server, token);
    // The client has gone: so must its request, or nobody could cancel anything.
    let _ = server.shutdown(Shutdown::Both);
    let _ = copying.join();
}

fn copy_answers(mut server: TcpStream, mut client: TcpStream) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let Some(bytes) = buffer.get(..read) else { break };
        if client.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn copy_requests(client: &TcpStream, mut server: &TcpStream, token: &str) -> io::Result<()> {
    let mut client = BufReader::new(client);
    while let Some(head) = head(&mut client)? {
        let (first, rest) = head.split_once("\r\n").unwrap_or((&head, "\r\n"));
        server.write_all(format!("{first}\r\nAuthorization: Bearer {token}\r\n{rest}").as_bytes())?;
        match body(&head) {
            Body::Length(length) => {
                io::copy(&mut client.by_ref().take(length), &mut server)?;
            }
            Body::Chunked => copy_chunks(&mut client, server)?,
        }
    }
    Ok(())
}

/// The next request head, with the empty line; `None` at the end of the connection.
fn head(client: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    let mut client = client.take(HEAD);
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

#[derive(Debug, PartialEq)]
enum Body {
    Length(u64),
    Chunked,
}

fn body(head: &str) -> Body {
    let value = |name: &str| {
        head.lines().filter_map(|line| line.split_once(':')).find_map(|(known, value)| {
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    match value("transfer-encoding") {
        Some(coding) if coding.contains("chunked") => Body::Chunked,
        _ => Body::Length(value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)),
    }
}

fn copy_chunks(client: &mut impl BufRead, mut server: &TcpStream) -> io::Result<()> {
    loop {
        let mut line = String::new();
        client.read_line(&mut line)?;
        server.write_all(line.as_bytes())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        // The bytes and their line end; after the last chunk, the line end alone (no trailers are sent here).
        io::copy(&mut client.by_ref().take(size + 2), &mut server)?;
        if size == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_the_token_and_keeps_everything_else() {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let forwarder = Forwarder::bind().unwrap();
        let address = forwarder.address().unwrap();
        forwarder.forward(upstream.local_addr().unwrap(), "t0".to_owned());

        let mut client = TcpStream::connect(address).unwrap();
        client
            .write_all(
                b"POST /a HTTP/1.1\r\nHost: evil\r\nContent-Length: 2\r\n\r\n{}GET /b HTTP/1.1\r\n\r\n",
            )
            .unwrap();
        let (mut server, _) = upstream.accept().unwrap();
        let expected = "POST /a HTTP/1.1\r\nAuthorization: Bearer t0\r\nHost: evil\r\nContent-Length: 2\r\n\r\n{}\
                        GET /b HTTP/1.1\r\nAuthorization: Bearer t0\r\n\r\n";
        let mut seen = vec![0; expected.len()];
        server.read_exact(&mut seen).unwrap();
        assert_eq!(String::from_utf8(seen).unwrap(), expected);

        server.write_all(b"data: 1\n\n").unwrap();
        let mut event = [0; 9];
        client.read_exact(&mut event).unwrap();
        assert_eq!(&event, b"data: 1\n\n", "an event passes before the stream ends");
    }

    #[test]
    fn a_chunked_body_is_found() {
        assert_eq!(body("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Body::Chunked);
        assert_eq!(body("POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\n"), Body::Length(12));
    }
}
