#!/usr/bin/env bash
# What a script may rely on: help ends with 0, a wrong command line with 2, bad data with 65; and all three data sets train, on made-up patients.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
program="dotnet run --project samples/FineTune -c Release --no-build --"
phantoms="dotnet run --project samples/InspectData -c Release --no-build -- phantoms"
expect() {
  local code=$1
  shift
  $program "$@" > "$out/log" 2>&1
  local found=$?
  [ $found -eq "$code" ] || { cat "$out/log"; echo "FineTune $*: exit code $found, expected $code"; exit 1; }
}
expect 0 --help
expect 2
expect 2 --data . --rank many
expect 65 --data /no/such/folder
expect 65 --data "$out"
short="--size tiny --image-size 32 --epochs 1 --batch-size 16 --out $out/run"
train() {
  local layout=$1
  shift
  $phantoms "$layout" "$out/$layout" --images 60 --size 48 > /dev/null || { echo "InspectData drew no $layout"; exit 1; }
  expect 0 --data "$out/$layout" $short "$@"
  [ -s "$out/run/adapter.safetensors" ] && [ -s "$out/run/result.json" ] || { echo "FineTune left no adapter of $layout"; exit 1; }
  rm -r "$out/run"
}
train nih --train-list train_list.txt --validation-list val_list.txt --test-list test_list.txt
train chexpert --labels all --uncertainty ignore
train rsna --dataset rsna --windowing medpeftrsna
