"""The scenario of ../steps.ts with the client that openapi-python-client makes."""

import os
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from typing import TypeVar

import httpx
from httpx_sse import connect_sse
from treekeeper_client import Client
from treekeeper_client.api.locks import claim_lock, get_claim, release_claim
from treekeeper_client.api.services import get_service, register_instance
from treekeeper_client.api.sessions import close_session, open_session
from treekeeper_client.api.transactions import transact
from treekeeper_client.api.znodes import create_znode, exists_znode, get_data, get_znode, list_children, set_znode
from treekeeper_client.models import (
    CheckOperation,
    CheckOperationOp,
    ClaimRequest,
    CreateOperation,
    CreateOperationOp,
    DeleteOperation,
    DeleteOperationOp,
    InstanceRequest,
    Problem,
    SessionRequest,
    SetOperation,
    SetOperationOp,
    TransactionRequest,
    WatchChange,
)
from treekeeper_client.types import File

endpoint = os.environ["TREEKEEPER_ENDPOINT"]
client = Client(base_url=endpoint, raise_on_unexpected_status=True)

T = TypeVar("T")


def good(answer: T | Problem | None) -> T:
    """The answer of a call that is to succeed."""
    if answer is None or isinstance(answer, Problem):
        raise AssertionError(f"refused: {answer}")
    return answer


def refused(answer: object) -> Problem:
    assert isinstance(answer, Problem), f"not refused: {answer}"
    return answer


def ok(step: str) -> None:
    print("ok", step, flush=True)


def data(content: bytes) -> File:
    return File(payload=BytesIO(content))


def create(path: str, content: bytes = b"", **options):
    return good(create_znode.sync(path, client=client, body=data(content), **options))


# --- a session and its znodes

session = good(open_session.sync(client=client, body=SessionRequest(timeout_ms=60_000, name="scenario")))
assert 0 < session.valid_for_ms <= 60_000
ok("session")

folder = "/clients/中文 路径/v1.2/a b"
create(folder, parents=True)
numbered = [create(f"{folder}/n-", ephemeral=True, sequential=True, session_token=session.token).path for _ in range(2)]
assert numbered == [f"{folder}/n-0000000000", f"{folder}/n-0000000001"], numbered
assert good(get_znode.sync(numbered[1], client=client)).stat.ephemeral_owner == session.id
ok("sequence")

# --- data and conditions

every_byte = bytes(range(256))
create("/clients/binary", every_byte)
assert good(get_data.sync("/clients/binary", client=client)).payload.read() == every_byte
ok("binary")


def exists(path: str) -> bool:
    status = exists_znode.sync_detailed(path, client=client).status_code
    assert status in (200, 404), status
    return status == 200


assert exists("/clients/binary") and not exists("/clients/nothing")
ok("exists")

problem = refused(set_znode.sync("/clients/binary", client=client, body=data(b"late"), version=7))
assert problem.code == "bad_version", problem
ok("conflict")

operations = [
    CheckOperation(op=CheckOperationOp.CHECK, path="/clients", exists=True),
    CreateOperation(op=CreateOperationOp.CREATE, path="/clients/t", data="made"),
    SetOperation(op=SetOperationOp.SET, path="/clients/nothing", data="lost"),
    DeleteOperation(op=DeleteOperationOp.DELETE, path="/clients/t"),
]
problem = refused(transact.sync(client=client, body=TransactionRequest(operations=operations)))
assert problem.code == "no_node"
assert problem.failed_operation == 2
fates = [result.code for result in problem.results]
assert fates == ["rolled_back", "rolled_back", "no_node", "not_evaluated"], fates
assert not exists("/clients/t")
ok("transaction")

# --- lists and numbers

for number in range(7):
    create(f"/clients/pages/c{number}", parents=True)


def pages(path: str, limit: int) -> Iterator[list[str]]:
    page = good(list_children.sync(path, client=client, limit=limit))
    yield page.children
    while page.next_:
        page = good(list_children.sync(path, client=client, limit=limit, after=page.next_))
        yield page.children


assert list(pages("/clients/pages", 3)) == [["c0", "c1", "c2"], ["c3", "c4", "c5"], ["c6"]]
ok("paging")

made_ms = good(get_znode.sync("/clients", client=client)).stat.ctime_ms
assert abs(made_ms - time.time() * 1000) < 60_000, made_ms
ok("int64")

# --- locks and services

rival = good(open_session.sync(client=client, body=SessionRequest(timeout_ms=60_000)))
held = good(claim_lock.sync("scenario", client=client, body=ClaimRequest(), session_token=session.token))
assert held.state == "held" and held.fence > 0
waiting = good(claim_lock.sync("scenario", client=client, body=ClaimRequest(wait_ms=100), session_token=rival.token))
assert waiting.state == "waiting" and waiting.position == 1, waiting
answer = release_claim.sync_detailed("scenario", held.id, client=client, session_token=session.token)
assert answer.status_code == 204, answer
claim = good(get_claim.sync("scenario", waiting.id, client=client, wait_ms=5_000, session_token=rival.token))
assert claim.state == "held"
ok("lock")

for name, tags in (("one", ["blue", "small"]), ("two", ["green"])):
    instance = InstanceRequest(address="10.0.0.1", port=8080, tags=tags)
    good(register_instance.sync("echo", name, client=client, body=instance, session_token=session.token))
blue = good(get_service.sync("echo", client=client, tag=["blue"]))
assert [instance.id for instance in blue.instances] == ["one"]
ok("service")

# --- a watch, over a server that is killed


def changes(path: str) -> Iterator[WatchChange | None]:
    """None when it is watched, then every change, once: after a broken stream it goes on behind the last event."""
    headers = {}
    patient = httpx.Timeout(5, read=60)
    while True:
        try:
            with httpx.Client(base_url=endpoint, timeout=patient) as http:
                with connect_sse(http, "GET", "/v1/watch", params={"path": path}, headers=dict(headers)) as source:
                    for event in source.iter_sse():
                        if event.id:
                            headers["Last-Event-ID"] = event.id
                        if event.event == "synced":
                            yield None
                        if event.event == "change":
                            yield WatchChange.from_dict(event.json())
        except httpx.TransportError:
            time.sleep(0.1)


create("/clients/watched", b"0")
stream = changes("/clients/watched")
assert next(stream) is None


def told(count: int) -> list[str]:
    """In transactions of one change each."""
    return [event.data for _ in range(count) for event in next(stream).events]


for values in (["1", "2", "3"], ["4", "5", "6"]):
    for value in values:
        good(set_znode.sync("/clients/watched", client=client, body=data(value.encode())))
    assert told(3) == values
    if values[0] == "1":
        print("kill me", flush=True)
        assert sys.stdin.readline() == "killed and back\n"
ok("watch")

# --- the end of a session

answer = close_session.sync_detailed(session.id, client=client, session_token=session.token)
assert answer.status_code == 204, answer
assert not any(exists(path) for path in numbered)
ok("close")
