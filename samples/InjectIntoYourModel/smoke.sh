#!/usr/bin/env bash
# It runs, the loss falls, the adapter is saved and merged.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(dotnet run --project samples/InjectIntoYourModel -c Release --no-build)
grep -q '^saved to .*adapter_config.json, adapter_model.safetensors' <<< "$out"
grep -q '^merged: a plain YourModel again' <<< "$out"
awk '/^step/ { if (!first) first = $4; last = $4 } END { exit !(last < first) }' <<< "$out"
