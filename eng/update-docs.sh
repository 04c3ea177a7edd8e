#!/usr/bin/env bash
# Writes what is generated in docs: the API reference, and the code in the guides, which is taken from tests that are run.
# With --check it changes nothing and fails where they are out of date.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet run --project docs/Generator -c Release -v quiet -- . "$@"
