//! The storage ports and the ledger in memory. Opening nothing, keeping everything until dropped.

mod accounts;
mod approvals;
mod credentials;
mod directory;
mod extracts;
mod grants;
mod halts;
mod ledger;
mod mandates;
mod pins;
mod registry;
mod revisions;

pub use accounts::MemoryAccounts;
pub use approvals::MemoryApprovals;
pub use credentials::MemoryCredentials;
pub use directory::MemoryDirectory;
pub use extracts::MemoryExtracts;
pub use grants::MemoryGrants;
pub use halts::MemoryHalts;
pub use ledger::MemoryLedger;
pub use mandates::MemoryMandates;
pub use pins::MemoryPins;
pub use registry::MemoryRegistry;
pub use revisions::MemoryRevisions;
