//! Every bound of the data path, in one place.
//! Configurable ones are defaults here and may be changed in `placet.toml`.

use std::time::Duration;

/// Largest accepted request body, bytes. Configurable.
pub const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Largest accepted reply of a tool, bytes.
pub const REPLY_BYTES: usize = 16 * 1024 * 1024;
/// Deepest accepted nesting of arrays and objects.
pub const JSON_DEPTH: usize = 64;
/// Largest integer that every JSON implementation keeps exactly (RFC 7493 section 2.2).
pub const JSON_INTEGER: i64 = (1 << 53) - 1;
/// Largest accepted credential, bytes.
pub const TOKEN_BYTES: usize = 8 * 1024;
/// Longest life of an instance credential.
pub const INSTANCE_LIFE: Duration = Duration::from_secs(60 * 60);
/// Life of an instance credential when none is asked for.
pub const INSTANCE_LIFE_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// How long an approval waits for an answer when the gate names no `@timeout`.
pub const APPROVAL_WAIT: Duration = Duration::from_secs(4 * 60 * 60);
/// How long an approved call may be retried.
pub const APPROVAL_USE: Duration = Duration::from_secs(15 * 60);
/// Open approvals one agent may have waiting.
pub const APPROVALS_PENDING: usize = 20;
/// How long a tool may take to answer.
pub const TOOL_DEADLINE: Duration = Duration::from_secs(5 * 60);
/// How long a resolver may take to fetch the facts of a resource.
pub const FACT_DEADLINE: Duration = Duration::from_secs(5);
/// Sessions one instance may hold open.
pub const SESSIONS_PER_INSTANCE: usize = 512;
/// Longest free text an agent or an operator may attach (purpose, rationale), characters.
pub const TEXT_CHARS: usize = 2_000;
/// Frames from a tool that may wait for a slow client before the call is cut.
pub const RELAY_FRAMES: usize = 256;
