// Makes every key of a check, into the folder of its argument: of agents, of a platform, of a trust domain, of the IdP.
import { writeFileSync } from "node:fs";
import { exportJWK, generateKeyPair } from "jose";

const folder = process.argv[2];

async function pair(alg, kid, use) {
  const keys = await generateKeyPair(alg, { extractable: true });
  const more = { kid, alg, use };
  return {
    private: { ...(await exportJWK(keys.privateKey)), ...more },
    public: { ...(await exportJWK(keys.publicKey)), ...more },
  };
}

const keys = {
  ant: await pair("EdDSA", "ant-1", "sig"),
  bee: await pair("ES256", "bee-1", "sig"),
  cat: await pair("RS256", "cat-1", "sig"),
  // A trust domain's keys have no `alg`, and a use of their own.
  spiffe: await pair("ES256", "svid-1", "jwt-svid"),
  platform: await pair("RS256", "ci-1", "sig"),
  idp: await pair("RS256", "idp-1", "sig"),
  stranger: await pair("EdDSA", "ant-1", "sig"),
};
delete keys.spiffe.public.alg;
writeFileSync(`${folder}/keys.json`, JSON.stringify(keys), { mode: 0o600 });
writeFileSync(`${folder}/platform.jwks`, JSON.stringify({ keys: [keys.platform.public] }));
writeFileSync(`${folder}/bundle.jwks`, JSON.stringify({ keys: [keys.spiffe.public], spiffe_sequence: 1 }));
