"""An identity provider that keeps a person and a group, in the words of Entra and Okta, and lets the person leave."""

import json
import os
import sys
import urllib.error
import urllib.request

URL, TOKEN = os.environ["SCIM_URL"], os.environ["SCIM_TOKEN"]
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, method=method)
    request.add_header("Authorization", f"Bearer {TOKEN}")
    request.add_header("Content-Type", "application/scim+json")
    try:
        with urllib.request.urlopen(request) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def patch(path, *operations):
    return ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})


def say(what, held, seen=""):
    print("held  " if held else "MISSED", what, "" if held else f": {seen}")


def arrive():
    # Entra looks first, then creates with an extension that nobody asked for.
    status, seen = ask("GET", "/Users?filter=userName+eq+%22zoe%22")
    say("Entra finds nobody yet", status == 200 and seen["totalResults"] == 0, seen)
    entra = {
        "schemas": [USER, ENTERPRISE],
        "externalId": "5f1a",
        "userName": "zoe",
        "active": True,
        "displayName": "Zoe",
        "emails": [{"primary": True, "type": "work", "value": "zoe@corp.example"}],
        "name": {"formatted": "Zoe Z", "familyName": "Z", "givenName": "Zoe"},
        "title": "Lead",
        ENTERPRISE: {"department": "Sales"},
    }
    status, user = ask("POST", "/Users", entra)
    say("Entra creates a person", status == 201 and user["userName"] == "zoe", user)
    status, again = ask("POST", "/Users", entra)
    say("and not twice", status == 409 and again["scimType"] == "uniqueness", again)
    path = f"/Users/{user['id']}"
    status, seen = patch(
        path,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "z@corp.example"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Ops"},
        {"op": "Replace", "path": "active", "value": "True"},
    )
    say("Entra changes an address", status == 200 and seen["emails"][0]["value"] == "z@corp.example", seen)
    status, group = ask("POST", "/Groups", {"displayName": "leads", "members": []})
    say("Okta creates a group", status == 201, group)
    status, seen = patch(
        f"/Groups/{group['id']}",
        {"op": "replace", "value": {"id": group["id"], "displayName": "team-leads"}},
        {"op": "add", "path": "members", "value": [{"value": user["id"], "display": "zoe"}]},
    )
    say("Okta renames it and adds a member", status == 200 and len(seen["members"]) == 1, seen)
    status, seen = ask("GET", f"/Groups/{group['id']}?excludedAttributes=members")
    say("a group is shown without its members", status == 200 and "members" not in seen, seen)
    status, seen = ask("GET", path)
    say("the person is in the group", status == 200 and seen["groups"][0]["display"] == "team-leads", seen)
    print("user", user["id"])


def leave(user):
    status, seen = patch(f"/Users/{user}", {"op": "Replace", "path": "active", "value": "False"})
    say("Entra deactivates the person", status == 200 and seen["active"] is False, seen)


def delete(user):
    status, seen = ask("DELETE", f"/Users/{user}")
    say("and deletes them", status == 204, seen)
    status, seen = ask("GET", f"/Users/{user}")
    say("who is not found any more", status == 404 and seen["status"] == "404", seen)


def stranger():
    status, seen = ask("GET", "/Users")
    say("a token that was revoked opens nothing", status == 401, seen)


{"arrive": arrive, "leave": leave, "delete": delete, "stranger": stranger}[sys.argv[1]](*sys.argv[2:])
