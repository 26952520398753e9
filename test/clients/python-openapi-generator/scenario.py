"""The scenario of ../steps.ts with the client that OpenAPI Generator makes for Python."""

import os
import sys
import time
from collections.abc import Iterator

import urllib3
from sseclient import SSEClient
from treekeeper_client import (
    ApiClient,
    ApiException,
    CheckOperation,
    ClaimRequest,
    Configuration,
    CreateOperation,
    DeleteOperation,
    InstanceRequest,
    LocksApi,
    Problem,
    ServicesApi,
    SessionRequest,
    SessionsApi,
    SetOperation,
    TransactionOperation,
    TransactionRequest,
    TransactionsApi,
    WatchChange,
    ZnodesApi,
)
from treekeeper_client.exceptions import NotFoundException

endpoint = os.environ["TREEKEEPER_ENDPOINT"]
client = ApiClient(Configuration(host=endpoint))
znodes = ZnodesApi(client)
sessions = SessionsApi(client)
transactions = TransactionsApi(client)
locks = LocksApi(client)
services = ServicesApi(client)


def refused(call, *args, **options) -> Problem:
    try:
        raise AssertionError(f"not refused: {call(*args, **options)}")
    except ApiException as refusal:
        assert isinstance(refusal.data, Problem), refusal
        return refusal.data


def ok(step: str) -> None:
    print("ok", step, flush=True)


def exists(path: str) -> bool:
    try:
        znodes.exists_znode(path)
        return True
    except NotFoundException:
        return False


# --- a session and its znodes

session = sessions.open_session(session_request=SessionRequest(timeout_ms=60_000, name="scenario"))
assert 0 < session.valid_for_ms <= 60_000
ok("session")

folder = "/clients/中文 路径/v1.2/a b"
# This client sends no request of a binary type without a body: an empty one, then.
znodes.create_znode(folder, body=b"", parents=True)
numbered = [
    znodes.create_znode(f"{folder}/n-", body=b"", ephemeral=True, sequential=True, session_token=session.token).path
    for _ in range(2)
]
assert numbered == [f"{folder}/n-0000000000", f"{folder}/n-0000000001"], numbered
assert znodes.get_znode(numbered[1]).stat.ephemeral_owner == session.id
ok("sequence")

# --- data and conditions

every_byte = bytes(range(256))
znodes.create_znode("/clients/binary", body=every_byte)
assert znodes.get_data("/clients/binary") == every_byte
ok("binary")

assert exists("/clients/binary") and not exists("/clients/nothing")
ok("exists")

problem = refused(znodes.set_znode, "/clients/binary", body=b"late", version=7)
assert problem.code == "bad_version", problem
ok("conflict")

operations = [
    CheckOperation(op="check", path="/clients", exists=True),
    CreateOperation(op="create", path="/clients/t", data="made"),
    SetOperation(op="set", path="/clients/nothing", data="lost"),
    DeleteOperation(op="delete", path="/clients/t"),
]
request = TransactionRequest(operations=[TransactionOperation(operation) for operation in operations])
problem = refused(transactions.transact, transaction_request=request)
assert problem.code == "no_node"
assert problem.failed_operation == 2
fates = [result.code for result in problem.results]
assert fates == ["rolled_back", "rolled_back", "no_node", "not_evaluated"], fates
assert not exists("/clients/t")
ok("transaction")

# --- lists and numbers

for number in range(7):
    znodes.create_znode(f"/clients/pages/c{number}", body=b"", parents=True)


def pages(path: str, limit: int) -> Iterator[list[str]]:
    page = znodes.list_children(path, limit=limit)
    yield page.children
    while page.next:
        page = znodes.list_children(path, limit=limit, after=page.next)
        yield page.children


assert list(pages("/clients/pages", 3)) == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]
ok("paging")

made_ms = znodes.get_znode("/clients").stat.ctime_ms
assert abs(made_ms - time.time() * 1000) < 60_000, made_ms
ok("int64")

# --- locks and services

rival = sessions.open_session(session_request=SessionRequest(timeout_ms=60_000))
held = locks.claim_lock("scenario", session.token)
assert held.state == "held" and held.fence > 0
waiting = locks.claim_lock("scenario", rival.token, claim_request=ClaimRequest(wait_ms=100))
assert waiting.state == "waiting" and waiting.position == 1, waiting
locks.release_claim("scenario", held.id, session_token=session.token)
assert locks.get_claim("scenario", waiting.id, wait_ms=5_000, session_token=rival.token).state == "held"
ok("lock")

for name, tags in (("one", ["blue", "small"]), ("two", ["green"])):
    instance = InstanceRequest(address="10.0.0.1", port=8080, tags=tags)
    services.register_instance("echo", name, session.token, instance)
assert [instance.id for instance in services.get_service("echo", tag=["blue"]).instances] == ["one"]
ok("service")

# --- a watch, over a server that is killed

http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60), retries=False)


def changes(path: str) -> Iterator[WatchChange | None]:
    """None when it is watched, then every change, once: after a broken stream it goes on behind the last event."""
    headers = {"Accept": "text/event-stream"}
    while True:
        try:
            answer = http.request(
                "GET", f"{endpoint}/v1/watch", fields={"path": path}, headers=headers, preload_content=False
            )
            assert answer.status == 200, answer.data
            for event in SSEClient(answer).events():
                if event.id:
                    headers["Last-Event-ID"] = event.id
                if event.event == "synced":
                    yield None
                if event.event == "change":
                    yield WatchChange.from_json(event.data)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)


znodes.create_znode("/clients/watched", body=b"0")
stream = changes("/clients/watched")
assert next(stream) is None


def told(count: int) -> list[str]:
    """In transactions of one change each."""
    return [event.data for _ in range(count) for event in next(stream).events]


for values in (["1", "2", "3"], ["4", "5", "6"]):
    for value in values:
        znodes.set_znode("/clients/watched", body=value.encode())
    assert told(3) == values
    if values[0] == "1":
        print("kill me", flush=True)
        assert sys.stdin.readline() == "killed and back\n"
ok("watch")

# --- the end of a session

sessions.close_session(session.id, session.token)
assert not any(exists(path) for path in numbered)
ok("close")
