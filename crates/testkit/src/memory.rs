//! The storage ports and the ledger in memory. Opening nothing, keeping everything until dropped.

mod approvals;
mod ledger;
mod mandates;
mod pins;
mod registry;

pub use approvals::MemoryApprovals;
pub use ledger::MemoryLedger;
pub use mandates::MemoryMandates;
pub use pins::MemoryPins;
pub use registry::MemoryRegistry;
