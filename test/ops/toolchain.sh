#!/usr/bin/env bash
# Installs what the files of ops/ are held against: systemd's checks, strace, and linters for Dockerfiles and manifests. What is
# there already is left alone. The linters go to TREEKEEPER_TOOLCHAINS, outside the tree.
set -euo pipefail
cd "$(dirname "$0")"

folder=${TREEKEEPER_TOOLCHAINS:-${HOME}/.cache/treekeeper/toolchains}/ops

missing=()
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v strace >/dev/null || missing+=(strace)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=""
  [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# A folder of packages knows what it was made of, so that another list makes it anew.
cmp -s requirements.txt "$folder/requirements.txt" && exit
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --no-deps --requirement requirements.txt
cp requirements.txt "$folder/"
