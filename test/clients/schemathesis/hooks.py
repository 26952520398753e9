"""What Schemathesis cannot read in the document of this service: what waits, what stands only together with something else,
and whose session a request acts for.

Only requests that are valid are changed, and into others that are valid: what must be refused is sent as it was made.
"""

import json
import re
import threading
import urllib.request
from base64 import b64encode
from zlib import crc32

import schemathesis
from hypothesis.strategies._internal import regex as regexes
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.transport.serialization import Binary

WAIT_MS = 20
WAIT_MS_MAX = 60_000


class Session:
    """The session that requests act for; another one when it has ended."""

    def __init__(self):
        self._lock = threading.Lock()
        self._session = None

    def get(self, base_url):
        with self._lock:
            if self._session is None:
                url = base_url.rstrip("/") + "/v1/sessions"
                request = urllib.request.Request(url, data=b'{"timeoutMs": 3600000}', method="POST")
                with urllib.request.urlopen(request, timeout=10) as answer:
                    self._session = json.load(answer)
            return self._session

    def forget(self):
        with self._lock:
            self._session = None


session = Session()
newest_zxid = 0


def remember_classes():
    """Hypothesis lists the characters of a class wherever it meets it. That of a znode's path is in every pattern many times
    and has most characters there are: without this, little else would be done."""
    make, known = regexes._strategy, {}

    def remembered(codes, context, is_unicode, *, alphabet):
        if not isinstance(codes, tuple) or str(codes[0]) != "IN":
            return make(codes, context, is_unicode, alphabet=alphabet)
        key = (repr(codes), context.flags, repr(alphabet))
        if key not in known:
            known[key] = make(codes, context, is_unicode, alphabet=alphabet)
        return known[key]

    regexes._strategy = remembered


remember_classes()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document is OpenAPI 3.1, in which only an extension can say what the events of a stream are: `x-events`.
    Schemathesis reads it in the words of 3.2."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                for media in response.get("content", {}).values():
                    if "x-events" in media:
                        del media["schema"]
                        media["itemSchema"] = {"oneOf": [event_schema(*event) for event in media["x-events"].items()]}


def event_schema(name, data):
    content = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"event": {"const": name}, "data": content},
    }


