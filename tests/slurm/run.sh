#!/usr/bin/env bash
# A study through a real Slurm on this one machine: an array with a dependent report, a job killed, a job preempted, and the same tables as without all that.
# Needs root, Debian or Ubuntu, and a machine or container that may be thrown away. Skipped unless MEDPEFT_TEST_SLURM=1.
set -euo pipefail
[ "${MEDPEFT_TEST_SLURM:-0}" = 1 ] || { echo "skipped: set MEDPEFT_TEST_SLURM=1"; exit 0; }
cd "$(dirname "$0")/../.."
root=$PWD
study="dotnet $root/artifacts/bin/Study/release/study.dll"
[ -f artifacts/bin/Study/release/study.dll ] || dotnet build samples/Study -c Release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. tests/slurm/cluster.sh

cd "$work"
$study phantoms data --tiny
cd data
cp "$root/samples/Study/smoke-study.json" study.json
$study run --out "$work/calm" > /dev/null
$study report --out "$work/calm" > /dev/null

start_cluster "$work/slurm"
trap 'stop_cluster; rm -rf "$work"' EXIT
$study slurm --scripts "$work/jobs" --out "$work/troubled" --program "$study" --time 00:10:00 --parallel 2 --cpus 1
bash "$work/jobs/submit.sh"

# Trouble: now a kill of the program, now a preemption, while cells are left; requeued jobs need not wait their two minutes.
turn=0
for _ in $(seq 600); do
  [ -z "$(squeue -h -o %i)" ] && break
  for job in $(squeue -h -t PD -o %i -r); do scontrol update job="$job" StartTime=now 2> /dev/null || true; done
  # In the midst of a cell: a program that has just been started has nothing to lose yet.
  if [ "$turn" -lt 6 ] && program=$(pgrep -o -f "^dotnet .*study.dll run .*--index") && [ "$(ps -o etimes= -p "$program")" -ge $((3 + turn % 3)) ]; then
    turn=$((turn + 1))
    if [ $((turn % 2)) -eq 0 ]; then kill -KILL "$program"; else kill -TERM "$program"; fi 2> /dev/null || true
  fi
  sleep 1
done

for table in report.md tasks.csv cells.csv labels.csv; do
  cmp "$work/calm/$table" "$work/troubled/$table" || { tail -n 20 "$work"/jobs/logs/*; echo "slurm: $table differs"; exit 1; }
done
starts=$(awk '{ sum += $1 } END { print sum }' "$work"/troubled/cells/*/starts)
cells=$(ls -d "$work"/troubled/cells/* | wc -l)
[ "$starts" -gt "$cells" ] || { echo "slurm: no cell was disturbed in its midst"; exit 1; }
echo "slurm: $cells cells in $starts starts, $turn disturbed, tables byte-equal"
