//! The system behind the ports: clock, randomness, notices. The only place that reads the clock.

use std::{
    cell::RefCell,
    fs::File,
    io::Read as _,
    sync::atomic::{AtomicI64, Ordering},
};

use placet_domain::{Approval, Grant, Timestamp};
use placet_engine::{
    LifeNotice,
    ports::{Clock, Entropy, Notifier},
};

/// The operating system's clock, never running backwards within this process.
#[derive(Debug, Default)]
pub(crate) struct SystemClock {
    latest: AtomicI64,
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
        let now = jiff::Timestamp::now().as_microsecond();
        Timestamp::from_micros(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

/// Randomness of the operating system, expanded by the cryptographic library. A call needs a few bytes several times;
/// each thread fetches them in one piece.
#[derive(Debug, Default)]
pub(crate) struct SystemEntropy;

/// Bytes fetched at once.
const STOCK: usize = 512;

/// Random bytes that nobody has seen yet. Used ones are overwritten.
struct Stock {
    bytes: [u8; STOCK],
    used: usize,
}

thread_local! {
    static STOCK_OF_THREAD: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], used: STOCK }) };
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > STOCK / 4 {
            return fetch(buffer);
        }
        STOCK_OF_THREAD.with_borrow_mut(|stock| {
            if STOCK - stock.used < buffer.len() {
                fetch(&mut stock.bytes);
                stock.used = 0;
            }
            let fresh = stock.bytes.iter_mut().skip(stock.used);
            for (wanted, fresh) in buffer.iter_mut().zip(fresh) {
                *wanted = std::mem::take(fresh);
            }
            stock.used += buffer.len();
        });
    }
}

fn fetch(buffer: &mut [u8]) {
    if aws_lc_rs::rand::fill(buffer).is_ok() {
        return;
    }
    // Without randomness nothing may go on: ids and commitments would be guessable.
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer));
    if read.is_err() {
        std::process::abort();
    }
}

/// Tells the log what people are to know. Where people look is a later port.
#[derive(Debug, Default)]
pub(crate) struct LogNotifier;

impl Notifier for LogNotifier {
    fn asked(&self, approval: &Approval) {
        tracing::info!(
            approval = %approval.id,
            agent = %approval.requester.agent,
            operation = %approval.operation,
            "a call waits for a person: `placet approval show {}`",
            approval.id
        );
    }

    fn grant_asked(&self, grant: &Grant) {
        tracing::info!(
            grant = %grant.id,
            agent = %grant.agent,
            connector = %grant.connector,
            "a request for permission waits for a person: `placet grant show {}`",
            grant.id
        );
    }

    fn life(&self, notice: &LifeNotice) {
        let to = notice.to.iter().map(|person| person.as_str()).collect::<Vec<_>>().join(", ");
        let contact = notice.contact.as_deref();
        match notice.alert {
            true => {
                tracing::warn!(agent = %notice.agent, stage = %notice.stage, to, contact, "{}", notice.text)
            }
            false => {
                tracing::info!(agent = %notice.agent, stage = %notice.stage, to, contact, "{}", notice.text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_given_twice() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let mut small = [0; 10];
            SystemEntropy.fill(&mut small);
            assert!(seen.insert(small.to_vec()));
            let mut large = [0; 32];
            SystemEntropy.fill(&mut large);
            assert!(seen.insert(large.to_vec()));
        }
        let mut huge = [0; 4 * STOCK];
        SystemEntropy.fill(&mut huge);
        assert!(huge.iter().any(|byte| *byte != 0));
    }
}
