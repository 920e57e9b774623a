//! The agent of the demo: an MCP client that knows nothing of Placet, the Rust SDK's own.

use placet_domain::Json;
use rmcp::{
    RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
    service::RunningService,
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};

use crate::failure::Failure;

/// A connected agent.
#[derive(Debug)]
pub(crate) struct Agent {
    client: RunningService<RoleClient, ()>,
}

/// What a call came to, as the agent sees it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether the result is marked as an error.
    pub(crate) refused: bool,
    /// Its text.
    pub(crate) text: String,
    /// Its structured content.
    pub(crate) structured: Json,
}

impl Agent {
    /// Connects with an instance's token.
    pub(crate) async fn connect(url: &str, token: &str) -> Result<Self, Failure> {
        let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
        let transport = StreamableHttpClientTransport::from_config(config);
        let client = ().serve(transport).await.map_err(Failure::of("the agent cannot connect"))?;
        Ok(Self { client })
    }

    /// The tools it is shown.
    pub(crate) async fn tools(&self) -> Result<Vec<String>, Failure> {
        let tools = self.client.list_all_tools().await.map_err(Failure::of("the agent cannot list tools"))?;
        Ok(tools.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool once.
    pub(crate) async fn call(&self, tool: &'static str, arguments: &str) -> Result<Answer, Failure> {
        let mut params = CallToolRequestParams::new(tool);
        params.arguments =
            serde_json::from_str(arguments).map_err(Failure::of("the demo's arguments are not JSON"))?;
        let response =
            self.client.call_tool_once(params).await.map_err(Failure::of("the agent's call failed"))?;
        match response {
            CallToolResponse::Complete(result) => Ok(answer(&result)),
            other => Err(Failure::new(format!("the tool answered with {other:?}"))),
        }
    }
}

fn answer(result: &CallToolResult) -> Answer {
    let texts = result.content.iter().filter_map(|block| block.as_text().map(|text| text.text.clone()));
    let structured = result.structured_content.as_ref().map(ToString::to_string).unwrap_or_default();
    Answer {
        refused: result.is_error == Some(true),
        text: texts.collect::<Vec<_>>().join(" "),
        structured: Json::parse(structured.as_bytes()).unwrap_or(Json::Null),
    }
}
