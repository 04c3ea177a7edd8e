#!/usr/bin/env bash
# What a script may rely on: help ends with 0, a wrong command line with 2, bad data with 65.
set -uo pipefail
cd "$(dirname "$0")/../.."
program="dotnet run --project samples/FineTune -c Release --no-build --"
expect() {
  local code=$1
  shift
  $program "$@" > /dev/null 2>&1
  local found=$?
  [ $found -eq "$code" ] || { echo "FineTune $*: exit code $found, expected $code"; exit 1; }
}
expect 0 --help
expect 2
expect 2 --data . --rank many
expect 65 --data /no/such/folder
