#!/usr/bin/env bash
# From a short FineTune run to a calibration, predictions, heat maps and plots; and what a script may rely on.
set -uo pipefail
cd "$(dirname "$0")/../.."
. samples/Shared/smoke-functions.sh
data=$out/data
expect 0 InspectData phantoms nih "$data" --images 90 --size 48
expect 0 FineTune --data "$data" --size tiny --image-size 32 --batch-size 8 --epochs 2 --train-list train_list.txt --validation-list val_list.txt --out "$out"
model=(--base "$out/backbone.safetensors" --adapter "$out/adapter")
expect 0 Predict --help
expect 2 Predict images
expect 65 Predict images "${model[@]}" /no/such/file.png
expect 0 Predict evaluate "${model[@]}" --data "$data" --list val_list.txt --calibrate --bootstrap 20 --out "$out/val"
expect 0 Predict images "${model[@]}" "$data/images" --csv "$out/p.csv" --json "$out/p.json" --maps "$out/maps" --most 1
for file in val/report.txt val/roc.png val/roc.svg val/precision-recall.png val/precision-recall.svg val/reliability.png val/reliability.svg p.csv p.json; do
  [ -s "$out/$file" ] || { echo "Predict left no $file"; exit 1; }
done
[ -n "$(ls "$out/maps")" ] || { echo "Predict left no heat map"; exit 1; }
images=$(ls "$data/images" | wc -l)
[ "$(wc -l < "$out/p.csv")" -eq $((images + 1)) ] || { echo "The table does not have a row for each of $images images"; exit 1; }
! grep -q "$out" "$out/p.csv" "$out/p.json" || { echo "A path of this machine is in the output"; exit 1; }
rm "$out/adapter/predictor.json"
expect 0 Predict images "${model[@]}" "$data/images" --csv "$out/q.csv"
[ "$(head -1 "$out/q.csv" | cut -d, -f1-2)" = "$(head -1 "$out/p.csv" | cut -d, -f1-2)" ] || { echo "The labels saved with the adapter are not those of predictor.json"; exit 1; }
