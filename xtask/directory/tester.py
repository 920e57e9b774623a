"""What `scim2-tester` finds at a Placet: a foreign client and its checks. Prints one line a check."""

import os
import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

HELD = {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE}

http = Client(
    base_url=os.environ["SCIM_URL"],
    headers={"Authorization": f"Bearer {os.environ['SCIM_TOKEN']}"},
)
results = check_server(SyncSCIMClient(http))
for result in results:
    if result.status is Status.SKIPPED:
        continue
    word = "held  " if result.status in HELD else "MISSED"
    reason = "" if word == "held  " else f": {result.status.name}: {result.reason}"
    print(word, result.title, (result.resource_type or "") + reason)
sys.exit(0)
