"""What the examples share: a request to treekeeper, and a session. Only the standard library is used.

Times are on the monotonic clock, which nobody can set. It may stand still while the machine is suspended: fences are for
that.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

ENDPOINT = os.environ.get("TREEKEEPER_ENDPOINT", "http://127.0.0.1:2281")
ANSWER_WITHIN = 5.0
# Too much to do, starting, stopping: ask again.
LATER = (429, 503)


class Refused(Exception):
    """The server says no, and in `code` why: nothing has happened."""

    def __init__(self, problem: dict[str, Any]):
        super().__init__(problem["detail"])
        self.code = problem["code"]


def call(
    method: str,
    target: str,
    body: Any = None,
    *,
    headers: dict[str, str] | None = None,
    within: float = ANSWER_WITHIN,
) -> Any:
    """One request; what is answered as JSON.

    Raises Refused, or OSError when it is to be asked again: there was no answer, and whether it was done is not known, or
    the server asks for time.
    """
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(ENDPOINT + target, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=within) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        problem = json.loads(error.read())
        if error.code in LATER:
            raise OSError(problem["detail"]) from None
        raise Refused(problem) from None
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no whole answer: {error!r}") from error


class Session:
    """A session that was just opened. It lives as long as it is renewed, and what belongs to it lives no longer."""

    def __init__(self, name: str, timeout: float):
        sent = time.monotonic()
        answer = call("POST", "/v1/sessions", {"name": name, "timeoutMs": round(timeout * 1000)})
        self.headers = {"Session-Token": answer["token"]}
        self.timeout = answer["timeoutMs"] / 1000
        self._target = f"/v1/sessions/{answer['id']}"
        self._valid_until = sent + answer["validForMs"] / 1000

    def renew(self) -> None:
        """Raises Refused with the code `session_expired` when it has ended, OSError when nobody answers."""
        sent = time.monotonic()
        answer = call("PUT", self._target, headers=self.headers, within=max(0.1, self.valid_for()))
        # Counted from the sending: the server may have begun to count then, and the answer may have come late.
        self._valid_until = sent + answer["validForMs"] / 1000

    def valid_for(self) -> float:
        """For so many seconds it certainly lives."""
        return self._valid_until - time.monotonic()

    def close(self) -> None:
        call("DELETE", self._target, headers=self.headers)
