#!/usr/bin/env bash
# All three layouts, good and damaged: what a script may rely on, and the sheet that is promised.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
program="dotnet run --project samples/InspectData -c Release --no-build --"
expect() {
  local code=$1
  shift
  $program "$@" > "$out/log" 2>&1
  local found=$?
  [ $found -eq "$code" ] || { cat "$out/log"; echo "InspectData $*: exit code $found, expected $code"; exit 1; }
}
expect 0 --help
expect 2
expect 2 . --pictures none
expect 65 /no/such/folder
for layout in nih chexpert rsna; do
  expect 0 phantoms $layout "$out/$layout" --images 24 --size 64
done
expect 0 "$out/nih" --list train_list.txt val_list.txt test_list.txt --looks --sheet "$out/nih.png"
expect 0 "$out/chexpert" --list train.csv valid.csv test_labels.csv --sheet "$out/chexpert.png"
expect 0 "$out/rsna" --list RSNA_train.txt RSNA_val.txt RSNA_test.txt --sheet "$out/rsna.png"
for layout in nih chexpert rsna; do
  [ -s "$out/$layout.png" ] || { echo "InspectData left no sheet of $layout"; exit 1; }
done
# A list that is compared with itself leaks, and a file cut short is found.
expect 1 "$out/nih" --quick --list train_list.txt train_list.txt
victim=$(find "$out/rsna/stage_2_train_images" -name '*.dcm' | sort | head -n 1)
truncate -s 1500 "$victim"
expect 1 "$out/rsna"
grep -q "is truncated" "$out/log" || { echo "InspectData did not name the truncated file"; exit 1; }
