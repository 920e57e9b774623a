//! Callers at a given rate, one for each run. What was accepted and refused is remembered with its times.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::caller::Caller;

/// A run and its credential.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) agent: String,
    pub(super) instance: String,
    pub(super) token: String,
}

/// A call that was answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) agent: String,
    pub(super) instance: String,
    /// Its notes at the CRM.
    pub(super) marker: String,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// `None` if the tool answered.
    pub(super) refused: Option<String>,
}

/// Callers at work.
#[derive(Debug)]
pub(super) struct Load {
    seats: Vec<Arc<Mutex<Seat>>>,
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Call>>>,
}

impl Load {
    /// Lets a caller work for each seat, all of them together at this rate, calls a second.
    pub(super) fn begin(address: SocketAddr, seats: Vec<Seat>, rate: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seats: Vec<_> = seats.into_iter().map(|seat| Arc::new(Mutex::new(seat))).collect();
        let every = Duration::from_secs_f64(seats.len() as f64 / rate.max(1) as f64);
        let callers = seats.iter().enumerate().map(|(number, seat)| {
            let (seat, stop) = (seat.clone(), stop.clone());
            thread::spawn(move || {
                thread::sleep(every.mul_f64(number as f64 / 32.0));
                work(address, &seat, number, every, &stop)
            })
        });
        let callers = callers.collect();
        Self { seats, stop, callers }
    }

    /// Who sits there.
    pub(super) fn seat(&self, number: usize) -> Seat {
        let fallback = Seat { agent: String::new(), instance: String::new(), token: String::new() };
        self.seats
            .get(number)
            .map_or(fallback, |seat| seat.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Another run sits there from now on.
    pub(super) fn sit(&self, number: usize, seat: Seat) {
        if let Some(place) = self.seats.get(number) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = seat;
        }
    }

    /// Lets everybody go home.
    pub(super) fn end(self) -> Vec<Call> {
        self.stop.store(true, Ordering::SeqCst);
        self.callers.into_iter().flat_map(|caller| caller.join().unwrap_or_default()).collect()
    }
}

fn work(
    address: SocketAddr,
    seat: &Mutex<Seat>,
    number: usize,
    every: Duration,
    stop: &AtomicBool,
) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut next = Instant::now();
    let mut now: Option<(Seat, Caller)> = None;
    for count in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let sitting = seat.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if now.as_ref().is_none_or(|(before, _)| before.instance != sitting.instance) {
            let caller = Caller::new(address, &sitting.token);
            now = Some((sitting, caller));
        }
        let Some((sitting, caller)) = now.as_mut() else { break };
        let marker = format!("{number}-{count}");
        let begun = Instant::now();
        let arguments = json!({ "deal_id": "789", "notes": marker });
        // An answer that does not come is another check's business.
        if let Ok(answer) = caller.call("update_deal", &arguments, &marker) {
            calls.push(Call {
                agent: sitting.agent.clone(),
                instance: sitting.instance.clone(),
                marker,
                begun,
                ended: Instant::now(),
                refused: answer.refused,
            });
        }
        next = (next + every).max(Instant::now() - every);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    calls
}
