//! What a kill covers, when it held, and what was accepted in spite of it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::load::{Call, Seat};
use crate::book::Book;

/// What is stopped in a round.
#[derive(Debug, Clone)]
pub(super) enum Cover {
    Agent(String),
    All,
    Connector,
    Instance(String),
    Revoked(String),
    Tool,
}

impl Cover {
    /// Each kind in turn.
    pub(super) fn of_round(round: u64, seat: &Seat) -> Self {
        match round % 6 {
            0 => Self::Instance(seat.instance.clone()),
            1 => Self::Agent(seat.agent.clone()),
            2 => Self::Revoked(seat.instance.clone()),
            3 => Self::Tool,
            4 => Self::Connector,
            _ => Self::All,
        }
    }

    /// How an operator asks for it.
    pub(super) fn kill(&self) -> (&'static str, String, Value) {
        if let Self::Revoked(instance) = self {
            return ("POST", format!("/v1/instances/{instance}/revoke"), json!({}));
        }
        let mut body = self.named();
        if let Some(body) = body.as_object_mut() {
            body.insert("reason".to_owned(), "a check".into());
        }
        ("POST", "/v1/halts".to_owned(), body)
    }

    /// As the control API names it.
    pub(super) fn named(&self) -> Value {
        match self {
            Self::Agent(agent) => json!({ "what": "agent", "name": agent }),
            Self::All => json!({ "what": "all" }),
            Self::Connector => json!({ "what": "connector", "name": "crm" }),
            Self::Instance(instance) | Self::Revoked(instance) => {
                json!({ "what": "instance", "name": instance })
            }
            Self::Tool => json!({ "what": "tool", "name": "crm.update_deal" }),
        }
    }

    /// Its kind, in a word.
    fn kind(&self) -> String {
        let text = format!("{self:?}");
        text.split('(').next().unwrap_or_default().to_lowercase()
    }

    fn covers(&self, agent: &str, instance: &str) -> bool {
        match self {
            Self::Agent(stopped) => stopped == agent,
            Self::Instance(stopped) | Self::Revoked(stopped) => stopped == instance,
            Self::All | Self::Connector | Self::Tool => true,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Revoked(_) => "PL-1004",
            _ => "PL-1231",
        }
    }
}

/// One kill: from its acknowledgement to just before it was taken back.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) cover: Cover,
    pub(super) asked: Instant,
    pub(super) acknowledged: Instant,
    pub(super) ended: Instant,
    /// How long the CRM's log was at both ends, bytes.
    pub(super) arrived: (u64, u64),
}

/// What the rounds came to.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) wrong: Vec<String>,
    kills: usize,
    calls: usize,
    accepted: usize,
    told: BTreeMap<String, usize>,
    seconds: f64,
    /// Calls that began after an acknowledgement and were answered before the end of it.
    during: usize,
    /// Calls that had begun before an acknowledgement and were done by the CRM after it.
    under_way: usize,
    /// Longest and median time from the request to the acknowledgement.
    acknowledging: (Duration, Duration),
    /// Allowed, and taken back before they were sent, because somebody had stopped them meanwhile.
    withdrawn: usize,
}

impl Figures {
    pub(super) fn of(windows: &[Window], calls: &[Call], log: &str) -> Self {
        let mut figures = Self { kills: windows.len(), calls: calls.len(), ..Self::default() };
        let begun = calls.iter().map(|call| call.begun).min();
        let ended = calls.iter().map(|call| call.ended).max();
        figures.seconds = begun.zip(ended).map_or(0.0, |(begun, ended)| (ended - begun).as_secs_f64());
        for call in calls {
            match &call.refused {
                None => figures.accepted += 1,
                Some(code) => *figures.told.entry(code.clone()).or_default() += 1,
            }
        }
        let by_marker: HashMap<&str, &Call> = calls.iter().map(|call| (call.marker.as_str(), call)).collect();
        let mut asked: BTreeMap<String, usize> = BTreeMap::new();
        for (round, window) in windows.iter().enumerate() {
            *asked.entry(window.cover.kind()).or_default() += figures.look(round, window, calls);
            figures.arrivals(round, window, &by_marker, log);
        }
        // A check that nobody asked anything of has shown nothing.
        let idle = asked.iter().filter(|(_, asked)| **asked == 0);
        figures.wrong.extend(idle.map(|(kind, _)| format!("nobody asked while {kind} was stopped")));
        let mut times: Vec<_> = windows.iter().map(|window| window.acknowledged - window.asked).collect();
        times.sort_unstable();
        let at = |place: usize| times.get(place).copied().unwrap_or_default();
        figures.acknowledging = (at(times.len().saturating_sub(1)), at(times.len() / 2));
        figures
    }

