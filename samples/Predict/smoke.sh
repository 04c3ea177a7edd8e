#!/usr/bin/env bash
# From a small QuickStart run to a calibration, predictions, heat maps and plots; and what a script may rely on.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
dotnet run --project samples/QuickStart -c Release --no-build -- --quick --out "$out" > /dev/null || { echo "QuickStart failed"; exit 1; }
program="dotnet run --project samples/Predict -c Release --no-build --"
adapter=$(ls -d "$out"/adapter* | head -1)
model=(--base "$out/foundation.safetensors" --adapter "$adapter" --heads 4)
data=$out/phantom-chestxray14
expect() {
  local code=$1
  shift
  $program "$@" > "$out/log" 2>&1
  local found=$?
  [ $found -eq "$code" ] || { echo "Predict $*: exit code $found, expected $code"; cat "$out/log"; exit 1; }
}
expect 0 --help
expect 2 images
expect 65 images "${model[@]}" /no/such/file.png
expect 0 evaluate "${model[@]}" --data "$data" --list val_list.txt --normalize .48 .30 --calibrate --bootstrap 20 --out "$out/val"
expect 0 images "${model[@]}" "$data/images" --csv "$out/p.csv" --json "$out/p.json" --maps "$out/maps" --most 1
for file in val/report.txt val/roc.png val/roc.svg val/precision-recall.png val/precision-recall.svg val/reliability.png val/reliability.svg p.csv p.json; do
  [ -s "$out/$file" ] || { echo "Predict left no $file"; exit 1; }
done
[ -n "$(ls "$out/maps")" ] || { echo "Predict left no heat map"; exit 1; }
images=$(ls "$data/images" | wc -l)
[ "$(wc -l < "$out/p.csv")" -eq $((images + 1)) ] || { echo "The table does not have a row for each of $images images"; exit 1; }
! grep -q "$out" "$out/p.csv" "$out/p.json" || { echo "A path of this machine is in the output"; exit 1; }
