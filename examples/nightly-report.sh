#!/usr/bin/env bash
# A nightly report that every host is set up to make, and one host makes.
#
# Each host runs its job under `treekeeper elect`, as cron or systemd would start it. One leads, and its job runs;
# the others wait. The job itself knows nothing of elections, but for one header: each of its writes carries the
# fence that elect has put into its environment, "only while the znode that made me leader is there".
#
# When the leader's elect is killed with kill -9, a watchdog beside it ends the job, and another host takes over as soon
# as the session of the first has ended. A write of the first that is still on its way then is refused.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

election="nightly-report-$$"
report="/nightly-report-$$" # where the job writes; other hosts read it here

# --- what is on each host: the job, and the line that starts it -----------------------------------------------

cat >"$scene/make-report" <<'JOB'
#!/usr/bin/env bash
set -euo pipefail # with curl's --fail: a job whose write is refused has been deposed, and ends here
name=$1
echo "$TREEKEEPER_FENCE" >"$SCENE/$name.fence" # so that the story below can play the late write
for page in {1..1000}; do
  curl --silent --fail --max-time 5 --output "$SCENE/$name.answer" --request PUT \
    "$TREEKEEPER_ENDPOINT/v1/znodes$REPORT" -H "Fence: $TREEKEEPER_FENCE" --data "$name wrote page $page"
  sleep 0.2 # a page takes its time
done
JOB
chmod +x "$scene/make-report"

# With `npm link` done it is just `treekeeper elect …`. exec: the process is elect itself, and kill -9 hits it.
host() {
  export TREEKEEPER_ENDPOINT SCENE=$scene REPORT=$report
  TREEKEEPER_ENDPOINT=$(server)
  exec node "$(dirname "$0")/../src/cli/main.ts" elect "$election" --value "$1" \
    --timeout-ms "$session_timeout_ms" -- "$scene/make-report" "$1" 2>>"$scene/$1.log"
}

# --- the story --------------------------------------------------------------------------------------------------

# elect ends its job before it ends itself; it has no part in what clean_up of lib.sh knows of.
end_hosts() {
  set +e
  trap '' INT TERM HUP
  kill -TERM "${pids[@]}"
  wait "${pids[@]}"
  api DELETE "/v1/znodes/elections/$election?recursive=true"
  clean_up
}
declare -A pids=()
trap 'end_hosts >/dev/null 2>&1' EXIT

# author_besides [NAME]: waits until the report is written by somebody else than NAME, and prints who that is.
author_besides() {
  local attempt text
  for attempt in {1..200}; do
    text=$(api GET "/v1/znodes$report?raw=true") || text=""
    if [[ -n $text && ${text%% *} != "${1-}" ]]; then
      printf '%s' "${text%% *}"
      return
    fi
    sleep 0.1
  done
  fail "nobody writes the report: $(cat "$scene"/*.log)"
}

make_znode /elections
make_znode "$report"

say "Night falls on three hosts, and each starts the job."
for name in anna bruno carla; do
  start host "$name"
  pids[$name]=$!
done

first=$(author_besides)
first_fence=$(<"$scene/$first.fence")
say "$first leads and makes the report, by fence $first_fence; the others wait"

say "The elect of $first is killed with kill -9."
crash "${pids[$first]}"
unset "pids[$first]"
second=$(author_besides "$first")
second_fence=$(<"$scene/$second.fence")
say "$second leads and makes the report, by fence $second_fence"
[[ $(ls "$scene" | grep -c '\.fence$') == 2 ]] || fail "a job ran on a host that did not lead"
((${second_fence##*@} > ${first_fence##*@})) || fail "fences do not rise"

say "A write arrives that $first had sent before it was killed."
refusal=$(curl --silent --request PUT "$(server)/v1/znodes$report" -H "Fence: $first_fence" \
  --data "$first wrote a page too late" --write-out '\n%{http_code}')
say "The server answers ${refusal##*$'\n'} $(member code <<<"$refusal"): $(member detail <<<"$refusal")"
[[ $(member code <<<"$refusal") == fence_stale ]] || fail "the late write was not refused"
[[ $(author_besides) == "$second" ]] || fail "the late write did harm"
say "OK: one report, made by one host after the other, and no page of the one that was deposed"
