#!/usr/bin/env bash
# What a script may rely on: help ends with 0, a wrong command line with 2, bad data with 65; all three data sets train, on made-up patients; a run that is
# stopped ends with 75 and goes on; and Predict takes what is left.
set -uo pipefail
cd "$(dirname "$0")/../.."
. samples/Shared/smoke-functions.sh
expect 0 FineTune --help
expect 2 FineTune
expect 2 FineTune --data . --rank many
expect 65 FineTune --data /no/such/folder
expect 65 FineTune --data "$out"
for layout in nih chexpert rsna; do
  expect 0 InspectData phantoms $layout "$out/$layout" --images 60 --size 48
done
short="--size tiny --image-size 32 --batch-size 8 --out $out/run"
train() {
  expect 0 FineTune --data "$out/$1" $short "${@:2}"
  for file in adapter/adapter_model.safetensors adapter/predictor.json result.json; do
    [ -s "$out/run/$file" ] || { echo "FineTune left no $file of $1"; exit 1; }
  done
  rm -r "$out/run"
}
train chexpert --epochs 1 --labels all --uncertainty ignore --method ia3 --cache "$out/cache" --tensorboard "$out/board"
train rsna --epochs 1 --dataset rsna --windowing medpeftrsna --method prompt --precision bfloat16
train nih --epochs 1 --train-list train_list.txt --validation-list val_list.txt --recipe cxr-mae --fraction 0.01
[ -n "$(ls "$out/board")" ] || { echo "FineTune left nothing for TensorBoard"; exit 1; }
expect 78 FineTune --data "$out/nih" $short --recipe mrm --method ssf

long=(--data "$out/nih" $short --epochs 6 --method adalora --train-list train_list.txt --validation-list val_list.txt --test-list test_list.txt --run "$out/checkpoints" --json-log "$out/steps.jsonl")
dotnet artifacts/bin/FineTune/release/FineTune.dll "${long[@]}" > "$out/log" 2>&1 &
process=$!
until grep -q epoch "$out/steps.jsonl" 2> /dev/null || ! kill -0 $process 2> /dev/null; do sleep .1; done
kill -TERM $process
wait $process
found=$?
[ $found -eq 75 ] || { cat "$out/log"; echo "FineTune stopped by SIGTERM: exit code $found, expected 75"; exit 1; }
expect 0 FineTune "${long[@]}"
grep -q '"resumed": true' "$out/run/result.json" || { echo "FineTune did not go on from its checkpoint"; exit 1; }
expect 0 Predict images --base "$out/run/backbone.safetensors" --adapter "$out/run/adapter" "$out/nih/images" --csv "$out/p.csv"
[ -s "$out/p.csv" ] || { echo "Predict left no table of FineTune's adapter"; exit 1; }
