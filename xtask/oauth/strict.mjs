// A deployment that takes bound tokens only, and proofs only with its nonce: `openid-client` finds its way by itself.
import * as client from "openid-client";
import { decodeJwt, importJWK } from "jose";
import { bearer, call, check, finish, keys, must, outcome, postAs, toolCall, world } from "./kit.mjs";

const OPTIONS = { algorithm: "oauth2", execute: [client.allowInsecureRequests] };
const key = { key: await importJWK(keys.ant.private), kid: keys.ant.private.kid };
const config = await client.discovery(new URL(world.issuer), "ant", undefined, client.PrivateKeyJwt(key), OPTIONS);
const dpop = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
let token;

await check("where keys are required, the metadata of the resource say so", async () => {
  const answer = await fetch(`${world.issuer}/.well-known/oauth-protected-resource/mcp/crm`);
  return must((await answer.json()).dpop_bound_access_tokens_required === true, "they do not");
});

await check("where keys are required, no token is issued without a proof", async () => {
  const { body } = await postAs("ant", "/oauth/token", { grant_type: "client_credentials" });
  return must(body.error === "invalid_dpop_proof", JSON.stringify(body)) && body.error;
});

await check("where proofs need a nonce, a client gets a token and makes calls", async () => {
  token = (await client.clientCredentialsGrant(config, {}, { DPoP: dpop })).access_token;
  must(decodeJwt(token).cnf?.jkt, "the token is not bound");
  for (let turn = 0; turn < 2; turn += 1) {
    const made = toolCall("get_deal", { deal_id: "789" });
    const answer = await client.fetchProtectedResource(
      config, token, new URL(world.resource), "POST", made.body, new Headers(made.headers), { DPoP: dpop });
    const done = await outcome(answer);
    must(done.done, JSON.stringify(done.body));
  }
});

await check("where keys are required, a bearer token is challenged with DPoP", async () => {
  const answer = await call(bearer(world.bearer_token));
  const challenge = answer.headers.get("www-authenticate") ?? "";
  must(answer.status === 401 && challenge.startsWith("DPoP "), `${answer.status} ${challenge}`);
  return `${answer.status} ${answer.code}`;
});

finish();
