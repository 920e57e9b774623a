// Signs a person in at the identity provider as a browser would, with `openid-client` as the relying party.
import * as client from "openid-client";
import { Browser } from "./browser.mjs";
import { world } from "./kit.mjs";

const CALLBACK = "http://127.0.0.1/callback";

/** The tokens of a person; the access token is for Placet as a resource. */
export async function signIn(person) {
  const insecure = { execute: [client.allowInsecureRequests] };
  const config = await client.discovery(new URL(world.idp), "placet", undefined, client.None(), insecure);
  const verifier = client.randomPKCECodeVerifier();
  const start = client.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: "openid email groups", resource: world.issuer,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  });
  const back = await new Browser().signIn(start, person, CALLBACK);
  const checks = { pkceCodeVerifier: verifier };
  return client.authorizationCodeGrant(config, back, checks, { resource: world.issuer });
}