    /// Nobody who asked after the acknowledgement was let through; how many asked.
    fn look(&mut self, round: usize, window: &Window, calls: &[Call]) -> usize {
        let covered = |call: &&Call| window.cover.covers(&call.agent, &call.instance);
        let within = |call: &&Call| call.begun > window.acknowledged && call.ended < window.ended;
        let mut asked = 0;
        for call in calls.iter().filter(covered).filter(within) {
            asked += 1;
            if call.refused.as_deref() != Some(window.cover.code()) {
                let told = call.refused.as_deref().unwrap_or("done");
                self.wrong
                    .push(format!("round {round}, {:?}: {} was told {told}", window.cover, call.marker));
            }
        }
        self.during += asked;
        asked
    }

    /// Nothing that was asked for after the acknowledgement arrived at the CRM. What had been decided before may be on
    /// its way, and is counted; that it was decided before is what the ledger shows.
    fn arrivals(&mut self, round: usize, window: &Window, calls: &HashMap<&str, &Call>, log: &str) {
        let place = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let arrived = log.get(place(window.arrived.0)..place(window.arrived.1)).unwrap_or_default();
        for line in arrived.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let notes = line.get("arguments").and_then(|all| all.get("notes")?.as_str()).unwrap_or_default();
            let Some(call) = calls.get(notes) else { continue };
            if window.cover.covers(&call.agent, &call.instance) {
                match call.begun < window.acknowledged {
                    true => self.under_way += 1,
                    false => self.wrong.push(format!(
                        "round {round}, {:?}: {notes} began after the acknowledgement and arrived",
                        window.cover
                    )),
                }
            }
        }
    }

    /// The same in the ledger's own order.
    pub(super) fn read(&mut self, book: &Book) {
        let mut stopped: HashMap<String, usize> = HashMap::new();
        let mut spans: Vec<(usize, usize, Value)> = Vec::new();
        for ending in &book.endings {
            let mut about = ending.about.clone();
            if let Some(about) = about.as_object_mut() {
                about.remove("reason");
                about.remove("halted_us");
            }
            match ending.change.as_str() {
                "halted" => {
                    stopped.insert(about.to_string(), ending.index);
                }
                "halt_lifted" => {
                    if let Some(from) = stopped.remove(&about.to_string()) {
                        spans.push((from, ending.index, about));
                    }
                }
                _ => spans.push((ending.index, usize::MAX, about)),
            }
        }
        let is = |about: &Value, key: &str, name: &str| {
            about.get(key).and_then(Value::as_str).is_none_or(|stopped| stopped == name)
        };
        // The CRM fails nothing: what failed was never sent.
        let unsent = |call: &&String| book.outcomes.get(*call).is_some_and(|all| all == &["failed"]);
        self.withdrawn = book.allowed.keys().filter(unsent).count();
        for (call, allowed) in &book.allowed {
            let covered = spans.iter().any(|(from, to, about)| {
                (*from..*to).contains(&allowed.index)
                    && is(about, "agent", &allowed.agent)
                    && is(about, "instance", &allowed.instance)
                    && is(about, "connector", "crm")
            });
            if !covered {
                continue;
            }
            let outcomes = book.outcomes.get(call).map(Vec::as_slice).unwrap_or_default();
            match outcomes {
                [outcome] if outcome == "failed" => {}
                _ => self.wrong.push(format!("{call} was allowed after a halt's receipt: {outcomes:?}")),
            }
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills, calls, accepted, told, seconds, during, under_way, acknowledging, withdrawn, ..
        } = self;
        let rate = *calls as f64 / seconds.max(f64::MIN_POSITIVE);
        writeln!(
            formatter,
            "{calls} calls in {seconds:.1} s, {rate:.0} a second; {accepted} accepted, refused: {told:?}"
        )?;
        write!(
            formatter,
            "{kills} kills, acknowledged after {:.1?} (median {:.1?}); {during} calls of what was stopped asked between \
             acknowledgement and resumption, all refused and none at the CRM; {under_way} that were under way arrived after it, {withdrawn} were taken back \
             between decision and sending",
            acknowledging.0, acknowledging.1
        )
    }
}
