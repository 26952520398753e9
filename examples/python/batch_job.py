#!/usr/bin/env python3
"""A batch job that several hosts start and one at a time does.

    examples/python/batch_job.py NAME

Who is elected goes on where /batch-progress says, and adds 1 to it again and again. Two measures keep two jobs from working
at the same time when one was stopped or cut off and does not know that another was elected:

1. It ends in time. A session is valid for so long, counted from when its renewal was *sent*. At the end of that time the
   kernel ends the process, whatever it is doing.
2. What it had sent before and what arrives late is refused. Each write carries a fence, which the server checks in the
   transaction that writes.

It ends with 75 when somebody else is to go on, and by SIGALRM when its time is up. Let what started it start it again.
"""

import os
import signal
import sys
import threading
import time

from treekeeper import Refused, Session, call

SESSION_TIMEOUT = 3.0
# What it does in the outside world between looking at the clock and being done has to fit in here.
MARGIN = 0.5
WAIT_MS = 30_000
PROGRESS = "/v1/znodes/batch-progress"
DEPOSED = 75


def main(name: str) -> None:
    session = Session(name, SESSION_TIMEOUT)
    end_in_time(session)
    threading.Thread(target=keep, args=(session, name), daemon=True).start()
    try:
        fence = be_elected(session, name)
        print(f"{name}: elected, with the fence {fence}", flush=True)
        work(name, fence)
    except Refused as reason:
        deposed(name, reason)


def be_elected(session: Session, name: str) -> str:
    """Waits until it leads. The header `Fence` for what it writes then."""
    while True:
        try:
            # Asking again does not stand again: it is the same candidate while the session lives.
            candidate = call(
                "POST",
                "/v1/elections/batch/candidates",
                {"value": name, "waitMs": WAIT_MS},
                headers=session.headers,
                within=WAIT_MS / 1000 + 5,
            )
            if candidate["state"] == "leading":
                return candidate["fenceHeader"]
        except OSError:
            time.sleep(0.1)


def work(name: str, fence: str) -> None:
    """Returns never. Raises Refused when it is somebody else's work now."""
    done = progress()
    while True:
        time.sleep(0.1)
        try:
            # The same again where no answer came: it does not matter whether it was done before.
            call("PUT", f"{PROGRESS}?upsert=true", f"{done + 1} by {name}".encode(), headers={"Fence": fence})
            done += 1
        except OSError:
            pass


def progress() -> int:
    while True:
        try:
            return int(call("GET", PROGRESS)["data"].split()[0])
        except Refused as reason:
            if reason.code != "no_node":
                raise
            return 0
        except OSError:
            time.sleep(0.1)


def keep(session: Session, name: str) -> None:
    """Renews the session, beside the work. No answer is no reason to end before the time is up."""
    while True:
        try:
            session.renew()
            end_in_time(session)
            time.sleep(session.timeout / 6)
        except Refused as reason:
            deposed(name, reason)
        except OSError:
            time.sleep(0.1)


def end_in_time(session: Session) -> None:
    left = session.valid_for() - MARGIN
    # A timer of 0 is none.
    if left <= 0:
        os.kill(os.getpid(), signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, left)


def deposed(name: str, reason: Refused) -> None:
    print(f"{name}: ends: {reason}", file=sys.stderr, flush=True)
    # All of the process, from whatever thread.
    os._exit(DEPOSED)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: batch_job.py NAME")
    main(sys.argv[1])
