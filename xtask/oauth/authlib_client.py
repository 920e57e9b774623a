"""Authlib as a client: client_credentials by private_key_jwt (RS256), introspection, revocation."""

import json
import os
import sys
import time

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

world = json.load(open(sys.argv[1]))
key = json.load(open(world["keys"]))["cat"]["private"]
lines = []


def check(name, holds):
    try:
        detail = holds()
        lines.append({"name": name, "ok": True, "detail": detail or ""})
    except Exception as error:  # whatever it is, it is a finding
        lines.append({"name": name, "ok": False, "detail": f"{type(error).__name__}: {error}"})


def session(audience, life=120):
    """For one request: the library writes the `jti` of the first assertion into the claims of all that follow."""
    made = OAuth2Session(
        "cat", key, token_endpoint_auth_method="private_key_jwt", revocation_endpoint_auth_method="private_key_jwt")
    claims = {"exp": int(time.time()) + life}
    made.register_client_auth_method(
        PrivateKeyJWT(audience, claims=claims, headers={"kid": key["kid"]}, alg="RS256"))
    return made


def refused(audience, life):
    try:
        session(audience, life).fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    except Exception as error:
        return str(error)
    raise AssertionError("the assertion was accepted")


def call(token):
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "authlib", "version": "0"},
    }
    params = {"name": "get_deal", "arguments": {"deal_id": "789"}, "_meta": meta}
    headers = {
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call", "Mcp-Name": "get_deal", "Authorization": f"Bearer {token}",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return requests.post(world["resource"], json=body, headers=headers, timeout=30)


metadata = requests.get(f"{world['issuer']}/.well-known/oauth-authorization-server", timeout=30).json()
# The library's defaults are other ones: the token endpoint as audience, and a life of an hour.
issuer = metadata["issuer"]
held = {}


def grant():
    answer = session(issuer).fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    held["token"] = answer["access_token"]
    answer = call(held["token"])
    assert answer.status_code == 200 and not answer.json()["result"].get("isError"), answer.text


def introspect():
    answer = session(issuer).introspect_token(metadata["introspection_endpoint"], token=held["token"])
    assert answer.json()["active"] is True, answer.text


def revoke():
    answer = session(issuer).revoke_token(metadata["revocation_endpoint"], token=held["token"])
    assert answer.status_code == 200, answer.text
    after = session(issuer).introspect_token(metadata["introspection_endpoint"], token=held["token"])
    assert after.json() == {"active": False}, after.text
    refused = call(held["token"])
    assert refused.status_code == 401, refused.text
    return f"the call: {refused.status_code}"


check("client_credentials by private_key_jwt (RS256), and a call with the token", grant)
check("an assertion for the token endpoint is refused", lambda: refused(metadata["token_endpoint"], 120))
check("an assertion that lives an hour is refused", lambda: refused(issuer, 3600))
check("introspection", introspect)
check("revocation, then no call", revoke)
json.dump({"lines": lines}, open(sys.argv[2], "w"))
