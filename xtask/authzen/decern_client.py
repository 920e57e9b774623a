"""The todo scenario by the AuthZEN client of another decision point: decern."""

import json
import sys

from decern import Client, DecernError

base, token, decisions = sys.argv[1:4]
client = Client(base, token=token)
wrong = 0
with open(decisions, encoding="utf-8") as file:
    rows = json.load(file)["evaluation"]
for row in rows:
    request = row["request"]
    decision = client.evaluate(request["subject"], request["action"], request["resource"], request.get("context"))
    if decision.allowed != row["expected"]:
        wrong += 1
        print("wrong", json.dumps(request), decision)
if not client.healthy():
    wrong += 1
    print("wrong: not healthy")
try:
    Client(base, token="x" + token).evaluate({"type": "user", "id": "x"}, "can_read_user", {"type": "user", "id": "x"})
    wrong += 1
    print("wrong: a stranger was answered")
except DecernError as error:
    if error.status_code != 401:
        wrong += 1
        print("wrong: a stranger gets", error.status_code)
print(f"{len(rows)} decisions asked by decern, {wrong} wrong")
sys.exit(1 if wrong else 0)
