# What the examples share: how to reach the server, read its answers, keep a session, and leave nothing
# behind. Not an example itself. Sourced after `set -euo pipefail`; needs bash, curl and the usual tools.

server() { printf '%s' "${TREEKEEPER_ENDPOINT:-${TREEKEEPER_URL:-http://127.0.0.1:2281}}"; }

# api METHOD TARGET [CURL OPTION…]: one request. Prints the body; fails when the server refuses or is silent.
api() {
  local method=$1 target=$2
  shift 2
  curl --silent --fail --max-time 5 --request "$method" "$(server)$target" "$@"
}

# member NAME: the value of a member of the JSON on stdin, where it occurs once. Enough here; no JSON parser.
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

# The last transaction the server has done: every answer says it in a header.
last_zxid() { api HEAD "/v1/znodes$1" --head | sed -n 's/^zxid: \([0-9]*\).*/\1/ip'; }

# Waits until a znode is gone, without asking again and again: a stream that ends with the first deletion. It
# starts at the zxid at which the znode was seen, so a deletion between the two requests is not missed.
wait_until_gone() {
  local zxid
  if zxid=$(last_zxid "$1"); then
    api GET "/v1/watch?path=$1&types=deleted&once=true&sinceZxid=$zxid" --max-time 600 >/dev/null && return
  fi
  sleep 0.2 # gone already, or out of reach: the caller looks again
}

# Milliseconds on a clock that nobody can set and that goes on while the machine sleeps.
now_ms() {
  local seconds
  read -r seconds _ </proc/uptime
  echo $((10#${seconds/./} * 10))
}

started_ms=$(now_ms)
say() {
  local ms=$(($(now_ms) - started_ms))
  printf '%2d.%d s  %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*"
}
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# open_session NAME: a session that ends after so much silence. Its id is public, its token is secret.
session_timeout_ms=3000
open_session() {
  local answer
  answer=$(api POST /v1/sessions --data "{\"timeoutMs\":$session_timeout_ms,\"name\":\"$1\"}") ||
    fail "$1 got no session"
  session_id=$(member id <<<"$answer")
  session_token=$(member token <<<"$answer")
  valid_for_ms=$(member validForMs <<<"$answer")
  echo "$session_id $session_token" >>"$scene/sessions"
}

# A renewer must not outlive whom it renews for: this one is of the same process group, and of this script.
keep_alive() {
  while kill -0 $$ && api PUT "/v1/sessions/$session_id" -H "Session-Token: $session_token"; do
    sleep 0.5
  done >/dev/null 2>&1
}

# start COMMAND…: a process of its own, whose id is then in $!. With job control on it gets a process group,
# so that killing it takes its curl and its sleep along. crash PID: kill -9, no goodbye.
processes=()
start() {
  set -m
  "$@" &
  set +m
  processes+=($!)
}
crash() {
  kill -KILL -- "-$1"
  wait "$1" 2>/dev/null || true
}

# make_znode PATH [DATA]: makes a znode that is deleted at the end; one that is there already is left alone.
made=()
make_znode() {
  if api POST "/v1/znodes$1" --data "${2-}" >/dev/null; then made=("$1" "${made[@]}"); fi
}

scene=$(mktemp -d) # what the processes write down for the script to judge
say_goodbye() { :; } # for an example whose processes are to end in good order
clean_up() {
  set +e
  trap '' INT TERM HUP # once begun, it is done
  say_goodbye
  local id token path process
  for process in "${processes[@]}"; do kill -KILL -- "-$process"; done
  while read -r id token; do api DELETE "/v1/sessions/$id" -H "Session-Token: $token"; done <"$scene/sessions"
  for path in "${made[@]}"; do api DELETE "/v1/znodes$path"; done
  rm -rf "$scene"
}
touch "$scene/sessions"
trap 'clean_up 2>/dev/null' EXIT
trap 'exit 130' INT TERM HUP

api GET /readyz >/dev/null || {
  echo "No treekeeper at $(server). Start one with \"npm start\", or say in TREEKEEPER_ENDPOINT where it is." >&2
  exit 1
}
