#!/usr/bin/env bash
# A nightly report on three hosts: each runs the same job under `treekeeper elect`, and at any time one of them works.
#
# On a real host this is one line, started at boot or by a unit file:
#
#   treekeeper elect nightly-report -- nightly-report.sh make-report
#
# The job knows nothing of elections. It writes the report section by section, and leaves out what is there already: so
# another host can go on where this one stopped. Each write carries the fence it was given, "only while I lead".
#
#   A host dies (here: kill -9). Its session ends, and the next in line goes on with the report.
#
#   A host hangs (here: the supervisor is stopped). Its job is ended before the next one begins. And had it sent a write
#   that arrives late, that would be refused.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)

# So many that one who hangs cannot write them all before its session ends.
sections=$(seq 24)

# --- the job -------------------------------------------------------------------------------------------------

make_report() {
  local host=$1 report=$2 section
  for section in $sections; do
    local section_url="$TREEKEEPER_ENDPOINT/v1/znodes$report/section-$section"
    curl --silent --fail --max-time 5 --output /dev/null "$section_url" && continue
    sleep 0.5 # hard work
    # Refused is refused, be it that somebody was faster or that we lead no longer: this job is over.
    curl --silent --fail --max-time 5 --output /dev/null --request POST "$section_url" \
      -H "Fence: $TREEKEEPER_FENCE" --data "by $host" || return 1
    echo "$section $host $TREEKEEPER_FENCE"
  done
  echo "done $host $TREEKEEPER_FENCE"
  sleep infinity # until tomorrow night
}
if [[ ${1-} == make-report ]]; then
  make_report "$2" "$3"
  exit
fi

# --- three hosts, and what happens to them -------------------------------------------------------------------

source "$here/lib.sh"

election="nightly-report-$$"
report="/nightly-report-$$"
make_znode /elections
make_znode "/elections/$election"
make_znode "$report"
for section in $sections; do made=("$report/section-$section" "${made[@]}"); done

export TREEKEEPER_ENDPOINT
TREEKEEPER_ENDPOINT=$(server)
treekeeper=("$here/../node_modules/.bin/node" "$here/../src/cli/main.ts")

host() {
  exec "${treekeeper[@]}" elect "$election" --timeout-ms 5000 --value "$1" -- \
    "$here/nightly-report.sh" make-report "$1" "$report" >>"$scene/written"
}
say_goodbye() {
  local host candidate
  for host in "${host_of[@]}"; do kill -CONT "$host" && kill -TERM "$host" && wait "$host"; done
  # Who was killed stands until its session ends. We do not wait for that.
  for candidate in $(candidates); do
    api DELETE "/v1/elections/$election/candidates/$candidate?force=true"
  done
}
candidates() { api GET "/v1/children/elections/$election" | grep -o 'c-[0-9]*'; }

declare -A host_of
for name in anna bert cleo; do
  start host "$name"
  host_of[$name]=$!
  # In this order, so that we know who leads when.
  until (($(candidates | wc -l) == ${#host_of[@]})); do
    kill -0 "${host_of[$name]}" 2>/dev/null || fail "$name does not stand for election"
    sleep 0.1
  done
done

# written_by NAME: how many sections the host has written so far.
written_by() { grep -c "^[0-9]* $1 " "$scene/written" 2>/dev/null || true; }
until_written_by() {
  local deadline_ms=$(($(now_ms) + 30000))
  until (($(written_by "$1") >= $2)); do
    (($(now_ms) < deadline_ms)) || fail "$1 did not write $2 sections"
    sleep 0.05
  done
}

until_written_by anna 2
say "anna writes the report; bert and cleo stand by"
crash "${host_of[anna]}"
say "anna's host is gone"

until_written_by bert 2
say "bert goes on where anna stopped"
late_fence=$(awk '$2 == "bert" { print $3; exit }' "$scene/written")
kill -STOP "${host_of[bert]}"
say "bert's host hangs, and its job is ended although nobody there can tell it to"

until_written_by cleo 1
say "cleo goes on"
status=$(curl --silent --output "$scene/refusal" --write-out '%{http_code}' --request POST \
  "$(server)/v1/znodes$report/late" -H "Fence: $late_fence" --data 'by bert, who led')
[[ $status == 409 ]] || fail "the late write was answered $status"
say "a write of bert's that comes late: $status $(member code <"$scene/refusal")"

deadline_ms=$(($(now_ms) + 30000))
until grep -q '^done cleo' "$scene/written"; do
  (($(now_ms) < deadline_ms)) || fail "the report was not finished"
  sleep 0.05
done

# --- what came of it -----------------------------------------------------------------------------------------

# What counts is the report itself: a job may be ended after a write and before it says so.
authors=""
for section in $sections; do
  text=$(api GET "/v1/znodes$report/section-$section?raw=true") || fail "section $section is missing"
  authors+="${text#by }"$'\n'
done
hosts=$(printf '%s' "$authors" | uniq | tr '\n' ' ')
[[ $hosts == "anna bert cleo " ]] || fail "it was written by $hosts"
say "OK: twenty-four sections, each written once, by anna, then bert, then cleo"
