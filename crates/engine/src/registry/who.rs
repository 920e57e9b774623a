//! From a call, an instance or a receipt to the people behind it: one query for an incident.

use std::{str::FromStr, sync::Arc, time::Duration};

use placet_domain::{Agent, AgentName, CallId, InstanceId, Json, Object, PersonName, ReceiptId, Timestamp};

use crate::{
    Engine,
    ports::{Ledger, LedgerUnavailable},
};

/// What an incident begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// A call.
    Call(CallId),
    /// A run.
    Instance(InstanceId),
    /// Any receipt.
    Receipt(ReceiptId),
}

/// Why a text names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a call (`cal_…`), an instance (`ins_…`) nor a receipt (`rcp_…`)")]
pub struct ParseLookupError(String);

impl FromStr for Lookup {
    type Err = ParseLookupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        None.or_else(|| text.parse().ok().map(Self::Call))
            .or_else(|| text.parse().ok().map(Self::Instance))
            .or_else(|| text.parse().ok().map(Self::Receipt))
            .ok_or_else(|| ParseLookupError(text.to_owned()))
    }
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Who {
    /// The agent's name.
    pub agent: AgentName,
    /// Its registration today, if it has one.
    pub registered: Option<Arc<Agent>>,
    /// The run.
    pub instance: Option<String>,
    /// What the run was started to do and narrowed to, as far as it is known: `task`, `ticket`, `on_behalf_of`, `kind`,
    /// `purpose`, `scope`, `reads_only`, `default_of_tier`.
    pub mandate: Object,
    /// Who started the run.
    pub started_by: Option<String>,
    /// The tool, `crm.get_deal`, if it was about a call.
    pub operation: Option<String>,
    /// What was decided.
    pub verdict: Option<String>,
    /// Who approved the call, with their words.
    pub approver: Option<(String, String)>,
    /// The owner at that time.
    pub owner_then: Option<String>,
    /// The people to page now.
    pub page: Vec<PersonName>,
    /// The receipts it was read from, oldest first.
    pub receipts: Vec<String>,
}

impl Engine {
    /// Finds who is behind a call, a run or a receipt; `None` if nothing is known of it.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn who(&self, lookup: Lookup) -> Result<Option<Who>, LedgerUnavailable> {
        let ledger = self.ports.ledger.clone();
        let scan = tokio::task::spawn_blocking(move || trace(&*ledger, lookup));
        let found =
            scan.await.unwrap_or_else(|error| Err(LedgerUnavailable { reason: error.to_string() }))?;
        Ok(found.and_then(|found| self.tell_who(found)))
    }

    fn tell_who(&self, found: Found) -> Option<Who> {
        let Found { main, started } = found;
        let about = |receipt: &Json| receipt.member("about").cloned().unwrap_or(Json::Null);
        let start = started.as_ref().map(about);
        let from = |key: &str| {
            let direct = text(&main, key).or_else(|| text(&about(&main), key));
            direct.or_else(|| start.as_ref().and_then(|start| text(start, key)))
        };
        let agent: AgentName = from("agent")?.parse().ok()?;
        let registered = self.ports.registry.agent(&agent);
        let instance = from("instance");
        let approval = main.member("approval");
        let approver = approval.and_then(|approval| {
            Some((text(approval, "by")?, text(approval, "rationale").unwrap_or_default()))
        });
        let operation = text(&main, "connector").zip(text(&main, "operation"));
        let page = match &registered {
            Some(agent) => self.page(agent),
            None => Vec::new(),
        };
        let receipts = started.iter().chain([&main]).filter_map(|receipt| text(receipt, "id")).collect();
        Some(Who {
            mandate: mandate(&main, start.as_ref()),
            started_by: started.as_ref().and_then(|started| text(started, "by")),
            operation: operation.map(|(connector, operation)| format!("{connector}.{operation}")),
            verdict: text(&main, "verdict"),
            approver,
            owner_then: from("owner"),
            page,
            receipts,
            instance,
            registered,
            agent,
        })
    }
}

/// The receipt that was asked about, and that of its run's start.
struct Found {
    main: Json,
    started: Option<Json>,
}

