//! The registry of agents: who is registered, who agreed, what each may and did, and what time does to them.
//! INVARIANT: a right is recorded before it exists; a removal holds before it is recorded.

mod answer;
mod change;
mod directory;
mod history;
mod inventory;
mod notice;
mod plan;
mod reach;
mod record;
mod register;
mod rules;
mod tick;
mod usage;
mod who;

pub use answer::ProposalAnswer;
pub use change::ChangeError;
pub use directory::NoPerson;
pub use history::HistoryEntry;
pub use inventory::Dossier;
pub use notice::LifeNotice;
pub use plan::{Step, StepKind};
pub(crate) use reach::{refusal as stage_refusal, run_without_mandate, standing};
pub use register::{RegisterError, Registration};
pub use rules::{DefaultScope, RegistryRules};
pub use tick::Ticked;
pub(crate) use usage::UsageIndex;
pub use usage::{Usage, Used};
pub use who::{Lookup, ParseLookupError, Who};
