// The company's identity provider, by `oidc-provider`: `idp.mjs PORT KEYS ISSUER-OF-PLACET CONSOLE`. Whoever signs
// in is believed; it is the tokens that the check is about. Bob and Eve are in sales, and Eve's address is not verified.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, keyFile, audience, console] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const key = JSON.parse(readFileSync(keyFile)).idp.private;
const claimsOf = (sub) => ({
  sub, email: `${sub}@example.com`, email_verified: sub !== "eve", ...(sub !== "dan" && { groups: ["sales"] }),
});
const client = (client_id, redirect) => ({
  client_id, application_type: "native", token_endpoint_auth_method: "none", redirect_uris: [redirect],
  grant_types: ["authorization_code"], response_types: ["code"],
});

const provider = new Provider(issuer, {
  clients: [client("placet", "http://127.0.0.1/callback"), client("console", `${console}/sign-in/callback`)],
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  findAccount: (_context, sub) => ({ accountId: sub, claims: () => claimsOf(sub) }),
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: false,
  extraTokenClaims: (_context, token) => claimsOf(token.accountId),
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: "openid email groups", audience, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(port), "127.0.0.1");
