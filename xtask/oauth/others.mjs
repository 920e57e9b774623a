// Two principals who hold each other's session ids, event ids, tickets, approvals and tokens. Neither may learn or use
// anything of the other's.
import { bearer, call, check, finish, must, operator, postAs, token, world } from "./kit.mjs";

const SERVER = `${world.issuer}/mcp/everything`;
const REVISION = "2025-11-25";
let good = 0;
let swaps = 0;

/** Something of the other's that is tried. */
async function swap(name, holds) {
  swaps += 1;
  await check(name, holds);
}

async function send(access, message, session, more = {}) {
  const headers = {
    ...bearer(access), "content-type": "application/json", accept: "application/json, text/event-stream",
    "mcp-protocol-version": REVISION, ...(session && { "mcp-session-id": session }), ...more,
  };
  const answer = await fetch(SERVER, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  return { status: answer.status, text: await answer.text(), session: answer.headers.get("mcp-session-id") };
}

async function listen(access, session, more = {}) {
  const stop = AbortSignal.timeout(1500);
  const headers = {
    ...bearer(access), accept: "text/event-stream", "mcp-protocol-version": REVISION, "mcp-session-id": session, ...more,
  };
  const answer = await fetch(SERVER, { headers, signal: stop }).catch((error) => ({ status: error.name }));
  let text = "";
  if (answer.status === 200) {
    const decoder = new TextDecoder();
    try { for await (const part of answer.body) text += decoder.decode(part); } catch { /* the time is over */ }
  }
  return { status: answer.status, text };
}

async function open(access) {
  const params = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: "xtask", version: "0" } };
  const opened = await send(access, { id: 1, method: "initialize", params });
  must(opened.session, `no session: ${opened.status} ${opened.text}`);
  await send(access, { method: "notifications/initialized" }, opened.session);
  return opened.session;
}

/** The result of an answer without what says when and how it was decided. */
function content(text) {
  const line = text.split("\n").find((one) => one.startsWith("data:") && one.includes('"result"')) ?? text;
  const { _meta, ...result } = JSON.parse(line.replace(/^data: ?/, "")).result;
  return JSON.stringify(result);
}
const ids = (text) => [...text.matchAll(/^id: ?(.+)$/gm)].map((match) => match[1]);
const accessOf = async (agent) => (await token(agent)).access_token;
const [ant, sister, bee] = [await accessOf("ant"), await accessOf("ant"), await accessOf("bee")];
const [ours, theirs] = [await open(ant), await open(bee)];
const LIST = { id: 2, method: "tools/list" };

await check("a session works for its own instance", async () => must((await send(ant, LIST, ours)).status === 200, "no"));
for (const [who, access] of [["another agent", bee], ["another instance of the agent", sister]]) {
  const foreign = (answer) => must(answer.status === 404 && !answer.text.includes("tools"), `${answer.status} ${answer.text}`);
  await swap(`session: a list, by ${who}`, async () => foreign(await send(access, LIST, ours)));
  await swap(`session: a call, by ${who}`, async () => foreign(await send(access, {
    id: 3, method: "tools/call", params: { name: "test_simple_text", arguments: {} },
  }, ours)));
  await swap(`session: a cancellation, by ${who}`, async () => foreign(await send(access, {
    method: "notifications/cancelled", params: { requestId: 9 },
  }, ours)));
  await swap(`session: its stream, by ${who}`, async () => {
    const heard = await listen(access, ours);
    return must(heard.status === 404, `${heard.status} ${heard.text}`);
  });
  await swap(`session: its end, by ${who}`, async () => {
    const headers = { ...bearer(access), "mcp-session-id": ours, "mcp-protocol-version": REVISION };
    const answer = await fetch(SERVER, { method: "DELETE", headers });
    must(answer.status >= 400, `status ${answer.status}`);
    return must((await send(ant, LIST, ours)).status === 200, "the session is gone");
  });
}
const streamed = await send(ant, {
  id: 7, method: "tools/call", params: { name: "test_tool_with_progress", arguments: {}, _meta: { progressToken: "p" } },
}, ours);
const events = ids(streamed.text);
for (const id of [...events, "0", "1"].slice(-3)) {
  await swap(`events: Last-Event-ID ${JSON.stringify(id)} of the other in one's own session`, async () => {
    const heard = await listen(bee, theirs, { "last-event-id": id });
    return must(!heard.text.includes("progress"), heard.text);
  });
  await swap(`events: Last-Event-ID ${JSON.stringify(id)} in the other's session`, async () => {
    const heard = await listen(bee, ours, { "last-event-id": id });
    return must(heard.status === 404, `${heard.status} ${heard.text}`);
  });
}

