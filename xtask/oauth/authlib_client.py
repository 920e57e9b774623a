"""Authlib as a client and as a resource server: discovery, private_key_jwt, federation, exchange, ID-JAG, introspection,
revocation, the access token judged. It has no DPoP of its own: the proof is made with joserfc, on which it is built."""

import base64
import hashlib
import os
import time
import uuid

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaims
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from kit import ACCESS_TOKEN, EXCHANGE, ID_TOKEN, JWT_BEARER, bearer, call, check, done, finish, keys, must, world

key = keys["cat"]["private"]
held = {}


def discover():
    found = requests.get(get_well_known_url(world["issuer"], external=True), timeout=30).json()
    metadata = AuthorizationServerMetadata(found)
    # The library wants a response type in the list; no grant here has one, and RFC 8414 asks for no more than the list.
    metadata.REGISTRY_KEYS = [name for name in metadata.REGISTRY_KEYS if name != "response_types_supported"]
    metadata.validate()
    must(metadata.issuer == world["issuer"], metadata.issuer)
    return metadata


metadata = discover()
# The library's defaults are other ones: the token endpoint as audience, and a life of an hour.
issuer = metadata["issuer"]
token_endpoint = metadata["token_endpoint"]


def session(audience=issuer, life=120):
    """For one request: the library writes the `jti` of the first assertion into the claims of all that follow."""
    made = OAuth2Session(
        "cat", key, token_endpoint_auth_method="private_key_jwt", revocation_endpoint_auth_method="private_key_jwt")
    claims = {"exp": int(time.time()) + life}
    made.register_client_auth_method(
        PrivateKeyJWT(audience, claims=claims, headers={"kid": key["kid"]}, alg="RS256"))
    return made


def refused(ask, word):
    try:
        ask()
    except Exception as error:
        must(word in str(error), str(error))
        return str(error)
    raise AssertionError("it was granted")


def signed(pair, header, claims):
    """A JWT of somebody else's, by joserfc."""
    now = int(time.time())
    claims = {"iat": now, "exp": now + 120, "jti": str(uuid.uuid4()), **claims}
    return jwt.encode({"alg": "RS256", "kid": pair["kid"], **header}, claims, RSAKey.import_key(pair))


def grant():
    answer = session().fetch_token(token_endpoint, grant_type="client_credentials")
    held["token"] = answer["access_token"]
    done(bearer(held["token"]))


def judge():
    """RFC 9068, as a resource server would."""
    found = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    options = {name: {"essential": True} for name in ("exp", "sub", "client_id", "iat", "jti")}
    options["iss"] = {"essential": True, "value": issuer}
    read = jwt.decode(held["token"], found, algorithms=["EdDSA"])
    for audience, holds in ((issuer, True), ("https://elsewhere.example", False)):
        claims = JWTAccessTokenClaims(
            read.claims, read.header, {**options, "aud": {"essential": True, "value": audience}})
        if holds:
            claims.validate()
        else:
            refused(claims.validate, "aud")
    return f"aud {read.claims['aud']}"


def narrow():
    """RFC 8707: for one resource and one tool."""
    token = session().fetch_token(
        token_endpoint, grant_type="client_credentials", scope="crm.get_deal", resource=world["resource"])
    done(bearer(token["access_token"]))
    outside = bearer(token["access_token"], tool="list_deals")
    must(outside.json()["result"]["isError"], outside.text)


def federate():
    """RFC 7523 section 2.1: the library mints the platform's token itself."""
    def of(ref):
        pair = keys["platform"]["private"]
        claims = {"repository": "acme/billing", "ref": ref}
        return AssertionSession(
            token_endpoint, "https://ci.example", "repo:acme/billing", audience=issuer, claims=claims,
            key=RSAKey.import_key(pair), header={"alg": "RS256", "kid": pair["kid"]}, expires_in=120)
    workload = of("refs/heads/main")
    workload.refresh_token()
    done(bearer(workload.token["access_token"]))
    return refused(of("refs/pull/1/merge").refresh_token, "invalid_grant")


def person(**claims):
    who = {
        "iss": world["idp"], "aud": "placet", "sub": "bob", "email": "bob@example.com", "email_verified": True, **claims,
    }
    return signed(keys["idp"]["private"], {"typ": "JWT"}, who)


