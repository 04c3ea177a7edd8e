# For the smoke tests of the samples: source it from the root of the repository, after a Release build. It makes a folder $out that goes with the script.
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# run <sample> <arguments>
run() { dotnet "artifacts/bin/$1/release/$1.dll" "${@:2}"; }

# expect <exit code> <sample> <arguments>: what the program said is in $out/log, and shown where it ended otherwise.
expect() {
  local code=$1
  shift
  run "$@" > "$out/log" 2>&1
  local found=$?
  [ $found -eq "$code" ] || { cat "$out/log"; echo "$*: exit code $found, expected $code"; exit 1; }
}
