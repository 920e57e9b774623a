"""The official Python SDK, version 2, as a client."""

from contextlib import asynccontextmanager

import httpx2
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

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
        return await self.client.send_ping()

    async def tools(self):
        return await self.client.list_tools()

    async def call(self, tool, arguments, progress=None):
        return await self.client.call_tool(tool, arguments, progress_callback=progress)

    async def resources(self):
        return await self.client.list_resources()

    async def templates(self):
        return await self.client.list_resource_templates()

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def prompts(self):
        return await self.client.list_prompts()

    async def prompt(self, name, arguments=None):
        return await self.client.get_prompt(name, arguments)

    async def complete(self, prompt, argument, value):
        ref = types.PromptReference(type="ref/prompt", name=prompt)
        return await self.client.complete(ref, {"name": argument, "value": value})


async def sample(context, params):
    content = types.TextContent(type="text", text="sampled")
    return types.CreateMessageResult(role="assistant", model="none", stop_reason="endTurn", content=content)


async def elicit(context, params):
    return types.ElicitResult(action="accept", content=plan.accepted(getattr(params, "requested_schema", None)))


@asynccontextmanager
async def connect(target):
    async def roots(context):
        return types.ListRootsResult(roots=[types.Root(uri=target["root"], name="root")])

    handlers = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": roots}
    mode = target.get("mode", "auto")
    if "url" not in target:
        program, *arguments = target["command"]
        server = StdioServerParameters(command=program, args=arguments, env=target.get("env"))
        async with Client(server, mode=mode, **handlers) as client:
            yield Peer(client)
        return
    headers = {"Authorization": f"Bearer {target['token']}"} if "token" in target else {}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(target["url"], http_client=http)
        async with Client(transport, mode=mode, **handlers) as client:
            yield Peer(client)


plan.run(connect)
