// Token exchange that would widen, swap, outlive or lengthen: nothing may be granted. And one code, used by many at once.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import {
  bearer, call, check, EXCHANGE, finish, idToken, keys, mint, must, now, operator, post, postAs, svid, token, TYPES,
  workloadToken, world,
} from "./kit.mjs";
import { signed } from "./forge.mjs";
import { decodeJwt } from "jose";

let asked = 0;
let good = 0;
const told = {};

async function refused(name, form, agent) {
  asked += 1;
  await check(`exchange: ${name}`, async () => {
    const all = { grant_type: EXCHANGE, ...form };
    const answer = await (agent ? postAs(agent, "/oauth/token", all) : post("/oauth/token", all));
    const word = `${answer.status} ${answer.body.error ?? ""}`;
    told[word] = (told[word] ?? 0) + 1;
    must(answer.body.access_token === undefined && answer.status >= 400 && answer.status < 500, `answered ${word}`);
    return word;
  });
}

async function granted(name, form, agent) {
  let answer;
  await check(`exchange: ${name}`, async () => {
    answer = (await postAs(agent, "/oauth/token", { grant_type: EXCHANGE, ...form })).body;
    const done = await call(bearer(answer.access_token));
    good += 1;
    return must(done.done, JSON.stringify(answer));
  });
  return answer.access_token;
}

const own = async (agent, form) => (await token(agent, form)).access_token;
const actor = (value) => ({ actor_token: value, actor_token_type: TYPES.access });
const subject = (value, type = TYPES.access) => ({ subject_token: value, subject_token_type: type });
const ant = await own("ant");
const bee = await own("bee");
const bob = await idToken();
const person = subject(bob, TYPES.id);

await granted("a person and an instance", { ...person, ...actor(ant) }, "ant");

const narrow = await own("ant", { scope: "crm.get_deal" });
const here = await own("ant", { resource: world.resource });
await refused("wider scope than the subject's", { ...subject(narrow), scope: "crm" }, "bee");
await refused("everything, of a narrow subject", { ...subject(narrow), scope: "*" }, "bee");
await refused("another tool than the subject's", { ...subject(narrow), scope: "crm.update_deal" }, "bee");
await refused("one tool more than the subject's", { ...subject(narrow), scope: "crm.get_deal crm.update_deal" }, "bee");
await refused("wider scope than the actor's", { ...person, ...actor(narrow), scope: "crm" }, "ant");
await refused("a malformed scope", { ...person, ...actor(ant), scope: "crm  crm" }, "ant");
await refused("wider audience than the subject's", { ...subject(here), resource: world.issuer }, "bee");
await refused("another connector than the subject's", { ...subject(here), resource: `${world.issuer}/mcp/everything` }, "bee");
await refused("another connector than the actor's", { ...person, ...actor(here), resource: `${world.issuer}/mcp/everything` }, "ant");
await refused("a foreign audience", { ...person, ...actor(ant), audience: "https://elsewhere.example" }, "ant");
await refused("a foreign resource", { ...person, ...actor(ant), resource: "https://elsewhere.example/mcp/crm" }, "ant");
await refused("a resource beside ours", { ...person, ...actor(ant), resource: `${world.resource}/../everything/x` }, "ant");
await refused("resource and audience that differ", { ...person, ...actor(ant), resource: world.resource, audience: `${world.issuer}/mcp/everything` }, "ant");

