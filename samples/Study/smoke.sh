#!/usr/bin/env bash
# What a script may rely on: the exit codes, a plan of the paper's study without its data, and a study that is killed again and again and ends with the
# tables of one that was not. KILLS=100 samples/Study/smoke.sh kills more often.
set -uo pipefail
cd "$(dirname "$0")/../.."
home=$PWD
study="dotnet $home/artifacts/bin/Study/release/study.dll"
[ -f artifacts/bin/Study/release/study.dll ] || { echo "Study: build it first: dotnet build samples/Study -c Release"; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { cat "$out/log"; echo "Study: $1"; exit 1; }
expect() {
  local code=$1
  shift
  $study "$@" > "$out/log" 2>&1
  local found=$?
  [ $found -eq "$code" ] || fail "$*: exit code $found, expected $code"
}
expect 0 --help
expect 2 run --no-such-option
expect 0 plan
grep -q '159,758' "$out/log" || fail "the plan of the paper's study does not count LoRA's parameters"
expect 78 plan --study /no/such/file.json
expect 65 run --index 0 --out "$out/nothing"

expect 0 phantoms "$out/data" --tiny
cd "$out/data" || exit 1
cp "$home/samples/Study/smoke-study.json" study.json
expect 0 run --out calm
expect 0 report --out calm
for ((kill = 1; kill <= ${KILLS:-3}; kill++)); do
  $study run --out troubled --checkpoint-steps 1 > "$out/log" 2>&1 &
  child=$!
  sleep "$((1 + RANDOM % 3)).$((RANDOM % 10))"
  kill -KILL $child 2> /dev/null
  wait $child 2> /dev/null
done
expect 0 run --out troubled
expect 0 report --out troubled
for table in report.md tasks.csv cells.csv labels.csv; do
  cmp "calm/$table" "troubled/$table" || fail "$table differs after ${KILLS:-3} kills"
done
[ -s calm/report.html ] || fail "no report.html"
echo "Study: $(cat troubled/cells/*/starts | awk '{ sum += $1 } END { print sum }') starts of 4 cells, ${KILLS:-3} kills, tables byte-equal"
