// `openid-client` as a client of Placet: discovery, every grant, proofs of possession, introspection, revocation.
import { randomUUID } from "node:crypto";
import * as client from "openid-client";
import { decodeJwt, importJWK, SignJWT } from "jose";
import {
  bearer, call, check, EXCHANGE, finish, JWT_BEARER, keys, mint, must, operator, outcome, SPIFFE, svid, toolCall, TYPES,
  workloadToken, world,
} from "./kit.mjs";
import { signIn } from "./sign_in.mjs";

const OPTIONS = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };

async function as(agent, authentication) {
  const key = agent in keys && { key: await importJWK(keys[agent].private), kid: keys[agent].private.kid };
  return client.discovery(new URL(world.issuer), agent, undefined, authentication ?? client.PrivateKeyJwt(key), OPTIONS);
}

/** A call of the CRM made by the library itself. */
async function resource(config, token, dpop, tool = "get_deal") {
  const made = toolCall(tool, { deal_id: "789" });
  const headers = new Headers(made.headers);
  const url = new URL(world.resource);
  return outcome(await client.fetchProtectedResource(config, token, url, "POST", made.body, headers, { DPoP: dpop }));
}

const config = await as("ant");
let own;

await check("discovery of the authorization server (RFC 8414)", () => {
  const metadata = config.serverMetadata();
  for (const name of ["token_endpoint", "jwks_uri", "introspection_endpoint", "revocation_endpoint"]) {
    must(metadata[name]?.startsWith(world.issuer), `${name} is ${metadata[name]}`);
  }
  return metadata.grant_types_supported.join(" ");
});

await check("client_credentials by private_key_jwt (EdDSA), and a call with the token", async () => {
  own = await client.clientCredentialsGrant(config);
  must(own.token_type === "bearer", own.token_type);
  const done = await resource(config, own.access_token);
  return must(done.done, JSON.stringify(done.body));
});

await check("scope and resource narrow the token (RFC 8707)", async () => {
  const parameters = { scope: "crm.get_deal", resource: world.resource };
  const token = await client.clientCredentialsGrant(config, parameters);
  const claims = decodeJwt(token.access_token);
  must(claims.aud === world.resource && claims.scope === "crm.get_deal", JSON.stringify(claims));
  must((await resource(config, token.access_token)).done, "the tool in scope is refused");
  const outside = await resource(config, token.access_token, undefined, "update_deal");
  must(!outside.done && outside.code, `the tool out of scope: ${JSON.stringify(outside.body)}`);
  return `out of scope: ${outside.code}`;
});

await check("a DPoP-bound token: a call with the proof, none without", async () => {
  const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const token = await client.clientCredentialsGrant(config, {}, { DPoP: dpop });
  must(token.token_type === "dpop", token.token_type);
  const done = await resource(config, token.access_token, dpop);
  must(done.done, JSON.stringify(done.body));
  const stolen = await call(bearer(token.access_token));
  must(!stolen.done && stolen.status === 401, `as a bearer token: ${stolen.status}`);
  return `as a bearer token: ${stolen.status} ${stolen.code ?? ""}`;
});

await check("workload federation: jwt-bearer with a platform's token minted by jose", async () => {
  const workload = await as("eel", client.None());
  const token = await client.genericGrantRequest(workload, JWT_BEARER, { assertion: await workloadToken() });
  must(decodeJwt(token.access_token).client_id === "eel", "it is another agent");
  return must((await resource(workload, token.access_token)).done, "the call is refused");
});

await check("workload federation: another ref of the repository is refused", async () => {
  const workload = await as("eel", client.None());
  const fork = await workloadToken({ ref: "refs/pull/1/merge" });
  return refused(client.genericGrantRequest(workload, JWT_BEARER, { assertion: fork }), "invalid_grant");
});

await check("a JWT-SVID minted by jose as client authentication", async () => {
  const workload = await as("dog", async (_server, _client, body) => {
    body.set("client_assertion_type", SPIFFE);
    body.set("client_assertion", await svid());
  });
  const token = await client.clientCredentialsGrant(workload);
  must(decodeJwt(token.access_token).client_id === "dog", "it is another agent");
  return must((await resource(workload, token.access_token)).done, "the call is refused");
});

let signedIn;
await check("a person signs in at oidc-provider (code and PKCE)", async () => {
  signedIn = await signIn("bob");
  return must(signedIn.id_token && signedIn.access_token, "there are no tokens");
});

for (const [kind, type] of [["id_token", TYPES.id], ["access_token", TYPES.access]]) {
  await check(`token exchange: the person's ${kind}, the instance's token as actor`, async () => {
    const answer = await client.genericGrantRequest(config, EXCHANGE, {
      subject_token: signedIn[kind], subject_token_type: type,
      actor_token: own.access_token, actor_token_type: TYPES.access, scope: "crm",
    });
    must(answer.issued_token_type === TYPES.access, answer.issued_token_type);
    const claims = decodeJwt(answer.access_token);
    must(claims.sub === "bob@example.com", `sub is ${claims.sub}`);
    must(claims.act?.sub?.startsWith("ins_") && claims.act.iss === world.issuer, `act is ${JSON.stringify(claims.act)}`);
    const done = await resource(config, answer.access_token);
    must(done.done, JSON.stringify(done.body));
    return `sub ${claims.sub}, act ${JSON.stringify(claims.act)}`;
  });
}

