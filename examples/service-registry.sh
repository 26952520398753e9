#!/usr/bin/env bash
# A service registry: providers register themselves, a consumer always knows who is there.
#
# A provider registers by creating an ephemeral znode under /services/…: it is there for as long as the
# provider's session lives. A provider that crashes stops renewing its session, and the server removes the
# entry. The consumer reads the list once and is then told what changes; after a break it goes on where it
# stopped, so that it neither misses a change nor sees one twice.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

service="/services/demo-$$"

# --- the provider -------------------------------------------------------------------------------------------

provider() {
  local name=$1 address=$2
  open_session "$name"
  # The entry holds what a consumer needs to know, here an address. Its owner is the session with this token.
  api POST "/v1/znodes$service/$name?ephemeral=true" -H "Session-Token: $session_token" --data "$address" \
    >/dev/null || fail "$name could not register"
  say "provider: $name serves at $address, and stays registered while its session lives"
  keep_alive
}

# --- the consumer -------------------------------------------------------------------------------------------

declare -A addresses=() # what the consumer knows: the address of each provider
last_event_id=""        # how far it has read; this is all it needs to resume
changes_seen=0

# follow_until LIST: reads the stream until exactly the named providers are known, then hangs up.
follow_until() {
  local expected=$1 line id="" event="" data="" resume=()
  # The first time: initial=true, the list as it is and then every change to it. From then on: what came after
  # the last event. An EventSource sends this header by itself.
  if [[ -n $last_event_id ]]; then resume=(-H "Last-Event-ID: $last_event_id"); fi
  exec 3< <(api GET "/v1/watch?path=$service&scope=children&initial=true" --no-buffer --max-time 12 \
    -H "Accept: text/event-stream" "${resume[@]}")
  while read -r line <&3; do
    case $line in
      "id: "*) id=${line#id: } ;;
      "event: "*) event=${line#event: } ;;
      "data: "*) data=${line#data: } ;;
      "") # A blank line ends a message. Only now does it count: a connection may break in the middle of one.
        handle "$event" "$data"
        last_event_id=${id:-$last_event_id}
        event=""
        # Without an id so far the snapshot is not complete, and there is nowhere to resume from.
        if [[ -n $last_event_id && $(known) == "$expected" ]]; then
          exec 3<&- # Hang up. The server notices and forgets the stream; nothing has to be cancelled.
          return
        fi
        ;;
    esac
  done
  fail "the consumer knows \"$(known)\" and not \"$expected\""
}

known() {
  local name names=()
  for name in "${!addresses[@]}"; do names+=("$name"); done
  printf '%s\n' "${names[@]}" | sort | paste -sd ' '
}

# handle EVENT DATA: a snapshot says who is there, a change says who came or went.
handle() {
  local cause type path address
  case $1 in
    reset) addresses=() ;; # We were away for too long to be told every change: a new snapshot follows.
    snapshot) while read -r path address; do learn created "$path" "$address"; done < <(znodes_in "$2") ;;
    change)
      cause=$(member cause <<<"$2")
      while read -r type path address; do
        changes_seen=$((changes_seen + 1))
        learn "$type" "$path" "$address"
        say "consumer: ${path##*/} is $type ($cause); now there is: $(known)"
      done < <(changes_in "$2")
      ;;
  esac
}

# Enough JSON for this list, whose names and addresses have no quotes, commas or spaces in them:
# "PATH DATA" for each znode of a snapshot, "TYPE PATH DATA" for each event of a change.
znodes_in() { grep -o '"path":"[^"]*","data":"[^"]*"' <<<"$1" | tr -d '"' | sed 's/path:\(.*\),data:/\1 /'; }
changes_in() {
  grep -o '"type":"[a-z]*","path":"[^"]*"\(,"data":"[^"]*"\)\{0,1\}' <<<"$1" | tr -d '"' |
    sed 's/type:\([a-z]*\),path:\([^,]*\)\(,data:\)\{0,1\}/\1 \2 /'
}

learn() {
  local type=$1 path=$2 address=$3
  [[ $path != "$service" ]] || return 0 # the list itself, not an entry
  if [[ $type == deleted ]]; then unset "addresses[${path##*/}]"; else addresses[${path##*/}]=$address; fi
}

# --- the story ----------------------------------------------------------------------------------------------

# Waits until a znode was created after a zxid; it may be there already.
wait_until_created() {
  api GET "/v1/watch?path=$1&types=created&once=true&sinceZxid=$2" --max-time 10 >/dev/null ||
    fail "$1 was not created"
}

make_znode /services
make_znode "$service"
zxid=$(last_zxid "$service")

start provider alpha 10.0.0.1:8080
alpha=$!
wait_until_created "$service/alpha" "$zxid"
follow_until "alpha"
say "consumer: the list has alpha at ${addresses[alpha]}; the connection breaks after event $last_event_id"

start provider beta 10.0.0.2:8080
wait_until_created "$service/beta" "${last_event_id%%.*}" # the zxid in it, without its epoch
say "consumer: comes back and asks for what happened after event $last_event_id"
follow_until "alpha beta"

say "alpha is killed with kill -9: it has no chance to say goodbye"
killed_ms=$(now_ms)
crash "$alpha"
follow_until "beta"
gone_after_ms=$(($(now_ms) - killed_ms))
say "alpha was off the list $gone_after_ms ms after it died; its session allows $session_timeout_ms ms"

# Alpha was in the snapshot; that beta came and alpha went are the changes, each told once.
[[ $changes_seen == 2 ]] || fail "the consumer was told $changes_seen changes, not 2"
((gone_after_ms < session_timeout_ms + 2000)) || fail "alpha was on the list for too long"
say "OK: nobody was missed, nothing was told twice, and the dead one is gone"
