#!/usr/bin/env python3
"""A service that can be found while it lives.

    examples/python/register.py ID

It serves on a free port and registers as an instance of the service `hello`. On SIGTERM it is taken from the list before
it stops to serve. When it is killed, it is gone from the list when its session ends. When it was stopped or cut off for
longer than that, it registers again as soon as it can.
"""

import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from treekeeper import Refused, Session, call

SESSION_TIMEOUT = 3.0
RETRY_AFTER = 0.5


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_: object) -> None:
        pass


def main(instance_id: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        # Whatever ends this round, the next begins with a session of its own. The old one ends by itself.
        try:
            stay_registered(instance_id, *server.server_address)
        except (Refused, OSError) as reason:
            print(f"{instance_id}: {reason}", file=sys.stderr, flush=True)
            time.sleep(RETRY_AFTER)


def stay_registered(instance_id: str, address: str, port: int) -> None:
    """Returns never. Raises Refused or OSError when the session has ended, or may have."""
    session = Session(f"hello/{instance_id}", SESSION_TIMEOUT)
    try:
        while not registered(session, instance_id, {"address": address, "port": port}):
            time.sleep(RETRY_AFTER)
            keep(session)
        print(f"{instance_id}: registered at {address}:{port}", flush=True)
        while True:
            time.sleep(session.timeout / 3)
            keep(session)
    except SystemExit:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # With the session goes the instance, now if the server can be reached.
        session.close()
        print(f"{instance_id}: no longer registered", flush=True)
        raise


def registered(session: Session, instance_id: str, instance: dict[str, object]) -> bool:
    """Not while the id is taken: who crashed and is back finds its own there until its old session has ended."""
    try:
        call("PUT", f"/v1/services/hello/instances/{instance_id}", instance, headers=session.headers)
        return True
    except OSError:
        # It may be registered. Saying so again changes nothing then.
        return False
    except Refused as reason:
        if reason.code != "not_holder":
            raise
        return False


def keep(session: Session) -> None:
    """Renews it. A server that is silent is asked again while the session may live."""
    while True:
        try:
            return session.renew()
        except OSError:
            if session.valid_for() < 0:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: register.py ID")
    main(sys.argv[1])
