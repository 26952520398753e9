#!/usr/bin/env bash
# A distributed lock: five workers, one at a time, in the order in which they came.
#
# Each worker draws a ticket: a sequential ephemeral znode below the lock. The lowest ticket holds the lock.
# Everyone else waits for the ticket just before its own, so that when a ticket goes one worker wakes up, not
# all of them. A worker that dies, waiting or holding, loses its ticket with its session, and the queue goes
# on.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

lock="/locks/demo-$$" # its data is what the lock protects: a count of finished jobs

# --- a worker -----------------------------------------------------------------------------------------------

# worker NAME COMMAND…: takes the lock, runs the command, gives the lock back.
worker() {
  local name=$1 ticket fence count
  shift
  open_session "$name"
  keep_alive &
  draw_ticket
  wait_for_turn
  note enters "$name" "$ticket"
  say "$name: holds the lock"

  # A read and a later write, which would lose counts if two workers did it at a time. A worker may be so slow
  # that its session ends and another gets the lock: the fence has its write refused once its ticket is gone.
  count=$(api GET "/v1/znodes$lock?raw=true") || fail "$name could not read the count"
  "$@"
  api PUT "/v1/znodes$lock" -H "Fence: $lock/$fence" --data "$((count + 1))" >/dev/null ||
    fail "$name could not write"

  note leaves "$name" "$ticket"
  say "$name: is done, as number $((count + 1)), and gives the lock back"
  # The ticket goes with the session. A worker that lives on would delete the ticket alone.
  api DELETE "/v1/sessions/$session_id" -H "Session-Token: $session_token"
}

draw_ticket() {
  local answer
  answer=$(api POST "/v1/znodes$lock/process-?ephemeral=true&sequential=true" \
    -H "Session-Token: $session_token" --data "$name") || fail "$name got no ticket"
  ticket=$(member path <<<"$answer")
  ticket=${ticket##*/}
  fence="$ticket@$(member czxid <<<"$answer")"
  note queues "$name" "$ticket"
}

wait_for_turn() {
  local queue before other
  while true; do
    # No answer is not an empty queue: ask again. A page has up to 10 000 names, in order.
    queue=$(api GET "/v1/children$lock?prefix=process-&limit=10000") || { sleep 0.2 && continue; }
    [[ $queue == *"\"$ticket\""* ]] || fail "$name lost its ticket with its session"
    before=""
    for other in $(grep -o 'process-[0-9]*' <<<"$queue"); do
      [[ $other != "$ticket" ]] || break
      before=$other
    done
    [[ -n $before ]] || return 0
    say "$name: has $ticket and waits for $before to go"
    # Then look again: the one before may have died while others before it still wait.
    wait_until_gone "$lock/$before"
  done
}

# --- the story ----------------------------------------------------------------------------------------------

# What happened, in the order in which it happened. The workers are on one machine here, so a file will do.
note() { echo "$*" >>"$scene/log"; }
wait_for_note() {
  until grep -q "^$1" "$scene/log"; do
    (($(now_ms) - started_ms < 30000)) || fail "\"$1\" never happened"
    sleep 0.05
  done
}

make_znode /locks
make_znode "$lock" 0
touch "$scene/log"

say "Five workers come, one after the other."
declare -A pids=()
come() {
  start worker "$@"
  pids[$1]=$!
  wait_for_note "queues $1"
}
come anna wait_for_note "killed bruno"
come bruno sleep 30
come carla sleep 30
come dora sleep 0.5
come emil sleep 0.5

say "bruno, who waits, is killed with kill -9."
crash "${pids[bruno]}"
note killed bruno

wait_for_note "enters carla"
say "carla, who holds the lock, is killed with kill -9."
crash "${pids[carla]}"
note killed carla

for name in anna dora emil; do wait_for_note "leaves $name"; done

# --- the judgement ------------------------------------------------------------------------------------------

holder=""
served=()
while read -r event name ticket; do
  case $event in
    enters)
      [[ -z $holder ]] || fail "$name got the lock while $holder had it"
      holder=$name
      served+=("$ticket")
      ;;
    leaves | killed) if [[ $holder == "$name" ]]; then holder=""; fi ;;
  esac
done <"$scene/log"

say "The lock was held in this order: $(sed -n 's/^enters \([a-z]*\) .*/\1/p' "$scene/log" | paste -sd ' ')"
in_order=$(printf '%s\n' "${served[@]}" | sort | paste -sd ' ')
[[ "${served[*]}" == "$in_order" ]] || fail "somebody jumped the queue"
[[ $(api GET "/v1/znodes$lock?raw=true") == 3 ]] || fail "the count is not 3"
say "OK: one at a time, first come first served, and the dead held nobody up"
