//! The operator-facing API: over a Unix socket, where the kernel says who calls, and, if the operator wants it, over a
//! listener where people sign in. What each may do is policy; see `access.rs`.
//! It lists, registers, starts, revokes and answers; it makes no tool calls.

mod access;
mod agents;
mod answer;
mod approvals;
mod argument;
mod connectors;
mod credentials;
mod diff;
mod fields;
mod grants;
mod halts;
mod instances;
mod keys;
mod limits;
mod logins;
mod peer;
mod people;
mod plan;
mod policies;
mod problem;
mod routes;
mod scim;
mod server;
mod socket;
mod status;
mod web;
mod who;

pub use access::{Access, Roles};
pub use keys::{ChangeLogKey, LogKeyChanged, Rotate, RotateFailure, Rotated};
pub use policies::{Reload, ReloadFailure};
pub use server::{Bound, Control, ControlConfig, ControlError};
pub use web::{ClientSecret, Directory, Invitation, PersonClaim, SignInConfig, Web, WebConfig};
