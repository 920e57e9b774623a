//! A fixture: an MCP server with the tools, resources and prompts that the public conformance suite asks for, in
//! the stateless era (2026-07-28) and the session era (2025-11-25, 2025-06-18). Written from the specification
//! over plain HTTP, so that a gateway in front of it can be compared with no gateway at all.

mod asking;
mod catalog;
mod content;
mod era;
mod event_log;
mod headers;
mod http;
mod hub;
mod input;
mod input_required;
mod jobs;
mod legacy;
mod line;
mod message;
mod prompts;
mod resources;
mod running;
mod seal;
mod server;
mod session;
mod stateless;
mod tasks;
mod tools;

pub use http::serve;
