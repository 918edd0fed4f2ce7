"""A page for every alert, and every way in which one can be wrong is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vitals import runbooks, settings
from vitals.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """The pages in a folder of one's own."""
    root = tmp_path / "project"
    shutil.copytree(settings.ROOT / "docs" / "runbooks", root / "docs" / "runbooks")
    (root / "prometheus").symlink_to(settings.ROOT / "prometheus")
    return settings.load(settings.ROOT / "vitals.yaml").model_copy(update={"root": root})


def problems(project: Settings) -> list[str]:
    return runbooks.check(project, settings.load_profiles(settings.load(settings.ROOT / "vitals.yaml")))


def test_every_alert_has_a_page_and_every_page_an_alert(project: Settings) -> None:
    assert problems(project) == []


def edit(project: Settings, name: str, old: str, new: str) -> None:
    page = runbooks.folder(project) / f"{name}.md"
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new, 1))


FAULTS = {
    "misspelt series": ("job_model:llm_failures:rate5m", "job_model:llm_failure:rate5m", "reads job_model:llm_failure:rate5m, which nothing records"),
    "no PromQL": ("topk(10, job_model:llm_failures:rate5m * 60)", "topk(10, job_model:llm_failures:rate5m", "not PromQL"),
    "another title": ("# LlmErrorsHigh", "# LlmErrors", "first line"),
    "a section missing": ("## Escalate", "## Then", "its sections are not"),
    "an empty section": ("Everybody whose answer", "\n## Nothing\n\nEverybody whose answer", "its sections are not"),
    "unfinished": ("The provider has an outage", "TODO", "unfinished: TODO"),
    "a dead link": ("(incident-response.md)", "(incidents.md)", "links to incidents.md"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, project: Settings) -> None:
    old, new, words = FAULTS[fault]
    edit(project, "LlmErrorsHigh", old, new)
    found = problems(project)
    assert found
    assert all("docs/runbooks/LlmErrorsHigh.md" in problem for problem in found)
    assert any(words in problem for problem in found)


def test_a_page_without_a_query_is_found(project: Settings) -> None:
    page = runbooks.folder(project) / "LlmErrorsHigh.md"
    page.write_text(page.read_text().replace("```promql", "```"))
    assert problems(project) == ["docs/runbooks/LlmErrorsHigh.md: no query to look at first"]


def test_pages_missing_or_too_many_are_found(project: Settings) -> None:
    place = runbooks.folder(project)
    (place / "RagSlow.md").rename(place / "RagSlower.md")
    found = problems(project)
    assert "docs/runbooks/RagSlow.md is missing: every alert has a page" in found
    assert "docs/runbooks/RagSlower.md: there is no alert of that name" in found
