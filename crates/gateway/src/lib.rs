//! The agent-facing listener: MCP over streamable HTTP in both eras, health and metrics.
//! No admin routes, and nothing here decides: it hands attempts to the engine and replies to clients.

mod act;
mod body;
mod decisions;
mod events;
mod form;
mod grants;
mod guard;
mod list;
mod oauth;
mod observe;
mod permission;
mod post;
mod respond;
mod server;
mod session;
mod stream;
mod underway;

pub use guard::{Guard, GuardConfig};
pub use server::{Gateway, GatewayConfig};
