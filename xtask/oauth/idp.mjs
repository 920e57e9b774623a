// The company's identity provider, by `oidc-provider`: `idp.mjs PORT KEYS ISSUER-OF-PLACET`. Whoever signs in is
// believed; it is the tokens that the check is about.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, keyFile, audience] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const key = JSON.parse(readFileSync(keyFile)).idp.private;
const claimsOf = (sub) => ({ sub, email: `${sub}@example.com`, email_verified: sub !== "eve", groups: ["sales"] });

const provider = new Provider(issuer, {
  clients: [{
    client_id: "placet", application_type: "native", token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/callback"], grant_types: ["authorization_code"], response_types: ["code"],
  }],
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