const old = { iat: now() - 600, exp: now() - 300 };
const claims = decodeJwt(ant);
const header = JSON.stringify(JSON.parse(Buffer.from(ant.split(".")[0], "base64url")));
const expired = signed(header, JSON.stringify({ ...claims, iat: now() - 600, exp: now() - 1 }));
await refused("an expired id token", { ...subject(await idToken(old), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token that expired a minute ago", { ...subject(await idToken({ exp: now() - 60 }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token that does not expire", { ...subject(await idToken({ exp: undefined }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token that is not good yet", { ...subject(await idToken({ nbf: now() + 300 }), TYPES.id), ...actor(ant) }, "ant");
await refused("an expired subject token of ours", subject(expired), "bee");
await refused("an expired actor token", { ...person, ...actor(expired) });

const second = await granted("an instance for an instance", { ...subject(ant), scope: "crm" }, "bee");
const third = await granted("a third", subject(second), "cat");
await refused("a chain of four", subject(third), "ant");
await refused("a chain of four by a token", { ...subject(third), ...actor(await own("ant")) });
await refused("an instance for itself", { ...subject(ant), ...actor(ant) });
await refused("a chain back to its first", { ...subject(second), ...actor(ant) });
await refused("an actor that acts for another already", { ...person, ...actor(second) });

const dead = await own("ant");
const child = await granted("a child of one that is to end", subject(dead), "bee");
await postAs("ant", "/oauth/revoke", { token: dead });
await refused("a revoked subject", subject(dead), "bee");
await refused("the child of a revoked subject", subject(child), "cat");
await refused("a revoked actor", { ...person, ...actor(dead) });
await refused("an actor token of another agent than the client", { ...person, ...actor(bee) }, "ant");
await refused("nobody who acts", person);
await refused("an actor token without its type", { ...person, actor_token: ant });
await refused("an actor that is a person", { ...person, actor_token: bob, actor_token_type: TYPES.id });
await refused("an actor that is an SVID", { ...person, ...actor(await svid()) });

await refused("an id token for another client", { ...subject(await idToken({ aud: "other" }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token for two clients", { ...subject(await idToken({ aud: ["placet", "x"] }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token of another issuer", { ...subject(await idToken({ iss: "https://elsewhere.example" }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token of nobody here", { ...subject(await idToken({ email: "mallory@example.com" }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token of an unverified address", { ...subject(await idToken({ email_verified: false }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token with no address", { ...subject(await idToken({ email: undefined }), TYPES.id), ...actor(ant) }, "ant");
await refused("an id token as access token", { ...subject(bob, TYPES.access), ...actor(ant) }, "ant");
await refused("an id token as plain JWT", { ...subject(bob, TYPES.jwt), ...actor(ant) }, "ant");
await refused("an access token as id token", { ...subject(ant, TYPES.id), ...actor(bee) });
await refused("a platform's token as subject", { ...subject(await workloadToken(), TYPES.jwt), ...actor(ant) }, "ant");
await refused("a SAML assertion", { ...subject("PHg+", "urn:ietf:params:oauth:token-type:saml2"), ...actor(ant) }, "ant");
const platform = await mint({ ...keys.platform.private, kid: "idp-1" }, { iss: world.idp, aud: "placet", sub: "bob", email: "bob@example.com" });
await refused("an id token of another key", { ...subject(platform, TYPES.id), ...actor(ant) }, "ant");
await refused("a subject that lets somebody else act", { ...subject(await idToken({ may_act: { sub: "bee" } }), TYPES.id), ...actor(ant) }, "ant");
await refused("a subject that is delegated already", { ...subject(await idToken({ act: { sub: "x" } }), TYPES.id), ...actor(ant) }, "ant");
await refused("a subject bound to a key", { ...subject(await idToken({ cnf: { jkt: "x" } }), TYPES.id), ...actor(ant) }, "ant");
await refused("a person by the request's own word", { ...subject(ant), on_behalf_of: "bob@example.com" }, "bee");
await refused("a refresh token in return", { ...person, ...actor(ant), requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }, "ant");
await refused("an id token in return", { ...person, ...actor(ant), requested_token_type: TYPES.id }, "ant");
await refused("a life longer than an hour", { ...person, ...actor(ant), ttl: "86400" }, "ant");
await refused("a token of another deployment", subject(world.other_token), "bee");

const bound = (await token("ant", {}, { dpop: proof(generateKeyPairSync("ed25519"), "/oauth/token") })).access_token;
await refused("a bound subject without its proof", subject(bound), "bee");
await refused("a bound actor without its proof", { ...person, ...actor(bound) });

await check("a granted token ends no later than its subject", async () => {
  const brief = await idToken({}, { life: 45 });
  const answer = await postAs("ant", "/oauth/token", { grant_type: EXCHANGE, ...subject(brief, TYPES.id), ...actor(ant) });
  must(answer.body.expires_in <= 45, JSON.stringify(answer.body));
  must(answer.body.refresh_token === undefined, "there is a refresh token");
  return `${answer.body.expires_in} s`;
});

// One code, many machines.
function proof(pair, path) {
  const head = { alg: "EdDSA", typ: "dpop+jwt", jwk: pair.publicKey.export({ format: "jwk" }) };
  const all = { htm: "POST", htu: `${world.issuer}${path}`, iat: now(), jti: randomUUID() };
  const input = [head, all].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${input}.${sign(null, Buffer.from(input), pair.privateKey).toString("base64url")}`;
}
async function enrol(code, pair, proved = pair) {
  const headers = { "content-type": "application/json", ...(proved && { dpop: proof(proved, "/oauth/enrol") }) };
  const body = JSON.stringify({ code, jwk: pair.publicKey.export({ format: "jwk" }) });
  return (await fetch(`${world.issuer}/oauth/enrol`, { method: "POST", headers, body })).status;
}
const RACERS = 64;
const fresh = () => generateKeyPairSync("ed25519");
const { code } = await operator("POST", "/v1/agents/fox/enrol", {});
await check("enrolment: a wrong code", async () => must((await enrol("AAAAA-AAAAA-AAAAA-AAAAA", fresh())) === 400, "accepted"));
await check("enrolment: without a proof", async () => must((await enrol(code, fresh(), null)) === 400, "accepted"));
await check("enrolment: with another key's proof", async () => must((await enrol(code, fresh(), fresh())) === 400, "accepted"));
const racers = Array.from({ length: RACERS }, fresh);
const statuses = await Promise.all(racers.map((pair) => enrol(code, pair)));
const enrolled = statuses.filter((status) => status === 201).length;
await check(`enrolment: one code, ${RACERS} at once, one success`, () => must(enrolled === 1, `${enrolled} successes: ${statuses}`));
await check("enrolment: the losers are told no, not that something broke", () =>
  must(statuses.every((status) => status === 201 || status === 400), `${statuses}`));
await check("enrolment: the code once more", async () => must((await enrol(code, fresh())) === 400, "accepted"));
await check("enrolment: one key is kept", async () => {
  const { credentials } = await operator("GET", "/v1/credentials?agent=fox");
  return must(credentials.length === 1, `${credentials.length} keys`);
});
finish({ asked, good, enrolled, told });
