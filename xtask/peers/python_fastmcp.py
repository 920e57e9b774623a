"""FastMCP as a client."""

from contextlib import asynccontextmanager

import mcp_types as types
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

import plan


class Peer:
    def __init__(self, client):
        self.client = client

    async def server(self):
        return {
            "revision": self.client.protocol_version,
            "info": plan.plain(self.client.server_info),
            "capabilities": plan.plain(self.client.server_capabilities),
            "instructions": self.client.instructions,
        }

    async def ping(self):
        return await self.client.ping()

    async def tools(self):
        return await self.client.list_tools_mcp()

    async def call(self, tool, arguments, progress=None):
        return await self.client.call_tool_mcp(tool, arguments, progress_handler=progress)

    async def resources(self):
        return await self.client.list_resources_mcp()

    async def templates(self):
        return await self.client.list_resource_templates_mcp()

    async def read(self, uri):
        return await self.client.read_resource_mcp(uri)

    async def prompts(self):
        return await self.client.list_prompts_mcp()

    async def prompt(self, name, arguments=None):
        return await self.client.get_prompt_mcp(name, arguments)

    async def complete(self, prompt, argument, value):
        ref = types.PromptReference(type="ref/prompt", name=prompt)
        return await self.client.complete_mcp(ref, {"name": argument, "value": value})


async def sample(messages, params, context):
    return "sampled"


async def elicit(message, response_type, params, context):
    return ElicitResult(action="accept", content=plan.accepted(getattr(params, "requested_schema", None)))


@asynccontextmanager
async def connect(target):
    if "url" in target:
        transport = StreamableHttpTransport(target["url"], auth=target.get("token"))
    else:
        program, *arguments = target["command"]
        transport = StdioTransport(program, arguments, env=target.get("env"), keep_alive=False)
    async with Client(
        transport,
        mode=target.get("mode", "auto"),
        roots=[target["root"]],
        sampling_handler=sample,
        elicitation_handler=elicit,
        timeout=30,
    ) as client:
        yield Peer(client)


plan.run(connect)
