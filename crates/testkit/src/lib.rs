//! A world for tests of the engine: a clock that stands still, seeded randomness, and every port in memory with
//! failpoints. For dev-dependencies only; nothing here is durable or secret.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a wrong name in a test is a failed test"
)]

mod actor;
mod anomaly_hooks;
mod clock;
mod connectors;
mod decision_points;
mod entropy;
mod failpoint;
mod memory;
mod people;
mod providers;
mod reply;
mod signer;
mod world;

pub use actor::{Actor, Run};
pub use anomaly_hooks::FakeAnomalyHooks;
pub use clock::FakeClock;
pub use connectors::{FakeConnectors, Sent};
pub use decision_points::FakeDecisionPoints;
pub use entropy::SeededEntropy;
pub use failpoint::{Failpoints, Failure, PortOperation};
pub use memory::{
    MemoryAccounts, MemoryApprovals, MemoryCredentials, MemoryDirectory, MemoryExtracts, MemoryGrants,
    MemoryHalts, MemoryLedger, MemoryMandates, MemoryPins, MemoryRegistry, MemoryRevisions,
};
pub use people::{FakeNotifier, FakePeople};
pub use providers::FakeProviders;
pub use reply::{refusal, result, ticket};
pub use signer::Signer;
pub use world::{World, WorldBuilder};