await check("token exchange: the person's groups at the provider decide", async () => {
  const list = async (person) => {
    const subject = person === "bob" ? signedIn : await signIn(person);
    const { access_token } = await client.genericGrantRequest(config, EXCHANGE, {
      subject_token: subject.id_token, subject_token_type: TYPES.id,
      actor_token: own.access_token, actor_token_type: TYPES.access,
    });
    return call(bearer(access_token), "list_deals", {});
  };
  const [bob, dan] = [await list("bob"), await list("dan")];
  must(bob.done, `with the group: ${JSON.stringify(bob.body)}`);
  must(!dan.done && dan.code === "PL-1202", `without it: ${JSON.stringify(dan.body)}`);
  return `with the group: done; without it: ${dan.code}`;
});

await check("token exchange: a person whose address the provider has not verified is refused", async () => {
  const eve = await signIn("eve");
  return refused(client.genericGrantRequest(config, EXCHANGE, {
    subject_token: eve.id_token, subject_token_type: TYPES.id,
    actor_token: own.access_token, actor_token_type: TYPES.access,
  }), "access_denied");
});

await check("token exchange: a sub-agent acts for the instance that acts for the person", async () => {
  const first = await client.genericGrantRequest(config, EXCHANGE, {
    subject_token: signedIn.id_token, subject_token_type: TYPES.id,
    actor_token: own.access_token, actor_token_type: TYPES.access,
  });
  const helper = await as("bee");
  const second = await client.genericGrantRequest(helper, EXCHANGE, {
    subject_token: first.access_token, subject_token_type: TYPES.access, scope: "crm.get_deal",
  });
  const [one, two] = [decodeJwt(first.access_token), decodeJwt(second.access_token)];
  must(two.sub === "bob@example.com" && two.client_id === "bee", JSON.stringify(two));
  must(two.act?.act?.sub === one.act.sub, `act is ${JSON.stringify(two.act)}`);
  must((await resource(helper, second.access_token)).done, "the call is refused");
  await client.tokenRevocation(config, first.access_token);
  const after = await resource(helper, second.access_token).catch((error) => ({ done: false, status: error.status }));
  must(!after.done, "the child of a revoked parent is still accepted");
  return "a revoked parent takes its child with it";
});

await check("ID-JAG of the provider through jwt-bearer", async () => {
  const assertion = await mint(keys.idp.private, {
    iss: world.idp, aud: world.issuer, sub: "bob", email: "bob@example.com", email_verified: true, client_id: "ant",
    scope: "crm.get_deal",
  }, { typ: "oauth-id-jag+jwt" });
  const token = await client.genericGrantRequest(config, JWT_BEARER, { assertion });
  const shown = await client.tokenIntrospection(config, token.access_token);
  must((await resource(config, token.access_token)).done, "the call is refused");
  await refused(client.genericGrantRequest(config, JWT_BEARER, { assertion }), "invalid_grant");
  return `scope ${shown.scope}; used again: invalid_grant`;
});

await check("introspection, revocation, then no call", async () => {
  const shown = await client.tokenIntrospection(config, own.access_token);
  must(shown.active && shown.client_id === "ant", JSON.stringify(shown));
  await client.tokenRevocation(config, own.access_token);
  const after = await client.tokenIntrospection(config, own.access_token);
  must(after.active === false && Object.keys(after).length === 1, JSON.stringify(after));
  const refusal = await call(bearer(own.access_token));
  must(!refusal.done && refusal.status === 401, `the call: ${refusal.status}`);
  return `the call: ${refusal.status} ${refusal.code ?? ""}`;
});

await check("enrolment by a one-time code, and a token with the enrolled key", async () => {
  const { code } = await operator("POST", "/v1/agents/fox/enrol", {});
  const pair = await client.randomDPoPKeyPair("ES256", { extractable: true });
  const { d: _, key_ops: __, ext: ___, ...jwk } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const proof = await proofFor(pair, `${world.issuer}/oauth/enrol`, jwk);
  const headers = { "content-type": "application/json", dpop: proof };
  const body = JSON.stringify({ code, jwk });
  const enrolled = await fetch(`${world.issuer}/oauth/enrol`, { method: "POST", headers, body });
  must(enrolled.status === 201, `${enrolled.status}: ${await enrolled.text()}`);
  const fox = await as("fox", client.PrivateKeyJwt(pair.privateKey));
  const token = await client.clientCredentialsGrant(fox);
  return must((await resource(fox, token.access_token)).done, "the call is refused");
});

async function proofFor(pair, url, jwk) {
  const claims = { htm: "POST", htu: url, jti: randomUUID(), iat: Math.floor(Date.now() / 1000) };
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk }).sign(pair.privateKey);
}

async function refused(request, expected) {
  const answer = await request.then(() => "granted", (error) => error.error ?? error.cause?.error ?? error.message);
  must(answer === expected, `the answer is ${answer}`);
  return answer;
}

finish();
