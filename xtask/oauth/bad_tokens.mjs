// Every bad token at every door: the MCP route, the token endpoint as assertion, subject and actor, introspection.
// Good ones before and after show that the doors open at all.
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import {
  assertion, ASSERTION, bearer, call, check, EXCHANGE, finish, idToken, JWT_BEARER, keys, mint, must, now, post, postAs,
  SPIFFE, svid, token, TYPES, workloadToken, world,
} from "./kit.mjs";
import { decodeJwt } from "jose";
import { forgeries, signed } from "./forge.mjs";

let good = 0;
let fired = 0;
const told = {};
const distinct = new Set();

function count(name) {
  fired += 1;
  distinct.add(name.slice(name.indexOf(": ") + 2));
}

async function works(name, headers) {
  await check(`good: ${name}`, async () => {
    const answer = await call(await headers());
    must(answer.done, `${answer.status} ${JSON.stringify(answer.body)}`);
    good += 1;
  });
}

/** Fires one bad thing; `accepted` says from the answer whether it got through. */
async function bad(name, fire, accepted) {
  count(name);
  await check(name, async () => {
    const answer = await fire();
    const word = `${answer.status} ${answer.code ?? answer.body?.error ?? ""}`.trim();
    told[word] = (told[word] ?? 0) + 1;
    must(!accepted(answer) && answer.status >= 400 && answer.status < 500, `answered ${word}`);
  });
}

const atMcp = (name, headers) => bad(`MCP: ${name}`, () => call(headers), (answer) => answer.done);
const atToken = (name, form) => bad(`token endpoint: ${name}`, () => post("/oauth/token", form),
  (answer) => answer.body.access_token !== undefined);

const own = (await token("ant")).access_token;
const forged = forgeries(own);
const elsewhere = world.other_token;

await works("a token", () => bearer(own));
for (const [name, value] of Object.entries(forged)) await atMcp(name, bearer(value));

// Tokens that are good for something else.
const others = {
  "a token of another deployment": elsewhere,
  "an id token as access token": await idToken(),
  "an access token of the identity provider": await idToken({ aud: world.issuer }, { typ: "at+jwt" }),
  "an SVID as access token": await svid(),
  "a platform's token as access token": await workloadToken(),
  "a client assertion as access token": await assertion("ant"),
  "an ID-JAG as access token": await idToken({ aud: world.issuer, client_id: "ant" }, { typ: "oauth-id-jag+jwt" }),
};
for (const [name, value] of Object.entries(others)) await atMcp(name, bearer(value));

// Ways of presenting a good token that are none.
await atMcp("no Authorization", {});
await atMcp("Basic", { authorization: `Basic ${own}` });
await atMcp("no scheme", { authorization: own });
await atMcp("an unknown scheme", { authorization: `Token ${own}` });
await atMcp("a bearer token as DPoP, without a proof", { authorization: `DPoP ${own}` });
await atMcp("Bearer and nothing", { authorization: "Bearer " });
await atMcp("two tokens in one header", { authorization: `Bearer ${own}, Bearer ${own}` });
await bad("MCP: the token in the address", async () => {
  const answer = await fetch(`${world.resource}?access_token=${own}`, { method: "POST", body: "{}" });
  return { status: answer.status, body: {} };
}, (answer) => answer.status === 200);

