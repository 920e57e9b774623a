//! Sixteen agents that call the CRM as fast as it answers, and what they remember of it.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::caller::{Answer, Caller};

/// Agents that call at the same time.
const CALLERS: usize = 16;
/// How long a caller waits after a lost connection.
const PAUSE: Duration = Duration::from_millis(5);

/// What the callers remember.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Calls that were answered by the tool.
    pub(crate) acked: Vec<Ack>,
    /// Calls that the gateway refused.
    pub(crate) refused: Vec<Refused>,
}

/// An acknowledged call: its marker, and where its receipts are said to be.
#[derive(Debug, Clone)]
pub(crate) struct Ack {
    pub(crate) marker: String,
    pub(crate) call: String,
    pub(crate) receipts: Vec<(u64, String)>,
}

/// A refused call.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) marker: String,
    pub(crate) code: String,
    pub(crate) waited: Duration,
}

/// Calls until `act` returns.
pub(crate) fn run<T>(address: SocketAddr, token: &str, name: &str, act: impl FnOnce() -> T) -> (Load, T) {
    let stop = AtomicBool::new(false);
    let mut load = Load::default();
    let done = thread::scope(|scope| {
        let stop = &stop;
        let caller = |number| {
            move || {
                let mut caller = Caller::new(address, token);
                let mut load = Load::default();
                let mut count = 0;
                while !stop.load(Ordering::SeqCst) {
                    count += 1;
                    if load.one(&mut caller, format!("{name}-{number}-{count}")).is_err() {
                        thread::sleep(PAUSE);
                    }
                }
                load
            }
        };
        let callers: Vec<_> = (0..CALLERS).map(|number| scope.spawn(caller(number))).collect();
        let done = act();
        stop.store(true, Ordering::SeqCst);
        for caller in callers {
            let theirs = caller.join().unwrap_or_default();
            load.acked.extend(theirs.acked);
            load.refused.extend(theirs.refused);
        }
        done
    });
    (load, done)
}

impl Load {
    /// Makes one call and remembers how it was answered; an error if it was not.
    pub(crate) fn one(&mut self, caller: &mut Caller, marker: String) -> io::Result<()> {
        let begun = Instant::now();
        let arguments = json!({ "deal_id": "789", "notes": marker });
        let answer = caller.call("update_deal", &arguments, &marker)?;
        match answer.refused {
            Some(code) => self.refused.push(Refused { marker, code, waited: begun.elapsed() }),
            None => self.acked.push(Ack::of(marker, &answer)),
        }
        Ok(())
    }
}

impl Ack {
    fn of(marker: String, answer: &Answer) -> Self {
        let place = |kind: &str| {
            let receipt = answer.receipt.get(kind)?;
            Some((receipt.get("index")?.as_u64()?, receipt.get("id")?.as_str()?.to_owned()))
        };
        let call = answer.receipt.get("call").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            marker,
            call,
            receipts: ["decision", "outcome"].iter().filter_map(|kind| place(kind)).collect(),
        }
    }
}
