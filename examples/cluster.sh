#!/usr/bin/env bash
# Three servers over three members of etcd, all on this machine: what is written at one is read at every other, a lock is held
# through the death of the server that gave it, and a server that comes back has missed nothing.
#
# It needs etcd, curl and the usual tools, and Node 24 (npm exec). On three machines each server is started the same way, with its
# own data directory and the addresses of all members (docs/cluster.md).
set -euo pipefail
cd "$(dirname "$0")/.."

scene=$(mktemp -d)
processes=()
clean_up() {
  set +e
  for process in "${processes[@]}"; do kill -KILL "$process"; done
  wait
  rm -rf "$scene"
}
trap 'clean_up 2>/dev/null' EXIT
trap 'exit 130' INT TERM HUP

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# until_it DESCRIPTION COMMAND…: tries for a minute.
until_it() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "$what"
}

# --- three members of etcd, on ports of their own -----------------------------------------------------------

base=${CLUSTER_BASE_PORT:-24790}
members=""
endpoints=""
for i in 0 1 2; do
  members+="${members:+,}m$i=http://127.0.0.1:$((base + 10 + i))"
  endpoints+="${endpoints:+,}http://127.0.0.1:$((base + i))"
done
for i in 0 1 2; do
  etcd --name "m$i" --data-dir "$scene/etcd-$i" --initial-cluster "$members" \
    --listen-client-urls "http://127.0.0.1:$((base + i))" --advertise-client-urls "http://127.0.0.1:$((base + i))" \
    --listen-peer-urls "http://127.0.0.1:$((base + 10 + i))" \
    --initial-advertise-peer-urls "http://127.0.0.1:$((base + 10 + i))" >"$scene/etcd-$i.log" 2>&1 &
  processes+=($!)
done
until_it "etcd does not answer" curl -fs "http://127.0.0.1:$base/health"

# --- three servers over them --------------------------------------------------------------------------------

server_pids=()
start_server() {
  bin/treekeeper serve --port "$((base + 20 + $1))" --data-dir "$scene/data-$1" \
    --log etcd --etcd-endpoints "$endpoints" >>"$scene/server-$1.log" 2>&1 &
  server_pids[$1]=$!
  processes+=($!)
}
url() { echo "http://127.0.0.1:$((base + 20 + $1))"; }
for i in 0 1 2; do start_server "$i"; done
for i in 0 1 2; do until_it "server $i is not ready" curl -fs "$(url "$i")/readyz"; done
echo "three servers: $(url 0) $(url 1) $(url 2)"

# --- what is written at one is read at another --------------------------------------------------------------

# Min-Zxid makes sure that a server shows at least what the last answer had.
zxid=$(curl -fs -X POST "$(url 0)/v1/znodes/greeting" -d hello -o /dev/null -D - | sed -n 's/^zxid: \([0-9]*\).*/\1/ip')
for i in 1 2; do
  read_back=$(curl -fs "$(url "$i")/v1/data/greeting" -H "Min-Zxid: $zxid")
  [ "$read_back" = hello ] || fail "server $i has '$read_back'"
done
echo "written at one, read at the others"

# --- a lock outlives the server that gave it ----------------------------------------------------------------

member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
session=$(curl -fs -X POST "$(url 0)/v1/sessions" -d '{"timeoutMs":20000,"name":"worker"}')
token=$(member token <<<"$session")
id=$(member id <<<"$session")
curl -fs -X POST "$(url 0)/v1/locks/report/claims" -H "Session-Token: $token" -d '{}' >/dev/null
kill -KILL "${server_pids[0]}"
curl -fs -X PUT "$(url 1)/v1/sessions/$id" -H "Session-Token: $token" >/dev/null || fail "the session is gone"
holder=$(curl -fs "$(url 2)/v1/locks/report")
grep -q '"worker"' <<<"$holder" || fail "the lock is gone: $holder"
echo "one server is killed; its session goes on at another, and the lock is held"

# --- a server that comes back has missed nothing ------------------------------------------------------------

zxid=$(curl -fs -X PUT "$(url 1)/v1/znodes/greeting" -d "meanwhile" -o /dev/null -D - | sed -n 's/^zxid: \([0-9]*\).*/\1/ip')
start_server 0
until_it "server 0 does not come back" curl -fs "$(url 0)/readyz"
read_back=$(curl -fs "$(url 0)/v1/data/greeting" -H "Min-Zxid: $zxid")
[ "$read_back" = meanwhile ] || fail "server 0 has '$read_back'"
echo "OK: it is back, and has what was written meanwhile"
