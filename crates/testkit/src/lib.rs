//! A world for tests of the engine: a clock that stands still, seeded randomness, and every port in memory with
//! failpoints. For dev-dependencies only; nothing here is durable or secret.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a wrong name in a test is a failed test"
)]

mod actor;
mod clock;
mod connectors;
mod entropy;
mod failpoint;
mod memory;
mod people;
mod reply;
mod world;

pub use actor::{Actor, Run};
pub use clock::FakeClock;
pub use connectors::{FakeConnectors, Sent};
pub use entropy::SeededEntropy;
pub use failpoint::{Failpoints, Failure, PortOperation};
pub use memory::{MemoryApprovals, MemoryLedger, MemoryMandates, MemoryPins, MemoryRegistry};
pub use people::{FakeNotifier, FakePeople};
pub use reply::{refusal, result, ticket};
pub use world::{World, WorldBuilder};