def exchange():
    """RFC 8693: on behalf of a person, and not for whoever has a token that has ended."""
    def of(subject, **more):
        return session().fetch_token(
            token_endpoint, grant_type=EXCHANGE, subject_token=subject, subject_token_type=ID_TOKEN,
            actor_token=held["token"], actor_token_type=ACCESS_TOKEN, **more)
    answer = of(person(), scope="crm.get_deal")
    must(answer["issued_token_type"] == ACCESS_TOKEN, str(answer))
    shown = session().introspect_token(metadata["introspection_endpoint"], token=answer["access_token"]).json()
    must(shown["sub"] == "bob@example.com" and shown["act"]["sub"].startswith("ins_"), str(shown))
    done(bearer(answer["access_token"]))
    past = int(time.time()) - 3600
    refused(lambda: of(person(iat=past, exp=past + 60)), "invalid_request")
    refused(lambda: of(person(email_verified=False)), "access_denied")
    return f"act {shown['act']}; ended: invalid_request; address not verified: access_denied"


def id_jag():
    assertion = signed(keys["idp"]["private"], {"typ": "oauth-id-jag+jwt"}, {
        "iss": world["idp"], "aud": issuer, "sub": "bob", "email": "bob@example.com", "email_verified": True,
        "client_id": "cat", "scope": "crm.get_deal",
    })
    def ask():
        return session().fetch_token(token_endpoint, grant_type=JWT_BEARER, assertion=assertion)
    done(bearer(ask()["access_token"]))
    return f"used again: {refused(ask, 'invalid_grant')}"


def bind():
    """RFC 9449, with a proof by joserfc."""
    pair = ECKey.generate_key("P-256")

    def proof(url, token=None):
        claims = {"jti": str(uuid.uuid4()), "htm": "POST", "htu": url, "iat": int(time.time())}
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": pair.as_dict(private=False)}
        return jwt.encode(header, claims, pair)

    headers = {"Accept": "application/json", "DPoP": proof(token_endpoint)}
    answer = session().fetch_token(token_endpoint, grant_type="client_credentials", headers=headers)
    must(answer["token_type"].lower() == "dpop", answer["token_type"])
    token = answer["access_token"]
    fresh = proof(world["resource"], token)
    shown = {"Authorization": f"DPoP {token}", "DPoP": fresh}
    done(call(headers=shown))
    replayed, stolen = call(headers=shown), bearer(token)
    must(replayed.status_code == 401 and stolen.status_code == 401, f"{replayed.text} {stolen.text}")
    return f"the proof again: {replayed.status_code}; as a bearer token: {stolen.status_code}"


def introspect():
    answer = session().introspect_token(metadata["introspection_endpoint"], token=held["token"])
    must(answer.json()["active"] is True, answer.text)


def revoke():
    answer = session().revoke_token(metadata["revocation_endpoint"], token=held["token"])
    must(answer.status_code == 200, answer.text)
    after = session().introspect_token(metadata["introspection_endpoint"], token=held["token"])
    must(after.json() == {"active": False}, after.text)
    refusal = bearer(held["token"])
    must(refusal.status_code == 401, refusal.text)
    return f"the call: {refusal.status_code}"


def asked(audience, life):
    return lambda: session(audience, life).fetch_token(token_endpoint, grant_type="client_credentials")


check("the metadata of the authorization server by AuthorizationServerMetadata (RFC 8414)", lambda: discover() and "")
check("client_credentials by private_key_jwt (RS256), and a call with the token", grant)
check("an assertion for the token endpoint is refused",
      lambda: refused(asked(token_endpoint, 120), "invalid_client"))
check("an assertion that lives an hour is refused", lambda: refused(asked(issuer, 3600), "invalid_client"))
check("the access token by JWTAccessTokenClaims (RFC 9068), and not for another audience", judge)
check("scope and resource narrow the token (RFC 8707)", narrow)
check("workload federation by AssertionSession; another ref is refused", federate)
check("token exchange for a person", exchange)
check("ID-JAG through jwt-bearer, once", id_jag)
check("a DPoP-bound token: a call with a proof by joserfc, none with the same one or none", bind)
check("introspection", introspect)
check("revocation, then no call", revoke)
finish()
