// The MCP SDK for TypeScript as a client that is told nothing but the address of a connector: it finds the authorization
// server by the 401, gets its token by `private_key_jwt`, and makes calls.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { PrivateKeyJwtProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { decodeJwt } from "jose";
import { check, finish, keys, must, world } from "./kit.mjs";

function provider(agent, more = {}) {
  const { alg, ...privateKey } = keys[agent].private;
  return new PrivateKeyJwtProvider({
    clientId: agent, privateKey, algorithm: alg, expectedIssuer: world.issuer, jwtLifetimeSeconds: 120, ...more,
  });
}

async function connected(authProvider) {
  const client = new Client({ name: "xtask", version: "0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(world.resource), { authProvider }));
  return client;
}

const DEAL = { name: "get_deal", arguments: { deal_id: "789" } };

for (const agent of ["bee", "cat"]) {
  await check(`discovery by the 401, a token by private_key_jwt (${keys[agent].private.alg}), and a call`, async () => {
    const authProvider = provider(agent);
    const client = await connected(authProvider);
    const result = await client.callTool(DEAL);
    must(!result.isError, JSON.stringify(result));
    const claims = decodeJwt(authProvider.tokens().access_token);
    must(claims.aud === world.resource && claims.client_id === agent, JSON.stringify(claims));
    await client.close();
    return `aud ${claims.aud}`;
  });
}

await check("a scope that is asked for narrows what the client may do", async () => {
  const client = await connected(provider("bee", { scope: "crm.get_deal" }));
  must(!(await client.callTool(DEAL)).isError, "the tool in scope is refused");
  const { tools } = await client.listTools();
  const refused = await client.callTool({ name: "list_deals", arguments: {} });
  must(refused.isError && tools.length === 1, JSON.stringify({ refused, tools }));
  await client.close();
  return tools.map((tool) => tool.name).join(" ");
});

await check("another agent's key gives nothing", async () => {
  const { alg, ...privateKey } = keys.cat.private;
  const answer = await connected(provider("bee", { privateKey, algorithm: alg })).catch((error) => error);
  must(answer instanceof Error, "the client has connected");
  return answer.message.slice(0, 80);
});

await check("a client that expects another authorization server sends its assertion nowhere", async () => {
  const answer = await connected(provider("bee", { expectedIssuer: "https://auth.example" })).catch((error) => error);
  return must(answer instanceof Error, "the client has connected");
});

finish();
