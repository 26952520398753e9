#!/usr/bin/env bash
# Master election: of three batch jobs one is master and works, the others stand by.
#
# Who creates the ephemeral znode /master is master. The others wait for its end on a stream; nobody polls.
# Two things can happen to a master, and the second is the one that hurts:
#
#   It dies. Its session ends, /master goes with it, and another job takes over.
#
#   It is cut off but alive, and does not know that it is no longer master. Two measures keep it from harm:
#   1. It stops by itself, in time. A renewal says for how long the session is valid, counted from when the
#      renewal was *sent*. Who counts so on a monotonic clock knows before the server does that time is up.
#   2. A write that was on its way all the same is refused. Each write carries a fence, "only if /master is
#      still the one I created", which the server checks in the transaction that writes.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

master=/master
result="/master-election-$$" # where the master writes

# --- a candidate: a supervisor that keeps the session, and the job it watches over --------------------------

# Cutting a candidate off: while the file NAME.cut exists, its requests go to a port where nobody is.
server() {
  if [[ -e "$scene/${name:-nobody}.cut" ]]; then
    printf 'http://127.0.0.1:1'
  else
    printf '%s' "${TREEKEEPER_ENDPOINT:-${TREEKEEPER_URL:-http://127.0.0.1:2281}}"
  fi
}

margin_ms=1200 # for what the supervisor does between looking at the clock and having stopped the job

candidate() {
  name=$1
  local sent_ms valid_until_ms answer job
  sent_ms=$(now_ms)
  open_session "$name"
  valid_until_ms=$((sent_ms + valid_for_ms))
  batch_job &
  job=$!

  while kill -0 $$ 2>/dev/null && sent_ms=$(now_ms) && ((sent_ms + margin_ms < valid_until_ms)); do
    # A renewal that hangs must not keep us from stopping: it may take as long as there is time.
    if answer=$(api PUT "/v1/sessions/$session_id" -H "Session-Token: $session_token" \
      --max-time "$(seconds $((valid_until_ms - margin_ms - sent_ms)))"); then
      valid_until_ms=$((sent_ms + $(member validForMs <<<"$answer")))
    elif (($? == 22)); then
      break # The server says that the session is gone. No answer at all says nothing: try again.
    fi
    sleep 0.3
  done

  kill -KILL "$job"
  wait "$job" 2>/dev/null || true
  now_ms >"$scene/$name.stopped"
  say "$name: stops, $((valid_until_ms - $(now_ms))) ms before its session can have expired"
}

seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

batch_job() {
  local znode czxid
  # Whoever is first creates /master. Then everybody asks who that was, also the one who was told that the
  # create failed: an answer can get lost after the work was done.
  until
    api POST "/v1/znodes$master?ephemeral=true" -H "Session-Token: $session_token" --data "$name" >/dev/null
    znode=$(api GET "/v1/znodes$master") && [[ $(member ephemeralOwner <<<"$znode") == "$session_id" ]]
  do
    wait_until_gone "$master"
  done

  # The zxid that created our /master tells it from any other, earlier or later. It is our fence.
  czxid=$(member czxid <<<"$znode")
  say "$name: is master, by fence $master@$czxid"
  while true; do
    api PUT "/v1/znodes$result" -H "Fence: $master@$czxid" --data "written by $name" >/dev/null || true
    sleep 0.2
  done
}

# --- the story ----------------------------------------------------------------------------------------------

# next_master ZXID: waits for the first master elected after a zxid, and prints its name and its czxid.
next_master() {
  local event
  event=$(api GET "/v1/watch?path=$master&types=created&once=true&sinceZxid=$1" --max-time 15 |
    grep '"created"') || fail "nobody became master"
  echo "$(member data <<<"$event") $(member czxid <<<"$event")"
}

# wait_for_work NAME: until the master has written its first result.
wait_for_work() {
  local attempt
  for attempt in {1..50}; do
    [[ $(api GET "/v1/znodes$result?raw=true") != "written by $1" ]] || return 0
    sleep 0.1
  done
  fail "$1 is master and does no work"
}

if api HEAD "/v1/znodes$master" --head >/dev/null; then fail "$master exists: somebody else uses it"; fi
make_znode "$result"
zxid=$(last_zxid "$result")

say "Three jobs start at the same time."
declare -A pids=()
for job in anna bruno carla; do
  start candidate "$job"
  pids[$job]=$!
done
elected=$(next_master "$zxid")
read -r first first_czxid <<<"$elected"
wait_for_work "$first"

say "$first is killed with kill -9."
crash "${pids[$first]}"
elected=$(next_master "$first_czxid")
read -r second second_czxid <<<"$elected"
wait_for_work "$second"

say "$second is cut off from the server, but lives."
touch "$scene/$second.cut"
elected=$(next_master "$second_czxid")
elected_ms=$(now_ms)
read -r third third_czxid <<<"$elected"
wait_for_work "$third"

[[ -e "$scene/$second.stopped" ]] || fail "$third is master, and $second has not stopped"
stopped_ms=$(<"$scene/$second.stopped")
say "$second had stopped $((elected_ms - stopped_ms)) ms before $third became master"
((stopped_ms < elected_ms)) || fail "for a moment there were two masters"
((first_czxid < second_czxid && second_czxid < third_czxid)) || fail "fences do not rise"

say "The cut is healed, and a write that $second had sent long ago arrives."
rm "$scene/$second.cut"
refusal=$(curl --silent --request PUT "$(server)/v1/znodes$result" -H "Fence: $master@$second_czxid" \
  --data "written by $second" --write-out '\n%{http_code}')
say "The server answers ${refusal##*$'\n'} $(member code <<<"$refusal"): $(member detail <<<"$refusal")"
[[ $(member code <<<"$refusal") == fence_stale ]] || fail "the late write was not refused"
[[ $(api GET "/v1/znodes$result?raw=true") == "written by $third" ]] || fail "the late write did harm"
say "OK: three masters, one after the other, and the deposed one did no harm"
