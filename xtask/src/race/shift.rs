//! A server whose tools change: passes everything on to the CRM, and on request changes one letter of a description.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::failure::Failure;

/// What `update_deal` says of itself, and what it says after the change. Of one length, so that no header lies.
const BEFORE: &[u8] = b"Change the fields of a deal";
const AFTER: &[u8] = b"Change the Fields of a deal";

/// A listener before a server; it ends with the program.
#[derive(Debug)]
pub(super) struct Shift {
    address: SocketAddr,
    shifted: Arc<AtomicBool>,
}

impl Shift {
    /// Listens on a free port of loopback.
    pub(super) fn before(upstream: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let (address, shifted) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let changes = shifted.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let changes = changes.clone();
                thread::spawn(move || pass(client, upstream, &changes));
            }
        });
        Ok(Self { address, shifted })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on one tool has another definition.
    pub(super) fn shift(&self) {
        self.shifted.store(true, Ordering::SeqCst);
    }
}

fn pass(client: TcpStream, upstream: SocketAddr, shifted: &AtomicBool) -> io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let asking = thread::spawn(move || {
        let _ended = io::copy(&mut from_client, &mut to_server);
        let _closed = to_server.shutdown(Shutdown::Both);
    });
    let (mut server, mut client) = (server, client);
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let Some(answer) = buffer.get_mut(..read) else { break };
        if shifted.load(Ordering::SeqCst)
            && let Some(at) = answer.windows(BEFORE.len()).position(|window| window == BEFORE)
            && let Some(place) = answer.get_mut(at..at + AFTER.len())
        {
            place.copy_from_slice(AFTER);
        }
        client.write_all(answer)?;
    }
    let _closed = client.shutdown(Shutdown::Both);
    let _ended = asking.join();
    Ok(())
}
