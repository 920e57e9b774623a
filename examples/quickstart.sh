#!/usr/bin/env bash
# From nothing to an agent's first allowed call, in three commands:
#
#   1  placet init --connector crm --url URL           writes placet.toml and policies to start from
#   2  placet up &                                     serves it
#   3  placet quickstart notes-agent --token-only      registers an agent of tier 1, owned by you, and starts it
#
# Usage: examples/quickstart.sh [URL]. URL is the MCP endpoint of a server that runs already; without it the example CRM is
# started first. `placet` is taken from PATH, or from PLACET; PORT is another port than 7420. It works in an empty folder
# that is removed afterwards, and ends with exit code 0 only if the call was allowed.
set -euo pipefail

placet=${PLACET:-placet}
folder=$(mktemp -d)
started=()
cleanup() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT
cd "$folder"
unset PLACET_CONFIG PLACET_HOME PLACET_SOCKET

# The server to put Placet in front of. It is there before the clock starts.
url=${1:-}
if [ -z "$url" ]; then
  "$placet" example-crm >crm.out 2>crm.err &
  started+=($!)
  until url=$(grep -o 'http://[^ ]*' crm.out); do sleep 0.1; done
fi

begun=$(date +%s%3N)

# 1
"$placet" init --connector crm --url "$url"
# Only where another Placet runs on this machine; a new user leaves the port as it is.
if [ -n "${PORT:-}" ]; then sed -i "s/^listen = .*/listen = \"127.0.0.1:$PORT\"/" placet.toml; fi
# 2
"$placet" up >up.out 2>up.err &
started+=($!)
# 3
PLACET_TOKEN=$("$placet" quickstart notes-agent --token-only)

# What the agent does with it: any MCP client would, here it is curl.
meta='{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
answer=$(curl --silent --show-error --max-time 30 "http://127.0.0.1:${PORT:-7420}/mcp/crm" \
  -H "Authorization: Bearer $PLACET_TOKEN" \
  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
  -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: get_deal' \
  -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_deal","arguments":{"deal_id":"789"},"_meta":'"$meta"'}}')

took=$(($(date +%s%3N) - begun))
printf '%s\n' "$answer"
case $answer in
  *'"isError":true'* | *'"error":'* | *dev.placet/refusal*)
    echo "the call was not allowed" >&2
    exit 1
    ;;
  *'"result":'*) ;;
  *)
    echo "the call was not answered" >&2
    exit 1
    ;;
esac
echo "3 commands, $took ms from nothing to the first allowed call"
