"""What the Python scripts beside this one share: the world they are told about, a call of a tool, and the report."""

import json
import sys

import requests

world = json.load(open(sys.argv[1]))
keys = json.load(open(world["keys"]))
lines = []

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


def check(name, holds):
    """Writes down whether something held. A function that throws did not."""
    try:
        detail = holds()
        lines.append({"name": name, "ok": True, "detail": detail or ""})
    except Exception as error:  # whatever it is, it is a finding
        lines.append({"name": name, "ok": False, "detail": f"{type(error).__name__}: {error}"})


def must(holds, what):
    if not holds:
        raise AssertionError(what)


def call(auth=None, tool="get_deal", headers=None):
    """A call of the CRM, in the stateless era, with whatever proves who calls."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "xtask", "version": "0"},
    }
    params = {"name": tool, "arguments": {"deal_id": "789"}, "_meta": meta}
    all_headers = {
        "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call", "Mcp-Name": tool, **(headers or {}),
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return requests.post(world["resource"], json=body, headers=all_headers, auth=auth, timeout=30)


def bearer(token, tool="get_deal"):
    return call(tool=tool, headers={"Authorization": f"Bearer {token}"})


def done(answer):
    """The answer, if the tool gave it."""
    must(answer.status_code == 200 and not answer.json()["result"].get("isError"), answer.text)
    return answer


def finish():
    json.dump({"lines": lines}, open(sys.argv[2], "w"))
