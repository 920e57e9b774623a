// Signs a person in at the identity provider as a browser would, with `openid-client` as the relying party.
import * as client from "openid-client";
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
  const back = await browse(start, person);
  const checks = { pkceCodeVerifier: verifier };
  return client.authorizationCodeGrant(config, back, checks, { resource: world.issuer });
}

/** Follows redirects and fills in forms until it is back at the client. */
async function browse(start, person) {
  const cookies = new Map();
  let next = { url: start, options: {} };
  for (let steps = 0; steps < 20; steps += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(next.url, { ...next.options, redirect: "manual", headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    const page = await answer.text();
    if (location?.startsWith(CALLBACK)) return new URL(location);
    if (location) {
      next = { url: new URL(location, next.url), options: {} };
      continue;
    }
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
    if (!prompt || !action) throw new Error(`the identity provider answered ${answer.status}: ${page.slice(0, 300)}`);
    const body = new URLSearchParams({ prompt, login: person, password: "x" });
    next = { url: new URL(action, next.url), options: { method: "POST", body } };
  }
  throw new Error("signing in does not end");
}
