// The official TypeScript SDK, version 1, as a client.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { accepted, run } from "./plan.mjs";

await run(async (target) => {
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  const client = new Client({ name: "typescript-1", version: "0" }, { capabilities });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    role: "assistant",
    model: "none",
    stopReason: "endTurn",
    content: { type: "text", text: "sampled" },
  }));
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
    action: "accept",
    content: accepted(params.requestedSchema),
  }));
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: target.root, name: "root" }] }));
  const headers = target.token ? { Authorization: `Bearer ${target.token}` } : {};
  const transport = target.url
    ? new StreamableHTTPClientTransport(new URL(target.url), { requestInit: { headers } })
    : new StdioClientTransport({ command: target.command[0], args: target.command.slice(1), env: target.env });
  await client.connect(transport);
  return {
    client,
    call: (params, options) => client.callTool(params, undefined, options),
    // Its transports know the revision, not all of them tell it.
    revision: () => null,
  };
});
