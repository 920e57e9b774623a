// The client under test of the MCP suite's authorization scenarios: `client.mjs URL-OF-THE-SERVER`. It brings up a Placet
// with that server as its one connector, signs an operator in without a screen, and makes a call through the gateway.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const { PLACET, WORK, MCP_CONFORMANCE_SCENARIO, MCP_CONFORMANCE_CONTEXT, MCP_CONFORMANCE_PROTOCOL_VERSION } = process.env;
const upstream = process.argv[2];
const context = JSON.parse(MCP_CONFORMANCE_CONTEXT ?? "{}");
const REVISION = MCP_CONFORMANCE_PROTOCOL_VERSION ?? "2026-07-28";
const SIGN_INS = 3;

// A short name: the path of a socket has few characters.
const folder = mkdtempSync(join(WORK, "p-"));
const env = { ...process.env, PLACET_HOME: join(folder, ".placet"), NO_COLOR: "1" };
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const gateway = `http://127.0.0.1:${port}`;

/** What the operator wrote down about the upstream's authorization server. */
function oauth() {
  const lines = [];
  const machine = MCP_CONFORMANCE_SCENARIO.startsWith("auth/client-credentials");
  if (machine) lines.push('grant = "client_credentials"');
  if (context.client_id) lines.push(`client_id = ${JSON.stringify(context.client_id)}`);
  if (context.client_secret) lines.push(`client_secret = ${JSON.stringify(context.client_secret)}`);
  if (context.private_key_pem) lines.push(`private_key = ${JSON.stringify(context.private_key_pem)}`);
  if (context.issuer) lines.push(`issuer = ${JSON.stringify(context.issuer)}`);
  if (MCP_CONFORMANCE_SCENARIO === "auth/basic-cimd") {
    lines.push('client_document = "https://conformance-test.local/client-metadata.json"');
  }
  return lines.join("\n");
}

mkdirSync(join(folder, "policies"));
writeFileSync(join(folder, "policies/check.cedar"), '@id("allow-all")\npermit (principal, action, resource);\n');
writeFileSync(join(folder, "placet.toml"), `[gateway]
listen = "127.0.0.1:${port}"

[registry]
approvers = { 2 = [], 3 = [] }

[policy]
files = ["policies/*.cedar"]

[[person]]
name = "alice"
groups = ["operators"]
os_uid = ${process.getuid()}

[connector.up]
url = ${JSON.stringify(upstream)}

[connector.up.oauth]
${oauth()}
`);

const log = openSync(join(folder, "placet.log"), "w");
const up = spawn(PLACET, ["up", "--config", "placet.toml"], { cwd: folder, env, stdio: ["ignore", log, log] });

/** Runs a command of the binary; `heard` gets each line as it comes. */
function placet(args, heard = () => {}) {
  return new Promise((resolve) => {
    const child = spawn(PLACET, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let [output, told] = ["", 0];
    child.stdout.on("data", (part) => {
      output += part;
      const lines = output.split("\n").slice(0, -1);
      for (; told < lines.length; told += 1) heard(lines[told]);
    });
    child.stderr.on("data", (part) => process.stderr.write(part));
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Signs in: opens the address that the command prints, and follows it back to this machine. */
async function login() {
  const { code, output } = await placet(["connector", "login", "up", "--port", "0"], async (line) => {
    if (!line.startsWith("http")) return;
    let next = new URL(line);
    for (let steps = 0; steps < 5 && next; steps += 1) {
      const answer = await fetch(next, { redirect: "manual" });
      const location = answer.headers.get("location");
      next = location && new URL(location, next);
    }
  });
  console.log(`login: ${code} ${output.trim().split("\n").pop()}`);
  return code === 0;
}

let token;
async function send(message, headers) {
  const type = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const answer = await fetch(`${gateway}/mcp/up`, {
    method: "POST", headers: { ...type, authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
  const text = await answer.text();
  const data = text.split("\n").find((line) => line.startsWith("data:") && line.includes('"id"')) ?? text;
  let body = {};
  try { body = JSON.parse(data.replace(/^data: ?/, "")); } catch { /* an acceptance */ }
  return { status: answer.status, body, session: answer.headers.get("mcp-session-id") };
}

/** One call through the gateway, in the era that the suite asks for. */
async function call() {
  const params = { name: "test-tool", arguments: {} };
  const clientInfo = { name: "xtask", version: "0" };
  let answer;
  if (REVISION === "2026-07-28") {
    params._meta = {
      "io.modelcontextprotocol/protocolVersion": REVISION,
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": clientInfo,
    };
    const headers = { "mcp-protocol-version": REVISION, "mcp-method": "tools/call", "mcp-name": "test-tool" };
    answer = await send({ id: 1, method: "tools/call", params }, headers);
  } else {
    const opening = { protocolVersion: REVISION, capabilities: {}, clientInfo };
    const opened = await send({ id: 1, method: "initialize", params: opening }, {});
    const headers = { "mcp-protocol-version": REVISION, ...(opened.session && { "mcp-session-id": opened.session }) };
    if (opened.session) await send({ method: "notifications/initialized" }, headers);
    answer = opened.session ? await send({ id: 2, method: "tools/call", params }, headers) : opened;
  }
  const { result } = answer.body;
  const done = answer.status === 200 && result && !result.isError;
  // For the check, which wants to know: the suite judges what arrives there, not whether anything does.
  if (done) writeFileSync(join(WORK, "called"), "");
  console.log(`call: ${answer.status} ${JSON.stringify(answer.body).slice(0, 600)}`);
  return done;
}

let done = false;
try {
  for (let tries = 0; tries < 600 && up.exitCode === null; tries += 1) {
    const ready = await fetch(`${gateway}/readyz`).then((answer) => answer.status === 200, () => false);
    if (ready) break;
    await pause(100);
  }
  await placet(["agent", "register", "tester", "--owner", "alice", "--purpose", "a check", "--tier", "3"]);
  token = (await placet(["instance", "start", "tester", "--task", "a check", "--ttl", "1h", "--token-only"])).output.trim();
  // Nothing leaves before somebody has signed in, or by themselves as often as the upstream asks for more.
  for (let attempts = 0; attempts < SIGN_INS && !done; attempts += 1) {
    if (!(await login())) break;
    done = await call();
  }
} finally {
  up.kill();
}
process.exit(done ? 0 : 1);
