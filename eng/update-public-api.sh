#!/usr/bin/env bash
# Writes src/MedPeft.Lora/PublicAPI.Unshipped.txt anew from the code: what is public now and not in PublicAPI.Shipped.txt, sorted.
# Run it after a change of the public API, and read the diff: each removed or changed line breaks somebody's build.
set -euo pipefail
cd "$(dirname "$0")/../src/MedPeft.Lora"
log=$(mktemp)
old=$(mktemp)
cp PublicAPI.Unshipped.txt "$old"
trap 'rm -f "$log" "$old"' EXIT

# With nothing declared, the analyzer reports each public symbol as undeclared (RS0016), its line of the file in quotes.
echo '#nullable enable' > PublicAPI.Unshipped.txt
for framework in net10.0 net8.0; do
  if ! dotnet build -f "$framework" -c Release --no-incremental -v quiet -nologo -maxcpucount:1 \
      -p:TreatWarningsAsErrors=false -p:WarningsNotAsErrors=RS0016 -p:NoWarn=RS0017%3BRS0026%3BRS0027%3BRS0037 >> "$log" 2>&1; then
    cp "$old" PublicAPI.Unshipped.txt
    grep -E 'error' "$log" | sort -u >&2
    exit 1
  fi
done

{
  echo '#nullable enable'
  sed -n "s/.*warning RS0016: Symbol '\(.*\)' is not part of the declared public API.*/\1/p" "$log" | LC_ALL=C sort -u
} > PublicAPI.Unshipped.txt
echo "$(($(wc -l < PublicAPI.Unshipped.txt) - 1)) symbols declared in PublicAPI.Unshipped.txt."
git --no-pager diff --stat -- PublicAPI.Unshipped.txt
