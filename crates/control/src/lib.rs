//! The operator-facing API, over a Unix socket only: who calls is what the kernel says, never what a request says.
//! It lists, registers, starts, revokes and answers; it makes no tool calls.

mod agents;
mod answer;
mod approvals;
mod argument;
mod connectors;
mod diff;
mod fields;
mod instances;
mod peer;
mod policies;
mod problem;
mod routes;
mod server;
mod socket;
mod status;

pub use policies::{Reload, ReloadFailure};
pub use server::{Bound, Control, ControlConfig, ControlError};
