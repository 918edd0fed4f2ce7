"""The dashboards as a folder: opened from the disk, with the same panels, and no request at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.stack import test_data as data
from tests.stack.conftest import Stack
from vitals.dashboards import grafana


@pytest.fixture(scope="module")
def folder(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("static") / "boards"
    stack.vitals("view", "--static", str(made))
    return made


def test_the_same_panels_and_no_request(folder: Path, watched: Callable[..., Any]) -> None:
    home = folder.as_uri()
    with watched(home, height=6000) as page:
        page.open("/index.html")
        for uid, model in data.MODELS.items():
            page.page.evaluate("uid => { location.hash = `/d/${uid}`; }", uid)
            page.page.wait_for_function("uid => document.querySelector(`#nav [aria-current=page][href*='${uid}']`)", arg=uid)
            page.settle()
            states = page.states()
            assert set(states) == shown(model)
            assert [title for title, state in states.items() if state == "error"] == []
        assert page.states()
        assert all(request.url.startswith(home) for request in page.asked)
        assert {request.resource_type for request in page.asked} <= {"document", "script", "stylesheet", "image"}


def shown(model: dict[str, Any]) -> set[str]:
    """The panels outside collapsed rows."""
    hidden = {panel["title"] for row in model["panels"] if row["type"] == "row" and row["collapsed"] for panel in row["panels"]}
    return {panel["title"] for panel in grafana.panels(model)} - hidden


def test_it_is_closed_to_the_network(folder: Path, watched: Callable[..., Any]) -> None:
    """A policy in the page itself: even a script that wanted to could not ask anybody."""
    with watched(folder.as_uri()) as page:
        page.open("/index.html")
        refused = page.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', error => String(error))")
        assert "TypeError" in refused
        assert any("Content Security Policy" in text for text in page.wrong)
        page.wrong.clear()
