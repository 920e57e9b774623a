// `oauth4webapi` as a client and as a resource server: from a 401 to a call, and the access token judged by a stranger.
import * as oauth from "oauth4webapi";
import { createRemoteJWKSet, importJWK, jwtVerify } from "jose";
import { check, finish, keys, must, outcome, toolCall, world } from "./kit.mjs";

const insecure = { [oauth.allowInsecureRequests]: true };
const client = { client_id: "bee" };
const key = { key: await importJWK(keys.bee.private), kid: keys.bee.private.kid };
const authentication = oauth.PrivateKeyJwt(key);
const pair = await oauth.generateKeyPair("Ed25519");
let server;
let token;

async function call(access, dpop) {
  const made = toolCall("get_deal", { deal_id: "789" });
  const options = { ...insecure, DPoP: dpop };
  const headers = new Headers(made.headers);
  return outcome(
    await oauth.protectedResourceRequest(access, "POST", new URL(world.resource), headers, made.body, options));
}

/** The request as a resource server would get it. */
function seen(access, scheme, proof) {
  const headers = { authorization: `${scheme} ${access}`, ...(proof && { dpop: proof }) };
  return new Request(world.resource, { method: "POST", headers });
}

await check("a call without a token is challenged (RFC 9728), and the metadata are those of the resource", async () => {
  const made = toolCall("get_deal", { deal_id: "789" });
  const answer = await fetch(world.resource, { method: "POST", headers: made.headers, body: made.body });
  must(answer.status === 401, `status ${answer.status}`);
  const challenge = answer.headers.get("www-authenticate") ?? "";
  const stated = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  const url = new URL(world.resource);
  const found = await oauth.resourceDiscoveryRequest(url, insecure);
  must(found.url === stated, `the challenge names ${stated}, RFC 9728 ${found.url}`);
  const metadata = await oauth.processResourceDiscoveryResponse(url, found);
  const issuer = new URL(metadata.authorization_servers[0]);
  const options = { algorithm: "oauth2", ...insecure };
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  return challenge;
});

await check("client_credentials by private_key_jwt (ES256), and a call with the token", async () => {
  const parameters = { resource: world.resource };
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, insecure);
  token = await oauth.processClientCredentialsResponse(server, client, answer);
  return must((await call(token.access_token)).done, "the call is refused");
});

await check("the access token by validateJwtAccessToken (RFC 9068)", async () => {
  const request = seen(token.access_token, "Bearer");
  const claims = await oauth.validateJwtAccessToken(server, request, world.resource, insecure);
  return `${Object.keys(claims).sort().join(" ")}`;
});

await check("for another audience validateJwtAccessToken refuses it", () => {
  const request = seen(token.access_token, "Bearer");
  const judged = oauth.validateJwtAccessToken(server, request, "https://elsewhere.example", insecure);
  return judged.then(() => false, (error) => error.message);
});

await check("the access token by jose and our JWKS", async () => {
  const set = createRemoteJWKSet(new URL(server.jwks_uri));
  const rules = { issuer: world.issuer, audience: world.resource, typ: "at+jwt", algorithms: ["EdDSA"] };
  const { protectedHeader } = await jwtVerify(token.access_token, set, rules);
  return JSON.stringify(protectedHeader);
});

await check("DPoP with an Ed25519 key: the proof and the token together by validateJwtAccessToken", async () => {
  const dpop = oauth.DPoP(client, pair);
  const parameters = { resource: world.resource };
  const options = { ...insecure, DPoP: dpop };
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, options);
  const bound = await oauth.processClientCredentialsResponse(server, client, answer);
  must(bound.token_type === "dpop", bound.token_type);
  const done = await call(bound.access_token, dpop);
  must(done.done, JSON.stringify(done.body));
  // The library makes a proof for whatever is fetched; here it is caught and judged instead of sent.
  let caught;
  const customFetch = (url, { headers }) => {
    caught = seen(bound.access_token, "DPoP", new Headers(headers).get("dpop"));
    return Promise.resolve(new Response("{}", { status: 200 }));
  };
  const catching = { ...insecure, DPoP: dpop, [oauth.customFetch]: customFetch };
  await oauth.protectedResourceRequest(bound.access_token, "POST", new URL(world.resource), new Headers(), "", catching);
  const claims = await oauth.validateJwtAccessToken(server, caught, world.resource, { ...insecure, requireDPoP: true });
  return `cnf ${JSON.stringify(claims.cnf)}`;
});

await check("introspection, revocation, then no call", async () => {
  const ask = async () => oauth.processIntrospectionResponse(server, client,
    await oauth.introspectionRequest(server, client, authentication, token.access_token, insecure));
  must((await ask()).active === true, "the token is not active");
  const answer = await oauth.revocationRequest(server, client, authentication, token.access_token, insecure);
  must((await oauth.processRevocationResponse(answer)) === undefined, "the revocation is refused");
  must((await ask()).active === false, "the token is still active");
  const refusal = await call(token.access_token).catch((error) => error);
  const challenge = refusal.cause?.[0];
  must(refusal instanceof oauth.WWWAuthenticateChallengeError, "the call is not challenged");
  must(challenge.scheme === "bearer" && challenge.parameters.error === "invalid_token", JSON.stringify(challenge));
  return JSON.stringify(challenge.parameters.error_description);
});

await check("revoking a token of nobody is done, too (RFC 7009)", async () => {
  const answer = await oauth.revocationRequest(server, client, authentication, "nothing", insecure);
  return (await oauth.processRevocationResponse(answer)) === undefined;
});

finish();
