//! Raw MCP frames of both eras: strict parsing, header and body agreement, replies, server-sent events.
//! No I/O, no async and no decisions: what is allowed is decided elsewhere, on what is parsed here.

mod encode;
mod era;
mod headers;
mod id;
pub mod list;
mod lookalike;
pub mod meta;
mod method;
mod mirror;
mod raw;
pub mod reply;
mod request;
pub mod sse;
mod upstream;
mod wire_error;

pub use encode::{Encoded, encode_notification, encode_request, encode_response};
pub use era::{Era, SessionVersion, UnsupportedVersion};
pub use headers::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, MCP_SESSION_ID, agree, era_of, mirrored};
pub use id::Id;
pub use method::{Lifecycle, Method, NotificationMethod};
pub use mirror::{HeaderParameter, InvalidAnnotation, decode_value, encode_value, header_parameters};
pub use request::{Answer, FrameError, Inbound, Notification, Request, Response};
pub use upstream::{Outbound, RawError, RawResult, ResponseBody, UpstreamError, rewrite_id};
pub use wire_error::WireError;
