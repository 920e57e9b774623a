// The official TypeScript SDK, version 2, as a client.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { accepted, run } from "./plan.mjs";

await run(async (target) => {
  const client = new Client(
    { name: "typescript-2", version: "0" },
    {
      capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} },
      versionNegotiation: { mode: target.mode ?? "auto" },
    },
  );
  client.setRequestHandler("sampling/createMessage", () => ({
    role: "assistant",
    model: "none",
    stopReason: "endTurn",
    content: { type: "text", text: "sampled" },
  }));
  client.setRequestHandler("elicitation/create", ({ params }) => ({
    action: "accept",
    content: accepted(params.requestedSchema),
  }));
  client.setRequestHandler("roots/list", () => ({ roots: [{ uri: target.root, name: "root" }] }));
  const headers = target.token ? { Authorization: `Bearer ${target.token}` } : {};
  const transport = target.url
    ? new StreamableHTTPClientTransport(new URL(target.url), { requestInit: { headers } })
    : new StdioClientTransport({ command: target.command[0], args: target.command.slice(1), env: target.env });
  await client.connect(transport);
  return {
    client,
    call: (params, options) => client.callTool(params, options),
    revision: () => client.getNegotiatedProtocolVersion?.() ?? null,
  };
});