// Forgeries where tokens are looked at: introspection must not know them, exchange must not take them.
// One of our own key for an audience that nobody knows here is none of ours (RFC 7662 section 4). One that is bound to a
// key is ours: introspection says to which, and what is exchanged for it is no good without the key either.
const limited = (name) => /^cnf of a key/.test(name);
for (const [name, value] of Object.entries({ ...forged, ...others })) {
  count(`introspection: ${name}`);
  await check(`introspection: ${name}`, async () => {
    const { status, body } = await postAs("ant", "/oauth/introspect", { token: value });
    const stated = () => decodeJwt(value);
    const truthful = () => body.aud === stated().aud && body.cnf?.jkt === stated().cnf?.jkt;
    must(status < 500 && (body.active !== true || (limited(name) && truthful())), JSON.stringify(body));
  });
}
const granted = (answer) => answer.body.access_token !== undefined;
const actor = { actor_token: own, actor_token_type: TYPES.access };
for (const [name, value] of Object.entries(forged)) {
  const subject = { grant_type: EXCHANGE, subject_token: value, subject_token_type: TYPES.access };
  await bad(`subject: ${name}`, () => post("/oauth/token", { ...subject, ...actor }), granted);
}
const bob = await idToken();
for (const [name, value] of Object.entries({ ...forged, ...others })) {
  const form = {
    grant_type: EXCHANGE, subject_token: bob, subject_token_type: TYPES.id, actor_token: value,
    actor_token_type: TYPES.access,
  };
  if (limited(name)) {
    count(`actor: ${name}`);
    await check(`actor: ${name}`, async () => {
      const { body } = await post("/oauth/token", form);
      const gained = body.access_token && (await call(bearer(body.access_token)));
      must(!gained?.done, JSON.stringify(body));
    });
    continue;
  }
  await bad(`actor: ${name}`, () => post("/oauth/token", form), granted);
}

// Client assertions.
const client = (value, more = {}) => ({
  grant_type: "client_credentials", client_assertion_type: ASSERTION, client_assertion: value, ...more,
});
const used = await assertion("ant");
must((await post("/oauth/token", client(used))).status === 200, "a good assertion is refused");
const assertions = {
  "an assertion used again": used,
  "for another audience": await assertion("ant", { aud: "https://elsewhere.example" }),
  "for the token endpoint": await assertion("ant", { aud: `${world.issuer}/oauth/token` }),
  "for two audiences": await assertion("ant", { aud: [world.issuer, "x"] }),
  "in a list of one audience": await assertion("ant", { aud: [world.issuer] }),
  "expired": await assertion("ant", { iat: now() - 600, exp: now() - 300 }),
  "living too long": await assertion("ant", {}, { life: 3600 }),
  "not yet good": await assertion("ant", { nbf: now() + 300 }),
  "issued in the future": await assertion("ant", { iat: now() + 250, exp: now() + 290 }),
  "without jti": await assertion("ant", { jti: undefined }),
  "without exp": await assertion("ant", { exp: undefined }),
  "sub another agent": await assertion("ant", { sub: "bee" }),
  "iss another agent": await assertion("ant", { iss: "bee" }),
  "of another agent's key": await mint(keys.bee.private, { iss: "ant", sub: "ant", aud: world.issuer }),
  "of a stranger's key with our kid": await mint(keys.stranger.private, { iss: "ant", sub: "ant", aud: world.issuer }),
  "of an agent without keys": await mint(keys.ant.private, { iss: "fox", sub: "fox", aud: world.issuer }),
  "of an agent that is not registered": await mint(keys.ant.private, { iss: "gnu", sub: "gnu", aud: world.issuer }),
  "an access token": own,
  "an access token of another deployment": elsewhere,
  "typ at+jwt": await assertion("ant", {}, { typ: "at+jwt" }),
  "typ dpop+jwt": await assertion("ant", {}, { typ: "dpop+jwt" }),
  "signed by the deployment itself": signed('{"alg":"EdDSA","kid":"ant-1"}',
    JSON.stringify({ iss: "ant", sub: "ant", aud: world.issuer, exp: now() + 60, iat: now(), jti: "1" })),
};
for (const [name, value] of Object.entries(assertions)) await atToken(`assertion ${name}`, client(value));
for (const [name, value] of Object.entries(forgeries(await assertion("ant"))).filter(([name]) =>
  /alg|HS256|another|signature|parts|padding|cut|twice$|dot/.test(name))) {
  await atToken(`assertion, ${name}`, client(value));
}
await atToken("client_id of another agent", client(await assertion("ant"), { client_id: "bee" }));
await atToken("an SVID as client assertion of a key", client(await svid()));
await atToken("a key's assertion as SVID", client(await assertion("ant"), { client_assertion_type: SPIFFE }));
await atToken("a client secret", { grant_type: "client_credentials", client_id: "ant", client_secret: "x" });
await atToken("no authentication", { grant_type: "client_credentials", client_id: "ant" });
await atToken("a parameter twice", "grant_type=client_credentials&grant_type=client_credentials");
await atToken("another grant", { grant_type: "password", username: "bob", password: "x" });

