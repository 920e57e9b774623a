// What the scripts beside this one share: the world they are told about, calls of a tool, tokens of others, and the
// report. A script is started with the world's file and the file to write its report to.
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { importJWK, SignJWT } from "jose";

export const world = JSON.parse(readFileSync(process.argv[2]));
export const keys = JSON.parse(readFileSync(world.keys));
export const now = () => Math.floor(Date.now() / 1000);
export const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
export const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
export const SPIFFE = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
export const TYPES = {
  access: "urn:ietf:params:oauth:token-type:access_token",
  id: "urn:ietf:params:oauth:token-type:id_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
};

const lines = [];

/** Writes down whether something held. A function that throws did not. */
export async function check(name, holds) {
  let line;
  try {
    const detail = await holds();
    line = { name, ok: detail !== false, detail: detail === true || detail === undefined ? "" : String(detail) };
  } catch (error) {
    const cause = error.cause ? ` (${describe(error.cause)})` : "";
    line = { name, ok: false, detail: `${error.name}: ${error.message}${cause}` };
  }
  lines.push(line);
  return line.ok;
}

export function must(holds, what) {
  if (!holds) throw new Error(what);
  return true;
}

export function finish(more = {}) {
  writeFileSync(process.argv[3], JSON.stringify({ lines, ...more }, null, 1));
  process.exit(0);
}

function describe(cause) {
  return cause instanceof Error ? cause.message : JSON.stringify(cause.body ?? cause.error ?? cause);
}

/** A JWT by `jose`, with what every JWT of these checks has. */
export async function mint(key, claims, { typ = "JWT", life = 120 } = {}) {
  const alg = key.alg ?? "ES256";
  const all = { iat: now(), exp: now() + life, jti: randomUUID(), ...claims };
  return new SignJWT(all).setProtectedHeader({ alg, kid: key.kid, typ }).sign(await importJWK(key, alg));
}

export const workloadToken = (claims = {}, options) => mint(keys.platform.private, {
  iss: "https://ci.example", aud: world.issuer, sub: "repo:acme/billing", repository: "acme/billing",
  ref: "refs/heads/main", ...claims,
}, options);

export const svid = (claims = {}, options) => mint(keys.spiffe.private, {
  sub: "spiffe://prod.example/billing", aud: [world.issuer], ...claims,
}, options);

export const assertion = (agent, claims = {}, options) => mint(keys[agent].private, {
  iss: agent, sub: agent, aud: world.issuer, ...claims,
}, options);

export const idToken = (claims = {}, options) => mint(keys.idp.private, {
  iss: world.idp, aud: "placet", sub: "bob", email: "bob@example.com", email_verified: true, ...claims,
}, options);

/** A request to one of Placet's endpoints, by hand. */
export async function post(path, form, headers = {}) {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const body = form instanceof URLSearchParams || typeof form === "string" ? form : new URLSearchParams(form);
  const answer = await fetch(`${world.issuer}${path}`, { method: "POST", headers: { ...type, ...headers }, body });
  const text = await answer.text();
  let read = {};
  try { read = JSON.parse(text); } catch { /* an empty answer */ }
  return { status: answer.status, body: read, headers: answer.headers };
}

/** `post` with the client authentication of an agent. */
export const postAs = async (agent, path, form, headers) => post(path, {
  ...form, client_id: agent, client_assertion_type: ASSERTION, client_assertion: await assertion(agent),
}, headers);

/** A token of an agent, by its key. */
export async function token(agent, form = {}, headers = {}) {
  const answer = await postAs(agent, "/oauth/token", { grant_type: "client_credentials", ...form }, headers);
  must(answer.status === 200, `${agent} gets no token: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** The headers and body of a call of a tool, in the stateless era. */
export function toolCall(tool, args) {
  const REVISION = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "xtask", version: "0" },
  };
  const params = { name: tool, arguments: args, _meta: meta };
  return {
    headers: {
      "content-type": "application/json", accept: "application/json, text/event-stream",
      "mcp-protocol-version": REVISION, "mcp-method": "tools/call", "mcp-name": tool,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  };
}

/** What an answer to a call came to: `done`, or the code of the refusal. */
export async function outcome(answer) {
  const body = await answer.json().catch(() => ({}));
  const result = body.result ?? {};
  const refusal = result._meta?.["dev.placet/refusal"] ?? body.error?.data ?? (body.code ? body : undefined);
  const done = answer.status === 200 && body.result !== undefined && !result.isError && !refusal;
  return { status: answer.status, done, code: refusal?.code, ticket: refusal?.ticket, body, headers: answer.headers };
}

/** Calls a tool of the CRM with these headers. */
export async function call(headers, tool = "get_deal", args = { deal_id: "789" }) {
  const made = toolCall(tool, args);
  return outcome(await fetch(world.resource, { method: "POST", headers: { ...made.headers, ...headers }, body: made.body }));
}

export const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** The operator at the control socket. */
export function operator(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text), host: "placet" };
    const sent = request({ socketPath: world.socket, method, path, headers }, (answer) => {
      let read = "";
      answer.on("data", (part) => { read += part; });
      answer.on("end", () => {
        if (answer.statusCode >= 300) return reject(new Error(`${method} ${path}: ${read}`));
        resolve(JSON.parse(read));
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}
