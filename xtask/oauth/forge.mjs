// Forged and damaged tokens: everything that can be made of a good one without its key, and, with the key itself, every
// claim and header that a deployment must not accept even if it is signed.
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { now, world } from "./kit.mjs";

const encode = (text) => Buffer.from(text).toString("base64url");
const decode = (part) => Buffer.from(part, "base64url").toString();
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");
/** The key that the deployment signs with. No attacker has it: it lets one thing at a time be wrong. */
export const real = createPrivateKey({
  key: Buffer.concat([PKCS8, readFileSync(world.token_key)]), format: "der", type: "pkcs8",
});
const raw = createPublicKey(real).export({ format: "der", type: "spki" });
const other = generateKeyPairSync("ed25519").privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const jwkOf = (key) => createPublicKey(key).export({ format: "jwk" });

/** A token of exactly these texts, signed. */
export function signed(header, claims, key = real) {
  const input = `${encode(header)}.${encode(claims)}`;
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const options = key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" } : key;
  return `${input}.${sign(hash, Buffer.from(input), options).toString("base64url")}`;
}

/** Bad tokens by name, made of a good one. */
export function forgeries(good) {
  const [h, p, s] = good.split(".");
  const header = JSON.parse(decode(h));
  const claims = JSON.parse(decode(p));
  const H = (more) => JSON.stringify({ ...header, ...more });
  const C = (more) => JSON.stringify({ ...claims, ...more });
  const head = (more, key) => signed(H(more), JSON.stringify(claims), key);
  const body = (more) => signed(JSON.stringify(header), C(more));
  const without = (object, name) => JSON.stringify(Object.fromEntries(Object.entries(object).filter(([key]) => key !== name)));
  const hmac = (secret, more = {}) => {
    const input = `${encode(H({ alg: "HS256", ...more }))}.${p}`;
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  };
  const flip = (part, place) => {
    const bytes = Buffer.from(part, "base64url");
    bytes[place < 0 ? bytes.length + place : place] ^= 1;
    return bytes.toString("base64url");
  };
  const all = {};

  for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
    all[`alg ${JSON.stringify(alg)}, no signature`] = `${encode(H({ alg }))}.${p}.`;
    all[`alg ${JSON.stringify(alg)}, the old signature`] = `${encode(H({ alg }))}.${p}.${s}`;
  }
  all["alg none, two parts"] = `${encode(H({ alg: "none" }))}.${p}`;
  all["alg left out"] = signed(without(header, "alg"), JSON.stringify(claims));
  all["alg null"] = head({ alg: null });
  all["alg a list"] = head({ alg: ["EdDSA"] });
  all["alg in another case"] = head({ alg: "eddsa" });
  all["alg Ed448"] = head({ alg: "Ed448" });
  all["HS256 with the raw public key"] = hmac(raw.subarray(-32));
  all["HS256 with the public key in DER"] = hmac(raw);
  all["HS256 with the public key in PEM"] = hmac(createPublicKey(real).export({ format: "pem", type: "spki" }));
  all["HS256 with the public JWK"] = hmac(JSON.stringify(jwkOf(real)));
  all["HS256 with the key id"] = hmac(header.kid);
  all["HS256 with nothing"] = hmac("");
  all["HS256 with /dev/null as kid"] = hmac("", { kid: "/dev/null" });
  all["RS256 by another key"] = head({ alg: "RS256" }, rsa);
  all["ES256 by another key"] = head({ alg: "ES256" }, ec);
  all["another Ed25519 key, our kid"] = head({}, other);
  all["another Ed25519 key, its own kid"] = head({ kid: "other" }, other);

  for (const kid of ["", "../../../../dev/null", "' OR '1'='1", "x\u0000y", header.kid.toUpperCase() + "x",
    `${header.kid} `, ` ${header.kid}`, `${header.kid}\n`, "*", "a".repeat(4096)]) {
    all[`kid ${JSON.stringify(kid.slice(0, 24))}`] = head({ kid });
  }
  all["kid left out"] = signed(without(header, "kid"), JSON.stringify(claims));
  all["kid a number"] = head({ kid: 1 });
  all["kid a list"] = head({ kid: [header.kid] });
  all["jwk in the header"] = head({ jwk: jwkOf(other) }, other);
  all["jwk in the header, our key"] = head({ jwk: jwkOf(real) });
  all["jku"] = head({ jku: `${world.issuer}/oauth/jwks` });
  all["jku of an attacker"] = head({ jku: "http://127.0.0.1:9/keys" }, other);
  all["x5u"] = head({ x5u: "http://127.0.0.1:9/cert" });
  all["x5c"] = head({ x5c: ["AAAA"] });
  all["crit of something unknown"] = head({ crit: ["x"], x: 1 });
  all["crit empty"] = head({ crit: [] });
  all["crit b64"] = head({ b64: false, crit: ["b64"] });
  all["zip"] = head({ zip: "DEF" });
  all["cty JWT"] = head({ cty: "JWT" });
  for (const typ of ["JWT", "jwt", "at+JWT ", "application/jwt", "dpop+jwt", "secevent+jwt", "oauth-id-jag+jwt", ""]) {
    all[`typ ${JSON.stringify(typ)}`] = head({ typ });
  }
  all["typ left out"] = signed(without(header, "typ"), JSON.stringify(claims));

  const text = JSON.stringify(claims);
  for (const [name, value] of [["iss", claims.iss], ["aud", claims.aud], ["sub", claims.sub], ["exp", claims.exp],
    ["client_id", "bee"], ["jti", "x"], ["\\u0069ss", claims.iss]]) {
    const twice = `${text.slice(0, -1)},"${name}":${JSON.stringify(value)}}`;
    all[`claim ${name} twice`] = signed(JSON.stringify(header), twice);
  }
  all["alg twice in the header"] = signed(`{"alg":"none",${JSON.stringify(header).slice(1)}`, text);
  for (const iss of ["https://elsewhere.example", `${claims.iss}/`, claims.iss.toUpperCase(), "", null, [claims.iss], 7]) {
    all[`iss ${JSON.stringify(iss)}`] = body({ iss });
  }
  for (const aud of ["https://elsewhere.example", `${claims.aud}/`, `${claims.aud}.evil.example`, "", null, 7, [],
    [claims.aud], [claims.aud, "x"], `${claims.aud}/mcp/other`, `${claims.aud}/mcp/crm/../other`]) {
    all[`aud ${JSON.stringify(aud)}`] = body({ aud });
  }
  for (const name of ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"]) {
    all[`${name} left out`] = signed(JSON.stringify(header), without(claims, name));
  }
  const times = {
    "expired an hour ago": { iat: now() - 7200, exp: now() - 3600 },
    "expired a second ago": { iat: now() - 60, exp: now() - 1 },
    "living longer than a token may": { exp: now() + 365 * 86400 },
    "exp beyond all time": { exp: 9007199254740991 },
    "exp beyond every integer": { exp: 1e300 },
    "exp a fraction": { exp: now() + 60.5 },
    "exp a text": { exp: String(claims.exp) },
    "exp negative": { exp: -1 },
    "exp zero": { exp: 0 },
    "exp null": { exp: null },
    "exp before iat": { iat: now(), exp: now() - 10 },
    "iat in the future": { iat: now() + 300, exp: now() + 600 },
    "nbf in the future": { nbf: now() + 600 },
    "nbf in the past, which we never write": { nbf: 1 },
  };
  for (const [name, more] of Object.entries(times)) all[name] = body(more);
  all["sub of another instance's form"] = body({ sub: "ins_00000000000000000000000000" });
  all["sub a person, with no act"] = body({ sub: "bob@example.com" });
  all["client_id another agent"] = body({ client_id: "bee" });
  all["client_id with a path"] = body({ client_id: "../ant" });
  all["act a text"] = body({ act: "x" });
  all["act of a stranger"] = body({ act: { sub: "x" } });
  const nested = (depth) => (depth === 0 ? { sub: claims.sub } : { sub: claims.sub, act: nested(depth - 1) });
  all["act nested 100 deep"] = body({ act: nested(100) });
  all["scope empty"] = body({ scope: "" });
  all["scope a list"] = body({ scope: ["crm"] });
  all["cnf of nothing"] = body({ cnf: {} });
  all["cnf of a key that was not proved"] = body({ cnf: { jkt: "A".repeat(43) } });
  all["cnf of a certificate"] = body({ cnf: { "x5t#S256": "A".repeat(43) } });
  all["a claim we never write"] = body({ admin: true });
  all["claims a list"] = signed(JSON.stringify(header), `[${text}]`);
  all["claims a text"] = signed(JSON.stringify(header), '"x"');
  all["claims with a trailing comma"] = signed(JSON.stringify(header), `${text.slice(0, -1)},}`);
  all["claims with a byte order mark"] = signed(JSON.stringify(header), `\ufeff${text}`);
  all["claims not UTF-8"] = signed(JSON.stringify(header), Buffer.from([0x7b, 0xff, 0x7d]));

  all["signature empty"] = `${h}.${p}.`;
  all["signature left out"] = `${h}.${p}`;
  all["signature cut"] = `${h}.${p}.${s.slice(0, -4)}`;
  all["signature longer"] = `${h}.${p}.${s}AAAA`;
  all["signature of zeros"] = `${h}.${p}.${"A".repeat(86)}`;
  all["signature's first bit"] = `${h}.${p}.${flip(s, 0)}`;
  all["signature's last bit"] = `${h}.${p}.${flip(s, -1)}`;
  all["signature malleable: S plus the order of the group"] = `${h}.${p}.${malleable(s)}`;
  all["claims' last bit"] = `${h}.${flip(p, -2)}.${s}`;
  all["header's bit"] = `${flip(h, 10)}.${p}.${s}`;
  all["signature not canonical in its last character"] = good.slice(0, -1) + next(good.at(-1));
  all["padding"] = `${good}==`;
  all["padding in the middle"] = `${h}=.${p}.${s}`;
  all["base64 instead of base64url"] = `${h}.${p}.${Buffer.from(s, "base64url").toString("base64")}`;
  all["five parts"] = `${h}.${p}.${s}.${p}.${s}`;
  all["four parts"] = `${good}.`;
  all["a dot before it"] = `.${good}`;
  all["one part"] = h;
  all["only dots"] = "..";
  all["header and claims swapped"] = `${p}.${h}.${s}`;
  all["a space within"] = `${h}. ${p}.${s}`;
  all["a tab within"] = `${h}.\t${p}.${s}`;
  all["a space within the signature"] = `${h}.${p}.${s.slice(0, 10)} ${s.slice(10)}`;
  all["cut in half"] = good.slice(0, good.length / 2);
  all["its first character lost"] = good.slice(1);
  all["twice"] = good + good;
  all["twice, with a comma"] = `${good},${good}`;
  all["in quotes"] = `"${good}"`;
  all["upper case"] = good.toUpperCase();
  all["lower case"] = good.toLowerCase();
  all["percent-encoded dots"] = good.replaceAll(".", "%2E");
  all["oversized: 9 KiB of claims"] = body({ jti: "x".repeat(9 * 1024) });
  all["oversized: a long jti"] = body({ jti: "x".repeat(300) });
  all["a JWS as JSON"] = JSON.stringify({ protected: h, payload: p, signature: s });
  all["the word null"] = "null";
  all["an instance's id"] = claims.sub;
  all["nothing but a name"] = "ant";
  return all;
}

/** The same signature with S + L instead of S: right in the group, wrong by RFC 8032. */
function malleable(part) {
  const bytes = Buffer.from(part, "base64url");
  const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
  let s = ORDER;
  for (let at = 31; at >= 0; at -= 1) s += BigInt(bytes[32 + at]) << BigInt(8 * at);
  for (let at = 0; at < 32; at += 1) bytes[32 + at] = Number((s >> BigInt(8 * at)) & 255n);
  return bytes.toString("base64url");
}

/** The next character of the alphabet: it differs in bits that 64 bytes do not have. */
function next(character) {
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return ALPHABET[ALPHABET.indexOf(character) + 1] ?? "A";
}
