#!/usr/bin/env bash
# Packs the library and uses the package as a stranger would: a fresh project outside the repository, built, built again, cleaned,
# published in every way and run each time. Linux x64. Prints one line per check; exits non-zero at the first that fails.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fail() { echo "FAILED: $1"; [ -z "${2:-}" ] || tail -40 "$2"; exit 1; }
ok() { passed=$((passed + 1)); echo "ok: $1"; }
sha() { sha256sum "$1" | cut -d' ' -f1; }

# A version of its own for each run, and a package folder of its own: NuGet never unpacks the same version twice, so a repacked
# library under an old version would be tested in its old state. Everything else comes from the usual cache, read as a fallback.
cache=${NUGET_PACKAGES:-$HOME/.nuget/packages}
version="0.0.0-ci.$(date +%s)"
original="$cache/torchsharp/0.107.0/runtimes/linux-x64/native/libLibTorchSharp.so"
[ -f "$original" ] || fail "no $original: restore the solution first"
before=$(sha "$original")

pack() { CI=true dotnet pack "$1/src/MedPeft.Lora" -c Release -v quiet -p:MinVerVersionOverride="$version" -o "$2" > "$work/log" 2>&1 || fail "pack" "$work/log"; }
pack "$root" "$work/packages"
unzip -p "$work/packages/MedPeft.Lora.$version.nupkg" MedPeft.Lora.nuspec > "$work/nuspec"
for unwanted in SharpZipLib libtorch PublicApi BannedApi; do ! grep -qi "$unwanted" "$work/nuspec" || fail "the package depends on $unwanted" "$work/nuspec"; done
ok "packed; it depends on what it should"

mkdir "$work/elsewhere"
(cd "$root" && { git ls-files -z --cached --others --exclude-standard; printf '.git\0'; } | tar --null --ignore-failed-read -T - -c 2> "$work/log" | tar -x -C "$work/elsewhere")
pack "$work/elsewhere" "$work/again"
for package in nupkg snupkg; do cmp "$work/packages/MedPeft.Lora.$version.$package" "$work/again/MedPeft.Lora.$version.$package" || fail "packed in another folder, the .$package is another"; done
rm -rf "$work/elsewhere" "$work/again"
ok "packed in another folder it is the same to the byte"

mkdir "$work/app"
cp "$root"/eng/PackageConsumer/* "$work/app/"
cd "$work/app"
cat > nuget.config << XML
<configuration>
  <packageSources><add key="packed" value="$work/packages" /></packageSources>
  <config><add key="globalPackagesFolder" value="$work/cache" /></config>
  <fallbackPackageFolders><add key="usual" value="$cache" /></fallbackPackageFolders>
</configuration>
XML
unset NUGET_PACKAGES
export MedPeftVersion=$version DOTNET_BUNDLE_EXTRACT_BASE_DIR=$work/extracted MEDPEFT_CACHE=$work/medpeft MEDPEFT_LIBTORCH=

# Where this machine's libstdc++ is new enough nothing is relaxed by itself; then the checks ask for it.
relax=auto
for file in /usr/lib/x86_64-linux-gnu/libstdc++.so.6 /usr/lib64/libstdc++.so.6 /usr/lib/libstdc++.so.6; do
  if [ -f "$file" ]; then grep -q GLIBCXX_3.4.32 "$file" && relax=true; break; fi
done

build() { dotnet "$@" -c Release -nologo > "$work/log" 2>&1 || fail "dotnet $*" "$work/log"; ! grep -q 'warning MEDPEFT' "$work/log" || fail "dotnet $* warned" "$work/log"; }
runs() { "$@" > "$work/out" 2>&1 || fail "$* does not run" "$work/out"; for line in 'tensor: ok' 'LoRA step: ok'; do grep -q "$line" "$work/out" || fail "$* computes something else" "$work/out"; done; }
relaxed_in() {
  local file; file=$(find "$1" -name libLibTorchSharp.so | head -1)
  [ -n "$file" ] && [ "$(sha "$file")" != "$before" ] || fail "$1 has the library as it was shipped"
}

if [ $relax = true ]; then
  build build -v:normal
  ! grep -q 'was relaxed' "$work/log" || fail "relaxed although this machine needs it not" "$work/log"
  runs dotnet bin/Release/net10.0/PackageConsumer.dll
  ok "nothing happens where libstdc++ is new enough"
fi
export MedPeftRelaxTorchSharp=$relax

build build -v:normal
grep -q 'was relaxed' "$work/log" || fail "the first build relaxed nothing" "$work/log"
relaxed_in bin/Release
runs dotnet bin/Release/net10.0/PackageConsumer.dll
ok "build"

build build --no-restore -v:normal
! grep -q 'was relaxed' "$work/log" || fail "the second build relaxed again" "$work/log"
relaxed_in bin/Release
[ -n "$(find obj -name libLibTorchSharp.so)" ] || fail "the second build removed the relaxed copy"
ok "incremental build: the task is skipped"

build publish -o "$work/publish"
relaxed_in "$work/publish"
runs dotnet "$work/publish/PackageConsumer.dll"
rm -rf "$work/publish"
ok "publish, portable"

MedPeftRelaxTorchSharp=false build build -v:normal
[ "$(sha "$(find bin -name libLibTorchSharp.so)")" = "$before" ] || fail "MedPeftRelaxTorchSharp=false left a relaxed library"
ok "opt-out"

dotnet build -c Release -p:MedPeftRelaxTorchSharp=never > "$work/log" 2>&1 && fail "MedPeftRelaxTorchSharp=never was accepted"
grep -q "MedPeftRelaxTorchSharp is 'never'; choose auto, true or false." "$work/log" || fail "MedPeftRelaxTorchSharp=never: another error" "$work/log"
ok "an unknown value of the option is an error"

build build
build clean
[ -z "$(find obj bin -name libLibTorchSharp.so)" ] || fail "clean left a library behind"
build build -t:Rebuild
relaxed_in bin/Release
ok "clean and rebuild"

build publish -r linux-x64 --no-self-contained -o "$work/publish"
relaxed_in "$work/publish"
runs "$work/publish/PackageConsumer"
rm -rf "$work/publish" bin
ok "publish, linux-x64"

build publish -r linux-x64 --self-contained -p:PublishSingleFile=true -p:IncludeNativeLibrariesForSelfExtract=true -o "$work/publish"
[ -z "$(find "$work/publish" -name '*.so')" ] || fail "the single file left libraries outside"
runs "$work/publish/PackageConsumer"
relaxed_in "$work/extracted"
rm -rf "$work/publish" "$work/extracted" bin
ok "publish, self-contained single file"

build build -p:TargetFramework= '-p:TargetFrameworks="net10.0;net8.0"'
relaxed_in bin/Release/net10.0
relaxed_in bin/Release/net8.0
rm -rf bin
ok "two target frameworks"

# A build for Windows has no such library; nothing is to be done there.
build build -r win-x64
[ -z "$(find bin -name 'libLibTorchSharp.so')" ] || fail "the program for Windows has a library for Linux"
! grep -q 'was relaxed' "$work/log" || fail "relaxed for Windows" "$work/log"
rm -rf bin
ok "a program for Windows is left alone"

[ "$(sha "$original")" = "$before" ] || fail "the NuGet cache was changed"
[ ! -e "$work/cache/torchsharp" ] || [ "$(sha "$work/cache/torchsharp/0.107.0/runtimes/linux-x64/native/libLibTorchSharp.so")" = "$before" ] || fail "the NuGet cache was changed"
ok "the NuGet cache is unchanged"
echo "package: $passed checks passed"
