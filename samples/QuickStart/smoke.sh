#!/usr/bin/env bash
# The short form of QuickStart must end well and leave what it promises.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
dotnet run --project samples/QuickStart -c Release --no-build -- --quick --out "$out"
for file in foundation.safetensors adapter/adapter_model.safetensors adapter/predictor.json sheet.png curves.png; do
  [ -s "$out/$file" ] || { echo "QuickStart left no $file"; exit 1; }
done
