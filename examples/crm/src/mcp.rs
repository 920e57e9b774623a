//! The CRM as an MCP server. Malformed arguments and failed tools are results with `isError`, because
//! models read those; an unknown tool is a protocol error (MCP 2026-07-28, server/tools, "Error handling").

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::arguments::{Call, CallError};
use crate::crm::Crm;
use crate::tools::definitions;

#[derive(Debug, Clone)]
pub(crate) struct McpServer {
    pub(crate) crm: Crm,
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("crm", env!("CARGO_PKG_VERSION")))
            .with_instructions("A small CRM with deals and e-mail")
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        // Cache hints exist since 2026-07-28; older clients must not be sent them.
        let hints = context.protocol_version().is_some_and(|spoken| spoken >= ProtocolVersion::V_2026_07_28);
        Ok(ListToolsResult {
            tools: definitions(),
            ttl_ms: hints.then_some(0),
            cache_scope: hints.then_some(CacheScope::Public),
            ..ListToolsResult::default()
        })
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        definitions().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let call = match Call::parse(&request.name, &arguments) {
            Ok(call) => call,
            Err(error @ CallError::UnknownTool(_)) => {
                return Err(ErrorData::invalid_params(error.to_string(), None));
            }
            Err(error @ CallError::Arguments(_)) => return Ok(failure(&error)),
        };
        Ok(match self.crm.execute(&request.name, &arguments, call) {
            Ok(value) => CallToolResult::structured(value).into(),
            Err(error) => failure(&error),
        })
    }
}

fn failure(error: &impl std::error::Error) -> CallToolResponse {
    CallToolResult::error(vec![ContentBlock::text(error.to_string())]).into()
}