fn trace(ledger: &dyn Ledger, lookup: Lookup) -> Result<Option<Found>, LedgerUnavailable> {
    let found = match lookup {
        Lookup::Instance(id) => start_of(ledger, id)?,
        Lookup::Call(id) => {
            let call = id.to_string();
            find(ledger, id.time(), &|receipt| {
                text(receipt, "kind").as_deref() == Some("decision")
                    && text(receipt, "call").as_ref() == Some(&call)
            })?
        }
        Lookup::Receipt(id) => {
            let name = id.to_string();
            find(ledger, id.time(), &|receipt| text(receipt, "id").as_ref() == Some(&name))?
        }
    };
    let Some(main) = found else { return Ok(None) };
    // An outcome knows its call alone.
    if let (Some("outcome"), Some(call)) = (text(&main, "kind").as_deref(), text(&main, "call"))
        && let Ok(call) = call.parse()
    {
        return trace(ledger, Lookup::Call(call));
    }
    let of_change = || main.member("about").and_then(|about| text(about, "instance"));
    let instance = text(&main, "instance").or_else(of_change);
    let started = match instance.and_then(|id| id.parse::<InstanceId>().ok()) {
        Some(id) => start_of(ledger, id)?,
        None => None,
    };
    Ok(Some(Found { main, started }))
}

fn start_of(ledger: &dyn Ledger, id: InstanceId) -> Result<Option<Json>, LedgerUnavailable> {
    let name = id.to_string();
    find(ledger, id.time(), &|receipt| {
        text(receipt, "change").as_deref() == Some("instance_started")
            && receipt.member("about").and_then(|about| text(about, "instance")).as_ref() == Some(&name)
    })
}

/// The first receipt that fits, looked for from shortly before its time on: receipts lie in the ledger nearly in the
/// order of their times, so that nobody reads a year of them in an incident.
fn find(
    ledger: &dyn Ledger,
    time: Timestamp,
    fits: &dyn Fn(&Json) -> bool,
) -> Result<Option<Json>, LedgerUnavailable> {
    let (mut low, mut high) = (0, ledger.size());
    let early = Timestamp::from_micros(time.micros().saturating_sub(micros(SLACK)));
    while low < high {
        let middle = low + (high - low) / 2;
        match time_at(ledger, middle)? {
            Some(at) if at < early => low = middle + 1,
            _ => high = middle,
        }
    }
    let late = time.after(SLACK);
    let mut found = None;
    ledger.scan(low, &mut |_, leaf| {
        let Ok(receipt) = Json::parse(leaf) else { return true };
        if fits(&receipt) {
            found = Some(receipt);
            return false;
        }
        time_of(&receipt).is_none_or(|at| at <= late)
    })?;
    Ok(found)
}

fn time_at(ledger: &dyn Ledger, index: u64) -> Result<Option<Timestamp>, LedgerUnavailable> {
    let mut time = None;
    ledger.scan(index, &mut |_, leaf| {
        time = Json::parse(leaf).ok().as_ref().and_then(time_of);
        false
    })?;
    Ok(time)
}

fn time_of(receipt: &Json) -> Option<Timestamp> {
    receipt.member("time_us").and_then(Json::as_integer).map(Timestamp::from_micros)
}

fn mandate(main: &Json, start: Option<&Json>) -> Object {
    let from = |key: &str| {
        let own = main.member("mandate").and_then(|mandate| text(mandate, key));
        own.or_else(|| start.and_then(|start| text(start, key)))
    };
    let of_start = |key: &str| start.and_then(|start| start.member(key)).cloned();
    Object::new()
        .with_some("task", from("task"))
        .with_some("ticket", from("ticket"))
        .with_some("on_behalf_of", from("on_behalf_of"))
        .with_some("kind", from("kind"))
        .with_some("purpose", from("purpose"))
        .with_some("scope", from("scope"))
        .with_some("reads_only", of_start("reads_only"))
        .with_some("default_of_tier", of_start("default_of_tier"))
}

fn text(receipt: &Json, key: &str) -> Option<String> {
    receipt.member(key).and_then(Json::as_str).map(str::to_owned)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// How far a receipt may lie from the place of its time: longer than any call takes to be judged.
const SLACK: Duration = Duration::from_secs(15 * 60);
