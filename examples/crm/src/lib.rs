//! A small CRM as an MCP server: deals, e-mail and its own record of the calls that ran.
//! It knows nothing of Placet, so that what a receipt claims can be compared with what a tool saw.

mod arguments;
mod crm;
mod deal;
mod http;
mod journal;
mod mcp;
mod tools;

pub use arguments::{Call, CallError, DealRef, Email, UpdateDeal};
pub use crm::{Crm, ToolError};
pub use deal::{Deal, Stage};
pub use http::serve;
pub use journal::LoggedCall;
