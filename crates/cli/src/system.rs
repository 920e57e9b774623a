//! The system behind the ports: clock, randomness, notices. The only place that reads the clock.

use std::{
    fs::File,
    io::Read as _,
    sync::atomic::{AtomicI64, Ordering},
};

use placet_domain::{Approval, Timestamp};
use placet_engine::ports::{Clock, Entropy, Notifier};

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

/// Randomness of the operating system, expanded by the cryptographic library.
#[derive(Debug, Default)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if aws_lc_rs::rand::fill(buffer).is_ok() {
            return;
        }
        // Without randomness nothing may go on: ids and commitments would be guessable.
        let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer));
        if read.is_err() {
            std::process::abort();
        }
    }
}

/// Tells the log that a person is asked. Where people look is a later port.
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
}
