//! Implementations of the engine's storage ports: SQLite for what changes, the Merkle log for receipts.
//! Rows and SQL never leave this crate; the contracts are in `crates/engine/src/ports.rs`.

mod extracts;
mod ledger;
mod sqlite;

pub use extracts::{ExtractKey, FileExtracts};
pub use ledger::LedgerPort;
pub use sqlite::{OpenError, SqliteStore};
