#!/usr/bin/env bash
# All three layouts, good and damaged: what a script may rely on, and the sheet that is promised.
set -uo pipefail
cd "$(dirname "$0")/../.."
. samples/Shared/smoke-functions.sh
expect 0 InspectData --help
expect 2 InspectData
expect 2 InspectData . --pictures none
expect 65 InspectData /no/such/folder
for layout in nih chexpert rsna; do
  expect 0 InspectData phantoms $layout "$out/$layout" --images 24 --size 64
done
expect 0 InspectData "$out/nih" --list train_list.txt val_list.txt test_list.txt --looks --sheet "$out/nih.png"
expect 0 InspectData "$out/chexpert" --list train.csv valid.csv test_labels.csv --sheet "$out/chexpert.png"
expect 0 InspectData "$out/rsna" --list RSNA_train.txt RSNA_val.txt RSNA_test.txt --sheet "$out/rsna.png"
for layout in nih chexpert rsna; do
  [ -s "$out/$layout.png" ] || { echo "InspectData left no sheet of $layout"; exit 1; }
done
# A list that is compared with itself leaks, and a file cut short is found.
expect 1 InspectData "$out/nih" --quick --list train_list.txt train_list.txt
victim=$(find "$out/rsna/stage_2_train_images" -name '*.dcm' | sort | head -n 1)
truncate -s 1500 "$victim"
expect 1 InspectData "$out/rsna"
grep -q "is truncated" "$out/log" || { echo "InspectData did not name the truncated file"; exit 1; }
