//! Keys of the MCP `_meta` object.

/// The protocol version of a stateless request, required.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do, for this request alone; required in a stateless request.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// What the client calls itself. Never evidence of anything.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The log level a stateless request asks for.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The subscription a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// The token under which a client wants progress.
pub const PROGRESS_TOKEN: &str = "progressToken";
/// The tasks extension, in `clientCapabilities.extensions`.
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// Our structured refusal.
pub const REFUSAL: &str = "dev.placet/refusal";
/// Our receipt reference.
pub const RECEIPT: &str = "dev.placet/receipt";