// Lists: no page of one is a page of the other's.
for (const method of ["tools/list", "resources/list", "prompts/list"]) {
  const page = await send(ant, { id: 4, method }, ours);
  const cursor = /"nextCursor":"([^"]+)"/.exec(page.text)?.[1];
  for (const tried of [cursor, "AAAA", Buffer.from('{"agent":"ant"}').toString("base64")].filter(Boolean)) {
    await swap(`cursor ${JSON.stringify(tried)} of ${method}`, async () => {
      const before = await send(bee, { id: 4, method }, theirs);
      const answer = await send(bee, { id: 4, method, params: { cursor: tried } }, theirs);
      const refused = answer.text.includes('"error"') || answer.status >= 400;
      must(refused || content(answer.text) === content(before.text), `${answer.status} ${answer.text.slice(0, 200)}`);
      return refused ? "refused" : "one's own list";
    });
  }
}

// A list in pages whose cursors the upstream gives for one session: no session is shared between two of them.
const inPages = (params) => ({ id: 5, method: "resources/list", params: { ...params, _meta: { "example.com/page": 1 } } });
const first = await send(ant, inPages({}), ours);
const cursor = /"nextCursor":"([^"]+)"/.exec(first.text)?.[1];
await check("a cursor leads on in its own session", async () => {
  const next = await send(ant, inPages({ cursor }), ours);
  return must(cursor && next.text.includes('"resources"') && content(next.text) !== content(first.text), next.text);
});
for (const [who, access, session] of [
  ["another agent in its own session", bee, theirs], ["another agent", bee, ours], ["another instance", sister, ours],
]) {
  await swap(`cursor: the next page, by ${who}`, async () => {
    const answer = await send(access, inPages({ cursor }), session);
    return must(!answer.text.includes('"resources"') && (answer.status === 404 || answer.text.includes('"error"')), answer.text);
  });
}

// Tickets and approvals.
const change = (notes) => ({ deal_id: "789", notes });
const write = (access, notes) => call(bearer(access), "update_deal", change(notes));
const asked = await write(ant, "tickets");
await check("a change waits for a person", () => must(asked.code === "PL-1301" && asked.ticket, JSON.stringify(asked.body)));
for (const [who, access, status] of [["another agent", bee, 404], ["nobody", "x", 401]]) {
  await swap(`ticket: its status as an access request, by ${who}`, async () => {
    const answer = await fetch(`${world.issuer}/access/v1/requests/${asked.ticket}`, { headers: bearer(access) });
    const text = await answer.text();
    return must(answer.status === status && !text.includes("pending"), `${answer.status} ${text}`);
  });
}
await check("a ticket's status is for whoever asked", async () => {
  const answer = await fetch(`${world.issuer}/access/v1/requests/${asked.ticket}`, { headers: bearer(ant) });
  return must(answer.status === 200 && (await answer.json()).task?.status === "pending", `${answer.status}`);
});
await operator("POST", `/v1/approvals/${asked.ticket}/answer`, { approve: true, rationale: "a check" });
for (const [who, access] of [["another agent", bee], ["another instance of the agent", sister]]) {
  await swap(`approval: the identical call, by ${who}`, async () => {
    const answer = await write(access, "tickets");
    must(!answer.done && answer.code === "PL-1301" && answer.ticket !== asked.ticket, JSON.stringify(answer.body));
    return "a ticket of their own";
  });
}
await check("the approved call runs for whom it was approved", async () => {
  const answer = await write(ant, "tickets");
  must(answer.done, JSON.stringify(answer.body));
  good += 1;
});
await swap("approval: once more, by the one who used it", async () => must(!(await write(ant, "tickets")).done, "done twice"));

// Tokens: what one may ask about another's.
await swap("introspection of the other's token", async () => {
  const { body } = await postAs("bee", "/oauth/introspect", { token: ant });
  return must(body.active === false && Object.keys(body).length === 1, JSON.stringify(body));
});
await swap("revocation of the other's token", async () => {
  await postAs("bee", "/oauth/revoke", { token: ant });
  const answer = await call(bearer(ant));
  good += answer.done ? 1 : 0;
  return must(answer.done, "one agent has ended another's run");
});
finish({ swaps, good, events: events.length });