// SVIDs, platforms' tokens and identity assertions.
const workload = (value, more = {}) => client(value, { client_assertion_type: SPIFFE, ...more });
const stranger = (claims, options) => mint({ ...keys.bee.private, kid: "svid-1" }, claims, options);
const svids = {
  "of another trust domain": await svid({ sub: "spiffe://other.example/billing" }),
  "of another workload": await svid({ sub: "spiffe://prod.example/other" }),
  "of a workload below": await svid({ sub: "spiffe://prod.example/billing/x" }),
  "with no SPIFFE id": await svid({ sub: "billing" }),
  "for another audience": await svid({ aud: ["https://elsewhere.example"] }),
  "for two audiences": await svid({ aud: [world.issuer, "x"] }),
  "expired": await svid({ iat: now() - 600, exp: now() - 300 }),
  "without exp": await svid({ exp: undefined }),
  "living a day": await svid({}, { life: 86_400 }),
  "typ at+jwt": await svid({}, { typ: "at+jwt" }),
  "of another key with its kid": await stranger({ sub: "spiffe://prod.example/billing", aud: [world.issuer] }),
};
for (const [name, value] of Object.entries(svids)) await atToken(`SVID ${name}`, workload(value));
await atToken("SVID with another client_id", workload(await svid(), { client_id: "spiffe://prod.example/x" }));

const bearing = (value, more = {}) => ({ grant_type: JWT_BEARER, assertion: value, ...more });
const platforms = {
  "of another repository": await workloadToken({ repository: "acme/other" }),
  "of a pull request": await workloadToken({ ref: "refs/pull/7/merge" }),
  "of a ref that begins alike": await workloadToken({ ref: "refs/heads/main-2" }),
  "of a ref as a list": await workloadToken({ ref: ["refs/heads/main"] }),
  "without the repository": await workloadToken({ repository: undefined }),
  "in another case": await workloadToken({ repository: "ACME/billing" }),
  "of another issuer": await workloadToken({ iss: "https://elsewhere.example" }),
  "for another audience": await workloadToken({ aud: "https://elsewhere.example" }),
  "for two audiences": await workloadToken({ aud: [world.issuer, "sts.example"] }),
  "expired": await workloadToken({ iat: now() - 600, exp: now() - 300 }),
  "without exp": await workloadToken({ exp: undefined }),
  "living a week": await workloadToken({}, { life: 7 * 86_400 }),
  "of another key": await mint({ ...keys.cat.private, kid: "ci-1" }, {
    iss: "https://ci.example", aud: world.issuer, sub: "x", repository: "acme/billing", ref: "refs/heads/main",
  }),
  "that is an access token of ours": own,
  "that is an SVID": await svid(),
  "that is an id token": bob,
};
for (const [name, value] of Object.entries(platforms)) await atToken(`workload ${name}`, bearing(value));
await atToken("workload as another agent", bearing(await workloadToken(), { client_id: "ant" }));

const jag = (claims = {}, options = {}) => idToken(
  { aud: world.issuer, client_id: "ant", ...claims }, { typ: "oauth-id-jag+jwt", ...options });
const once = await jag();
const identity = async (value) => bearing(value, {
  client_assertion_type: ASSERTION, client_assertion: await assertion("ant"), client_id: "ant",
});
must((await post("/oauth/token", await identity(once))).status === 200, "a good ID-JAG is refused");
const identities = {
  "used again": once,
  "for another client": await jag({ client_id: "bee" }),
  "for another audience": await jag({ aud: "https://elsewhere.example" }),
  "of an id token's type": await jag({}, { typ: "JWT" }),
  "expired": await jag({ iat: now() - 600, exp: now() - 300 }),
  "living too long": await jag({}, { life: 3600 }),
  "without jti": await jag({ jti: undefined }),
  "of nobody here": await jag({ email: "mallory@example.com" }),
  "of an unverified address": await jag({ email_verified: false }),
  "delegated already": await jag({ act: { sub: "x" } }),
  "bound to a key": await jag({ cnf: { jkt: "x" } }),
  "of the platform's key": await mint({ ...keys.platform.private, kid: "idp-1" }, {
    iss: world.idp, aud: world.issuer, sub: "bob", email: "bob@example.com", client_id: "ant",
  }, { typ: "oauth-id-jag+jwt" }),
};
for (const [name, value] of Object.entries(identities)) await atToken(`ID-JAG ${name}`, await identity(value));
await atToken("ID-JAG without a client", bearing(await jag()));

