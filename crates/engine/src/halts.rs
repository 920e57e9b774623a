//! The kill switch: what people have stopped. A halt holds in memory before it is stored, is stored before it is
//! recorded, and is recorded before it is acknowledged; a lift takes the same way back. Read by every call.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use placet_domain::{
    Agent, Code, ConnectorName, Halt, HaltTarget, Instance, Object, Operation, PersonName, Refusal,
    RegistryChange, RegistryReceipt, Timestamp,
};
use tokio::sync::{Mutex, watch};

use crate::{
    Engine,
    ports::{LedgerUnavailable, StoreError},
};

/// Longest reason, characters: as many as a receipt keeps.
const REASON_CHARS: usize = 500;

/// Why something was not stopped, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum HaltError {
    /// The receipt could not be written. What was stopped stays stopped.
    #[error("the change is not on record")]
    Ledger(#[from] LedgerUnavailable),
    /// The person may not let it go on.
    #[error("`{by}` may not resume it: {why}")]
    NotAllowed {
        /// The person.
        by: PersonName,
        /// Why not.
        why: String,
    },
    /// It is not stopped.
    #[error("{0} is not stopped")]
    NotHalted(String),
    /// There is no reason, or too long a one.
    #[error("give a reason of at most {REASON_CHARS} characters: refused agents and auditors read it")]
    Reason,
    /// The records could not be written. What was to be stopped is, until this process ends.
    #[error("the change is not stored; what was stopped stays stopped until Placet stops")]
    Store(#[from] StoreError),
    /// There is no such thing to stop.
    #[error("{0}")]
    Unknown(String),
}

/// What is stopped, and word of every ending for those who wait for one.
#[derive(Debug)]
pub(crate) struct Halting {
    in_force: ArcSwap<Board>,
    /// Halts and lifts are made one after the other.
    changing: Mutex<()>,
    endings: watch::Sender<u64>,
}

/// An immutable snapshot of every halt in force.
#[derive(Debug, Clone, Default)]
struct Board(HashMap<HaltTarget, Arc<Halt>>);

impl Board {
    fn of(&self, target: &HaltTarget) -> Option<&Arc<Halt>> {
        self.0.get(target)
    }

    fn of_run(&self, instance: &Instance) -> Option<&Arc<Halt>> {
        self.of(&HaltTarget::All)
            .or_else(|| self.of(&HaltTarget::Agent(instance.agent.clone())))
            .or_else(|| self.of(&HaltTarget::Instance(instance.id)))
    }

    fn of_road(&self, connector: &ConnectorName, operation: Option<&Operation>) -> Option<&Arc<Halt>> {
        let tool = match operation {
            Some(Operation::Tool(tool)) => self.of(&HaltTarget::Tool(connector.clone(), tool.clone())),
            _ => None,
        };
        tool.or_else(|| self.of(&HaltTarget::Connector(connector.clone())))
            .or_else(|| self.of(&HaltTarget::All))
    }
}

impl Halting {
    pub(crate) fn with(halts: Vec<Halt>) -> Self {
        let board = halts.into_iter().map(|halt| (halt.target.clone(), Arc::new(halt))).collect();
        Self {
            in_force: ArcSwap::from_pointee(Board(board)),
            changing: Mutex::new(()),
            endings: watch::Sender::new(0),
        }
    }

    fn put(&self, halt: Halt) {
        self.change(|board| {
            board.0.insert(halt.target.clone(), Arc::new(halt));
        });
    }

    /// Changes are made under the lock, so nothing comes between the copy and the exchange.
    fn change(&self, change: impl FnOnce(&mut Board)) {
        let mut board = Board::clone(&self.in_force.load());
        change(&mut board);
        self.in_force.store(Arc::new(board));
    }

    /// Wakes everybody who waits for an ending, to look whether it is theirs.
    pub(crate) fn announce(&self) {
        self.endings.send_modify(|epoch| *epoch = epoch.wrapping_add(1));
    }

    pub(crate) fn endings(&self) -> watch::Receiver<u64> {
        self.endings.subscribe()
    }
}

impl Engine {
    /// Every halt in force, oldest first.
    #[must_use]
    pub fn halts(&self) -> Vec<Arc<Halt>> {
        let mut all: Vec<_> = self.halting.in_force.load().0.values().cloned().collect();
        all.sort_by(|left, right| (left.at, &left.target).cmp(&(right.at, &right.target)));
        all
    }

    /// Stops something. After `Ok` no further call that it covers is accepted, restarts included; what is stopped
    /// already stays so, for the first reason.
    ///
    /// # Errors
    /// See [`HaltError`]. On an error of the store or the ledger it is stopped all the same.
    pub async fn halt(
        &self,
        target: HaltTarget,
        reason: &str,
        by: &PersonName,
    ) -> Result<Arc<Halt>, HaltError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS {
            return Err(HaltError::Reason);
        }
        self.exists(&target)?;
        let _one_at_a_time = self.halting.changing.lock().await;
        let known = self.halting.in_force.load().of(&target).cloned();
        let halt = match known {
            Some(known) if known.recorded => return Ok(known),
            Some(known) => Halt::clone(&known),
            None => Halt {
                target,
                reason: reason.to_owned(),
                by: by.clone(),
                at: self.ports.clock.now(),
                recorded: false,
            },
        };
        // INVARIANT: memory first. A kill switch works when the disk does not.
        self.halting.put(halt.clone());
        self.halting.announce();
        self.record_halt(halt).await
    }

    /// Lets go on what was stopped. What else stops it, an outer halt or a revocation, still does.
    ///
    /// # Errors
    /// See [`HaltError`]; it stays stopped then.
    pub async fn lift(&self, target: &HaltTarget, by: &PersonName) -> Result<Arc<Halt>, HaltError> {
        let _one_at_a_time = self.halting.changing.lock().await;
        let known = self.halting.in_force.load().of(target).cloned();
        let halt = known.ok_or_else(|| HaltError::NotHalted(target.in_words()))?;
        self.may_lift(&halt, by)?;
        let now = self.ports.clock.now();
        let about = target.to_json().with("halted_us", halt.at.micros());
        // A right is recorded before it exists.
        self.record_change(RegistryReceipt {
            id: self.receipt_id(now),
            now,
            change: RegistryChange::HaltLifted,
            by: Some(by),
            about,
        })
        .await?;
        self.ports.halts.lift(target).await?;
        self.halting.change(|board| {
            board.0.remove(target);
        });
        Ok(halt)
    }

    /// Stores and records the halts whose receipts a crash, a full disk or the ledger has prevented.
    ///
    /// # Errors
    /// The store or the ledger could not be written; everything stays stopped.
    pub async fn record_halts(&self) -> Result<(), HaltError> {
        if self.halting.in_force.load().0.values().all(|halt| halt.recorded) {
            return Ok(());
        }
        let _one_at_a_time = self.halting.changing.lock().await;
        for halt in self.halts().into_iter().filter(|halt| !halt.recorded) {
            self.record_halt(Halt::clone(&halt)).await?;
        }
        Ok(())
    }

    async fn record_halt(&self, mut halt: Halt) -> Result<Arc<Halt>, HaltError> {
        self.ports.halts.put(halt.clone()).await?;
        self.record_change(RegistryReceipt {
            id: self.receipt_id(halt.at),
            now: halt.at,
            change: RegistryChange::Halted,
            by: Some(&halt.by),
            about: halt.target.to_json().with("reason", halt.reason.as_str()),
        })
        .await?;
        halt.recorded = true;
        self.halting.put(halt.clone());
        // Only the mark that it is recorded: if it is lost, the next start writes the receipt once more.
        self.ports.halts.put(halt.clone()).await?;
        Ok(Arc::new(halt))
    }

    fn exists(&self, target: &HaltTarget) -> Result<(), HaltError> {
        let known = match target {
            HaltTarget::All => true,
            HaltTarget::Agent(agent) => self.ports.registry.agent(agent).is_some(),
            HaltTarget::Connector(connector) => self.has_connector(connector),
            HaltTarget::Instance(instance) => self.ports.mandates.instance(*instance).is_some(),
            HaltTarget::Tool(connector, tool) => {
                let tools = self.tools();
                let mut shown = tools.iter().filter(|known| known.connector == *connector).peekable();
                // A connector whose tools were never seen may have this one.
                self.has_connector(connector)
                    && (shown.peek().is_none() || shown.any(|known| known.tool == *tool))
            }
        };
        match known {
            true => Ok(()),
            false => Err(HaltError::Unknown(format!("there is no {}", target.in_words()))),
        }
    }

    /// Anybody may stop; whoever stopped it and the administrators let it go on. If none of them is here any more,
    /// everybody may.
    fn may_lift(&self, halt: &Halt, by: &PersonName) -> Result<(), HaltError> {
        let refused = |why: String| HaltError::NotAllowed { by: by.clone(), why };
        let person = self
            .ports
            .people
            .person(by)
            .ok_or_else(|| refused("they are not declared as a person".to_owned()))?;
        if halt.by == *by || self.is_admin(&person) {
            return Ok(());
        }
        let everybody = self.ports.people.everybody();
        let somebody = everybody.iter().any(|one| one.name == halt.by || self.is_admin(one));
        match somebody {
            true => Err(refused(format!(
                "`{}` stopped it; they or an administrator of the registry resume it",
                halt.by
            ))),
            false => Ok(()),
        }
    }

    /// Whether a person has stopped this run.
    pub(crate) fn unless_run_halted(&self, instance: &Instance, agent: &Agent) -> Result<(), Refusal> {
        let board = self.halting.in_force.load();
        if board.0.is_empty() {
            return Ok(());
        }
        board.of_run(instance).map_or(Ok(()), |halt| {
            Err(stopped(halt).with_who(format!(
                "{}, owner of `{}`, who knows whom to ask among the operators",
                agent.owner, agent.name
            )))
        })
    }

    /// Whether a person has stopped the connector, or the tool.
    pub(crate) fn unless_road_halted(
        &self,
        connector: &ConnectorName,
        operation: Option<&Operation>,
    ) -> Result<(), Refusal> {
        let board = self.halting.in_force.load();
        if board.0.is_empty() {
            return Ok(());
        }
        board
            .of_road(connector, operation)
            .map_or(Ok(()), |halt| Err(stopped(halt).with_who("the operators of this Placet")))
    }
}

/// What an agent is told. Which person stopped it stands in the receipt and in the operators' list, not here.
fn stopped(halt: &Halt) -> Refusal {
    let Halt { target, reason, at, .. } = halt;
    Refusal::new(Code::Halted, format!("a person stopped {} at {at}: {reason}", target.in_words()))
}

/// The receipt of a revocation names what it is about, and what it followed from if no person asked for just it.
pub(crate) fn about_revocation(instance: &Instance, cause: Option<&str>) -> Object {
    Object::new().with("instance", instance.id.to_string()).with_some("cause", cause)
}

/// How long after `now` a moment is.
pub(crate) fn until(moment: Timestamp, now: Timestamp) -> std::time::Duration {
    if moment > now { moment.since(now) } else { std::time::Duration::ZERO }
}
