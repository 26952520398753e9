#!/usr/bin/env bash
# Installs what the generated clients, the examples in other languages and Schemathesis are built and run with; what is there
# already is left alone. Everything but the system's own packages goes to TREEKEEPER_TOOLCHAINS, outside the tree.
#
#   toolchains.sh [python|go|java|typescript|rust …]             installs these, or all
#   toolchains.sh --missing [python|go|java|typescript|rust …]   installs nothing: prints what is missing, a line each
set -euo pipefail
cd "$(dirname "$0")"

toolchains=${TREEKEEPER_TOOLCHAINS:-${HOME}/.cache/treekeeper/toolchains}
openapi_generator=7.25.0
rust=1.91
openapi_generator_jar=$toolchains/openapi-generator-cli-$openapi_generator.jar

system_packages() {
  local as_root=""
  [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
  $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# --- for each toolchain: what is missing, and how it comes ----------------------------------------------------------------

missing_python() {
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    echo "Python 3.11 or newer, with venv"
  local requirements
  for requirements in */requirements.txt; do
    # A folder of packages knows what it was made of, so that another list makes it anew.
    cmp -s "$requirements" "$toolchains/$requirements" || echo "the Python packages of $requirements"
  done
}

install_python() {
  python3 -c 'import venv, ensurepip' 2>/dev/null || system_packages python3 python3-venv
  local requirements folder
  for requirements in */requirements.txt; do
    cmp -s "$requirements" "$toolchains/$requirements" && continue
    folder=$toolchains/$(dirname "$requirements")
    python3 -m venv --clear "$folder"
    # One after the other by hand: nothing stops at a failure within `install_python || echo`.
    "$folder/bin/pip" install --quiet --no-deps --requirement "$requirements" && cp "$requirements" "$folder/" || return
  done
}

# From 1.21 on, Go fetches the very version that a go.mod names. What it fetches is in its own cache.
missing_go() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || version=go0
  printf 'go1.21\n%s\n' "$version" | sort --version-sort --check=quiet || echo "Go 1.21 or newer"
}

install_go() {
  system_packages golang-go ca-certificates
}

missing_java() {
  # The compiler and not the runtime alone: it is what the newest clients are built with.
  command -v javac >/dev/null || echo "a JDK of Java 17 or newer"
  command -v mvn >/dev/null || echo "Maven"
  [ -f "$openapi_generator_jar" ] || echo "OpenAPI Generator $openapi_generator"
}

install_java() {
  command -v javac >/dev/null && command -v mvn >/dev/null || system_packages default-jdk-headless maven
  [ -f "$openapi_generator_jar" ] || mvn --quiet --batch-mode dependency:copy \
    -Dartifact=org.openapitools:openapi-generator-cli:$openapi_generator -DoutputDirectory="$toolchains"
}

# Node.js is there: the service itself runs on it.
missing_typescript() {
  local folder
  for folder in typescript-*; do
    # npm empties the folder of packages before it fills it: a list in there is the one that it was made of.
    cmp -s "$folder/package-lock.json" "$toolchains/$folder/node_modules/made-of.json" ||
      echo "the npm packages of $folder"
  done
}

install_typescript() {
  local folder
  for folder in typescript-*; do
    cmp -s "$folder/package-lock.json" "$toolchains/$folder/node_modules/made-of.json" && continue
    mkdir -p "$toolchains/$folder"
    cp "$folder"/package{,-lock}.json "$toolchains/$folder/"
    npm ci --prefix "$toolchains/$folder" --ignore-scripts --no-audit --no-fund --silent &&
      cp "$folder/package-lock.json" "$toolchains/$folder/node_modules/made-of.json"
  done
}

# Debian's own cargo may be too old for the crates; cargo-web is the newer one that its browsers are built with.
missing_rust() {
  rust_is_new_enough || echo "Rust $rust or newer, with cargo"
}

rust_is_new_enough() {
  command -v cargo >/dev/null &&
    printf '%s\n' "$rust" "$(rustc --version | cut -d ' ' -f 2)" | sort --check=quiet --version-sort
}

install_rust() {
  system_packages cargo-web gcc libc6-dev || system_packages cargo gcc libc6-dev
}

# --------------------------------------------------------------------------------------------------------------------------

only_say=false
[ "${1:-}" != --missing ] || { only_say=true; shift; }
[ $# -gt 0 ] || set -- python go java typescript rust

failed=false
for name; do
  if [ $only_say = false ] && [ -n "$("missing_$name")" ]; then
    echo "installing $name"
    "install_$name" || echo "$name could not be installed" >&2
  fi
  [ -z "$("missing_$name")" ] || failed=true
  "missing_$name"
done
[ $only_say = true ] || [ $failed = false ]
