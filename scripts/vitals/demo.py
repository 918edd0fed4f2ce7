"""Talking to the running demo: what can be broken, breaking it, and healing it."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from vitals.errors import VitalsError

ANSWER_SECONDS = 5


def catalogue(url: str) -> list[dict[str, Any]]:
    """Every fault: ``name``, ``text`` and the ``jobs`` it applies to. ``url`` is the demo's, as in every function."""
    return list(_ask(url, "GET")["faults"])


def active(url: str) -> list[dict[str, Any]]:
    """The faults at work: ``fault``, ``job`` and ``seconds_left``."""
    return list(_ask(url, "GET")["active"])


def inject(url: str, fault: str, job: str, minutes: float) -> dict[str, Any]:
    """Break ``job`` for so many minutes (above 0, at most 240); returns the fault as ``active`` shows it."""
    return _ask(url, "POST", {"fault": fault, "job": job, "minutes": minutes})


def heal(url: str, job: str | None = None, fault: str | None = None) -> int:
    """End the faults of this job and this name (None: any); returns how many were at work."""
    query = urlencode({name: value for name, value in (("job", job), ("fault", fault)) if value})
    return int(_ask(url, "DELETE", query=query)["healed"])


def _ask(url: str, method: str, body: dict[str, Any] | None = None, query: str = "") -> dict[str, Any]:
    address = f"{url.rstrip('/')}/faults" + (f"?{query}" if query else "")
    try:
        request = Request(address, None if body is None else json.dumps(body).encode(), method=method,
                          headers={"Content-Type": "application/json"})
        with urlopen(request, timeout=ANSWER_SECONDS) as response:
            answer = json.load(response)
    except HTTPError as error:
        raise VitalsError(f"the demo refuses: {_reason(error)}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, HTTPException):
        raise VitalsError(f"{url} does not answer like the demo") from None
    except (OSError, ValueError) as error:  # a ValueError is an address that is none
        raise VitalsError(f"the demo does not answer at {url}: {getattr(error, 'reason', error)}") from None
    if not isinstance(answer, dict):
        raise VitalsError(f"{url} does not answer like the demo")
    return answer


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