// Proofs of possession.
const pair = generateKeyPairSync("ed25519");
const thief = generateKeyPairSync("ed25519");
const jwk = (of) => of.publicKey.export({ format: "jwk" });
const hash = (text) => createHash("sha256").update(text).digest("base64url");
function proof(claims = {}, header = {}, key = pair) {
  const head = { alg: "EdDSA", typ: "dpop+jwt", jwk: jwk(key), ...header };
  const all = { htm: "POST", htu: world.resource, iat: now(), jti: randomUUID(), ath: hash(bound), ...claims };
  const input = [head, all].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${input}.${sign(null, Buffer.from(input), key.privateKey).toString("base64url")}`;
}
let bound = "";
const first = proof({ htu: `${world.issuer}/oauth/token`, ath: undefined });
bound = (await token("ant", {}, { dpop: first })).access_token;
const dpop = (value, access = bound) => ({ authorization: `DPoP ${access}`, dpop: value });
await works("a bound token with its proof", () => dpop(proof()));
await works("a proof whose htu has a query", () => dpop(proof({ htu: `${world.resource}` })));
const replayed = proof();
await works("a proof, the first time", () => dpop(replayed));
const proofs = {
  "a proof used again": replayed,
  "htu of another connector": proof({ htu: `${world.issuer}/mcp/other` }),
  "htu of another host": proof({ htu: "http://elsewhere.example/mcp/crm" }),
  "htu with https": proof({ htu: world.resource.replace("http:", "https:") }),
  "htu relative": proof({ htu: "/mcp/crm" }),
  "htu left out": proof({ htu: undefined }),
  "htm GET": proof({ htm: "GET" }),
  "htm in lower case": proof({ htm: "post" }),
  "htm left out": proof({ htm: undefined }),
  "ath of another token": proof({ ath: hash(own) }),
  "ath left out": proof({ ath: undefined }),
  "ath not hashed": proof({ ath: bound }),
  "iat a minute and more ago": proof({ iat: now() - 90 }),
  "iat in the future": proof({ iat: now() + 120 }),
  "iat left out": proof({ iat: undefined }),
  "jti left out": proof({ jti: undefined }),
  "jti empty": proof({ jti: "" }),
  "another key's proof": proof({}, {}, thief),
  "our key named, another key's signature": proof({}, { jwk: jwk(pair) }, thief),
  "no jwk": proof({}, { jwk: undefined }),
  "the private key in jwk": proof({}, { jwk: pair.privateKey.export({ format: "jwk" }) }),
  "typ JWT": proof({}, { typ: "JWT" }),
  "typ left out": proof({}, { typ: undefined }),
  "alg none": `${proof({}, { alg: "none" }).split(".").slice(0, 2).join(".")}.`,
  "alg HS256": proof({}, { alg: "HS256" }),
  "kid beside jwk": proof({}, { kid: "x" }),
  "crit": proof({}, { crit: ["x"], x: 1 }),
  "an access token as proof": bound,
  "nothing": "",
};
for (const [name, value] of Object.entries(proofs)) await atMcp(`DPoP: ${name}`, dpop(value));
await atMcp("DPoP: two proofs", dpop(`${proof()}, ${proof()}`));
await atMcp("DPoP: no proof", { authorization: `DPoP ${bound}` });
await atMcp("DPoP: a bound token as bearer token", bearer(bound));
await atMcp("DPoP: a bound token as bearer token, with its proof", { ...bearer(bound), dpop: proof() });
await atMcp("DPoP: a bearer token with a proof", dpop(proof({ ath: hash(own) }), own));

await works("the token, after everything", () => bearer(own));
await works("the bound token, after everything", () => dpop(proof()));
const ended = await token("ant");
await postAs("ant", "/oauth/revoke", { token: ended.access_token });
await atMcp("a revoked token", bearer(ended.access_token));
finish({ fired, distinct: distinct.size, good, told });
