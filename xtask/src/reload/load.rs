//! Callers that call as fast as answers come. What each call was told is remembered with its times.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::caller::Caller;

/// A call that was answered.
#[derive(Debug)]
pub(super) struct Call {
    /// Its rationale: caller, number and amount.
    pub(super) marker: String,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// `None` if the tool answered.
    pub(super) refused: Option<String>,
}

impl Call {
    pub(super) fn took(&self) -> Duration {
        self.ended - self.begun
    }
}

/// Callers at work.
#[derive(Debug)]
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Call>>>,
}

impl Load {
    /// Lets a caller work for each token.
    pub(super) fn begin(address: SocketAddr, tokens: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let caller = |(number, token): (usize, &String)| {
            let (caller, stop) = (Caller::new(address, token), stop.clone());
            thread::spawn(move || work(caller, number, &stop))
        };
        let callers = tokens.iter().enumerate().map(caller).collect();
        Self { stop, callers }
    }

    /// Lets everybody go home.
    pub(super) fn end(self) -> Vec<Call> {
        self.stop.store(true, Ordering::SeqCst);
        self.callers.into_iter().flat_map(|caller| caller.join().unwrap_or_default()).collect()
    }
}

fn work(mut caller: Caller, number: usize, stop: &AtomicBool) -> Vec<Call> {
    let mut calls = Vec::new();
    for count in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let amount = (count * 37) % 100;
        let marker = format!("{number}-{count}-{amount}");
        let begun = Instant::now();
        let arguments = json!({ "deal_id": "789", "amount": amount });
        // An answer that does not come is another check's business.
        if let Ok(answer) = caller.call("update_deal", &arguments, &marker) {
            calls.push(Call { marker, begun, ended: Instant::now(), refused: answer.refused });
        }
    }
    calls
}
