"""`requests_oauth2client` as a client that proves possession of a key by itself (RFC 9449), nonces included where the
deployment wants them: `strict` in the world says whether it does."""

import time
import uuid

from binapy import BinaPy
from jwskate import Jwk, Jwt
from requests_oauth2client import DPoPKey, OAuth2Client, PrivateKeyJwt

from kit import ACCESS_TOKEN, ID_TOKEN, bearer, call, check, done, finish, keys, must, world

strict = world["strict"]
held = {}


def client(agent="bee"):
    proof = PrivateKeyJwt(agent, Jwk(keys[agent]["private"]), aud=world["issuer"])
    # Without TLS, on this machine: what the library would refuse.
    return OAuth2Client.from_discovery_endpoint(
        f"{world['issuer']}/.well-known/oauth-authorization-server", world["issuer"], auth=proof, testing=True,
        dpop_bound_access_tokens=True)


def grant():
    pair = DPoPKey.generate()
    token = client().client_credentials(resource=world["resource"], dpop_key=pair)
    must(token.token_type.lower() == "dpop", token.token_type)
    held["token"] = token
    for _turn in range(2):
        done(call(auth=token))
    must(bool(pair.as_nonce) == strict and bool(pair.rs_nonce) == strict, f"nonces: {pair.as_nonce} {pair.rs_nonce}")
    return "with the nonces of both servers" if strict else ""


def once(token, pair):
    """A call without the library's hook, which takes every challenge for a wish for a nonce."""
    digest = BinaPy(token).to("sha256").to("b64u").decode()
    proof = pair.proof("POST", world["resource"], ath=digest)
    return call(headers={"Authorization": f"DPoP {token}", "DPoP": str(proof)})


def steal():
    token = held["token"].access_token
    as_bearer, other = bearer(token), once(token, DPoPKey.generate(rs_nonce=held["token"].dpop_key.rs_nonce))
    must(as_bearer.status_code == 401 and other.status_code == 401, f"{as_bearer.text} {other.text}")
    return f"as a bearer token: {as_bearer.status_code}; with another key: {other.status_code}"


def exchange():
    now = int(time.time())
    claims = {
        "iss": world["idp"], "aud": "placet", "sub": "bob", "email": "bob@example.com", "email_verified": True,
        "iat": now, "exp": now + 120, "jti": str(uuid.uuid4()),
    }
    pair = keys["idp"]["private"]
    subject = Jwt.sign(claims, Jwk(pair), alg="RS256", typ="JWT", extra_headers={"kid": pair["kid"]})
    token = client().token_exchange(
        subject_token=str(subject), subject_token_type=ID_TOKEN, actor_token=held["token"].access_token,
        actor_token_type=ACCESS_TOKEN, dpop=True, dpop_key=held["token"].dpop_key)
    must(token.token_type.lower() == "dpop", token.token_type)
    done(call(auth=token))
    shown = client().introspect_token(token)
    must(shown["active"] and shown["sub"] == "bob@example.com" and shown["cnf"]["jkt"], str(shown))
    return f"act {shown['act']}"


def revoke():
    must(client().introspect_token(held["token"])["active"], "the token is not active")
    must(client().revoke_access_token(held["token"]), "the revocation is refused")
    must(client().introspect_token(held["token"]) == {"active": False}, "the token is still active")
    refusal = once(held["token"].access_token, held["token"].dpop_key)
    must(refusal.status_code == 401, refusal.text)
    return f"the call: {refusal.status_code}"


where = "where proofs need a nonce, " if strict else ""
check(f"{where}a DPoP-bound token, and calls with the library's own proofs", grant)
check(f"{where}a bound token is worth nothing to somebody else", steal)
check(f"{where}token exchange for a person, bound to the key", exchange)
check(f"{where}introspection, revocation, then no call", revoke)
finish()
