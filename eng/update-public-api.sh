#!/usr/bin/env bash
# Writes src/MedPeft.Lora/PublicAPI.Unshipped.txt anew from the code: whatever is public and not yet shipped, sorted. Run it when RS0016
# (not declared) or RS0017 (declared, but gone) fail a build, and read the difference before you commit it.
set -euo pipefail
cd "$(dirname "$0")/../src/MedPeft.Lora"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo '#nullable enable' > PublicAPI.Unshipped.txt
# Counted as warnings here, so that the compiler goes on and names all of them.
dotnet build -c Release -f net10.0 --no-incremental -nologo -p:TreatWarningsAsErrors=false > "$log" || { tail -20 "$log"; exit 1; }
grep -o "RS0016: Symbol '.*' is not part of the declared" "$log" | sed "s/^RS0016: Symbol '//; s/' is not part of the declared\$//" | LC_ALL=C sort -u >> PublicAPI.Unshipped.txt
echo "$(($(wc -l < PublicAPI.Unshipped.txt) - 1)) declarations"
