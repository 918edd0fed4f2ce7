"""Addresses in annotations, asked whether anybody is there: only with --online."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from vitals.lint.checks.base import Context, Said, Source, Text, check

SECONDS = 8
AT_A_TIME = 8
_ADDRESS = re.compile(r"https?://[^\s{}$\"'<>]+\Z")
_GONE = (404, 410)


@check(
    "dead-link", "warning", "files",
    "A runbook or dashboard address that answers nothing",
    why="Whoever is woken up follows the link first. Asked only with --online; addresses with templates are not.",
    bad="""\
- alert: Down
  expr: up == 0
  annotations: {runbook_url: "http://127.0.0.1:9/nobody-listens-here"}
""",
    good="""\
- alert: Down
  expr: up == 0
  annotations: {runbook_url: "https://runbooks.example.org/{{ $labels.job }}"}
""")
def dead_link(sources: list[Source], context: Context) -> Iterator[Said]:
    if not context.options.online:
        return
    found: dict[str, list[tuple[str, Text]]] = {}
    for rule in context.rules():
        for key, text in rule.annotations.items():
            if key.endswith(("_url", "runbook", "dashboard")) and _ADDRESS.match(text.value):
                found.setdefault(text.value.partition("#")[0], []).append((f"alert {rule.name.value}", text))
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        for (_, places), problem in zip(found.items(), pool.map(_problem, found), strict=True):
            if problem:
                for subject, text in places:
                    yield Said(problem, "correct the address, or write the page", text=text, subject=subject)


def _problem(address: str) -> str:
    """What is wrong with an address; empty: it answers, or wants a login, or is only busy."""
    for method in ("HEAD", "GET"):  # some servers know only the second
        request = urllib.request.Request(address, method=method, headers={"User-Agent": "vitals-lint"})
        try:
            urllib.request.urlopen(request, timeout=SECONDS).close()
            return ""
        except urllib.error.HTTPError as err:
            err.close()
            if err.code not in _GONE:
                if method == "GET" or err.code < 500 and err.code not in (405, 400):
                    return ""
            elif method == "GET":
                return f"{address} answers {err.code}"
        except (OSError, ValueError) as err:
            return f"{address} does not answer: {getattr(err, 'reason', err)}"
    return ""