@schemathesis.hook
def before_call(context, case, kwargs):
    bound_waits(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    drop_what_is_no_header(case)
    drop_names_of_prototypes(case.body)
    make_fence_readable(case)
    make_consistent(case)
    # What a condition or a session that was made up leads to is looked at, too, but not always.
    if chance(case) > 0:
        drop_conditions(case)
        act_for_session(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """What is wrong about this service. A header that nobody knows is ignored, as everywhere in HTTP: it makes no request
    invalid. A body that says null is none, as clients that OpenAPI Generator makes say it. An operation of a batch is refused
    by its own status, beside others that may be done. What entries of access control lists say to each other no schema says, nor that only a sequential znode may be asked for by
    a path that ends with a slash."""
    code = response.json().get("code") if response.status_code == 400 else None
    is_sequential = str(members_of(case.query).get("sequential")).lower() == "true"
    if code == "bad_acl" or (code == "bad_path" and operation_id(case) == "createZnode" and not is_sequential):
        return False
    is_null = case.body is None and isinstance(failure, AcceptedNegativeData)
    if is_null or "in header - object with unexpected properties" in failure.message:
        return False
    is_batch = operation_id(case) == "runBatch" and response.status_code == 200
    return not (is_batch and isinstance(failure, AcceptedNegativeData) and has_refusal(response.json()))


def has_refusal(batch):
    return any(result["status"] >= 400 for result in batch["results"])


@schemathesis.hook
def after_call(context, case, response):
    global newest_zxid
    for zxid in response.headers.get("zxid", []):
        newest_zxid = max(newest_zxid, int(zxid))
    if response.status_code == 410 or (operation_id(case) == "closeSession" and response.status_code == 204):
        session.forget()


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def members_of(container):
    return container if isinstance(container, dict) else {}


def whole(value):
    """The number that a value is, or is the text of; None when it is none."""
    if type(value) in (int, float) and value == int(value):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,16}", value) else None


def bound_waits(case):
    for members in (members_of(case.query), members_of(case.body)):
        wait_ms = whole(members.get("waitMs"))
        if wait_ms is not None and WAIT_MS < wait_ms <= WAIT_MS_MAX:
            members["waitMs"] = type(members["waitMs"])(WAIT_MS)
    if "waitMs" not in members_of(case.query) and whole(members_of(case.query).get("waitAfterZxid")) is not None:
        case.query["waitMs"] = WAIT_MS
    zxid = whole((case.headers or {}).get("Min-Zxid"))
    if zxid is not None and newest_zxid < zxid < 2**53:
        case.headers["Min-Zxid"] = str(newest_zxid)


def make_fence_readable(case):
    """In a fence is a path, percent-encoded: a pattern can hardly say so."""
    if case.headers and "Fence" in case.headers:
        case.headers["Fence"] = "/master@1042"


def drop_what_is_no_header(case):
    """In its coverage phase Schemathesis writes no text with signs in it, and puts 0 for a header that has to have some."""
    for parameter in case.operation.headers:
        pattern = parameter.definition.get("schema", {}).get("pattern")
        value = (case.headers or {}).get(parameter.name)
        if pattern is not None and value is not None and not parameter.is_required and not re.search(pattern, str(value)):
            del case.headers[parameter.name]


def drop_names_of_prototypes(value):
    """In JSON of any kind, however deep: a schema could say so only if it said all that may stand there."""
    if isinstance(value, dict):
        for name in ("__proto__", "constructor"):
            value.pop(name, None)
        value = list(value.values())
    for member in value if isinstance(value, list) else []:
        drop_names_of_prototypes(member)


def make_consistent(case):
    """JSON Schema could say what may not stand together in a body; of parameters OpenAPI can only say it in words."""
    query = members_of(case.query)
    if "stale" in query:
        # What may be old, or what must be new.
        query.pop("consistency", None)
    match operation_id(case):
        case "createZnode":
            keep_one_kind(query)
            case.path_parameters["path"] = made_path(case.path_parameters["path"], query)
            if query.get("ephemeral") in (True, "true"):
                give_session(case)
        case "registerInstance" if "replace" in query:
            query.pop("force", None)
        case "getZnode" | "getData" | "listChildren" if "waitMs" in query:
            query.setdefault("waitAfterZxid", 0)
        case "setZnode" if case.headers and case.headers.get("If-None-Match") == "*":
            case.headers.pop("If-Match", None)
            query.pop("version", None)
        case "importTree" | "importTreeWithProgress" if isinstance(case.body, Binary):
            line = {"path": "/imported", "dataBase64": b64encode(case.body.data).decode()}
            case.body = json.dumps(line).encode()
        case "addToCounter" if whole(members_of(case.body).get("by")) is not None:
            # It has to stay within 2^53.
            case.body["by"] = whole(case.body["by"]) % 1000
        case "passBarrier":
            # Who leaves need not say it, and the highest is a setting.
            case.body["count"] = 2
        case "getTree" | "exportTree":
            # It is a path in the subtree.
            query.pop("after", None)
        case "releaseClaim" | "resignCandidacy" | "deregisterInstance" if query.get("force") not in (True, "true"):
            # It acts for a session, unless it is an operator's.
            give_session(case)
        case "claimLock" if members_of(case.body).get("mode") == "shared":
            # A lock has permits or shared claims, never both.
            case.body.pop("permits", None)
            case.path_parameters["name"] = "shared"
        case "transact" | "runBatch":
            for operation in members_of(case.body).get("operations", []):
                keep_one_kind(operation)
                if operation.get("ephemeral") is True:
                    give_session(case)
                if operation["op"] == "create":
                    operation["path"] = made_path(operation["path"], operation)
                if operation.get("exists") is False:
                    operation.pop("version", None)
                    operation.pop("czxid", None)


def give_session(case):
    case.headers.setdefault("Session-Token", session.get(case.operation.base_url)["token"])


def made_path(path, znode):
    """Only what a number is added to may end with a slash."""
    return path if znode.get("sequential") in (True, "true") else path.rstrip("/") or "/"


def keep_one_kind(znode):
    """A container is nothing else, and what is ephemeral has no ttl; data is text or base64."""
    if znode.get("container") in (True, "true"):
        others = ("ephemeral", "sequential", "ttlMs")
    elif znode.get("ephemeral") in (True, "true"):
        others = ("ttlMs",)
    else:
        others = ()
    for name in (*others, *(["data"] if "dataBase64" in znode else [])):
        znode.pop(name, None)


def chance(case):
    """0 to 3, the same for the same request."""
    made_of = (case.operation.label, case.path_parameters, case.query, dict(case.headers or {}))
    return crc32(repr(made_of).encode("utf-8", "surrogatepass")) % 4


def drop_conditions(case):
    """None that was made up ever holds, and a key that is made up again is refused for the request it was used for."""
    headers = ("Fence", "If-Match", "Idempotency-Key")
    for members, names in ((case.headers, headers), (members_of(case.query), ("version",))):
        for name in names:
            if members and name in members:
                del members[name]


def act_for_session(case):
    if not any(each.name == "Session-Token" for each in case.operation.headers):
        return
    own = session.get(case.operation.base_url)
    case.headers["Session-Token"] = own["token"]
    if case.path.startswith("/v1/sessions/{id}"):
        case.path_parameters["id"] = own["id"]
