"""Offline look-alikes without Docker: recipes, tags, what is taken from a Dockerfile. tests/compose builds and runs them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vitals import settings
from vitals.engines import dockerd, offline
from vitals.engines.compose import BUILT
from vitals.errors import VitalsError

ROOT = settings.ROOT
Configured = Callable[..., settings.Settings]
# Exist as images only.
NO_PACKAGE = {"GRAFANA_IMAGE", "CADVISOR_IMAGE", "ELASTICSEARCH_IMAGE", "KIBANA_IMAGE", "LOGSTASH_IMAGE", "FILEBEAT_IMAGE"}


def test_every_official_image_has_a_look_alike_or_no_package(configured: Configured) -> None:
    loaded = configured()
    replaced = {recipe.replaces for recipe in offline.recipes(loaded).images.values()}
    assert offline.pinned(loaded).keys() - replaced <= NO_PACKAGE
    assert not replaced & NO_PACKAGE
    assert set(BUILT) <= replaced


def test_images_of_this_project_are_run_as_their_dockerfiles_say() -> None:
    for file in ("compose/inbox.Dockerfile", "exporters/demo/Dockerfile"):
        text = (ROOT / file).read_text()
        copies, changes = offline._dockerfile(text)
        assert {change.split()[0] for change in changes} >= {"ENV", "USER", "EXPOSE"}
        assert any(change.startswith(("CMD", "ENTRYPOINT")) for change in changes)
        assert not any(change.endswith("\\") for change in changes)
        assert all((ROOT / source).exists() for source in copies.values())


def debs(folder: Path, *names: str) -> list[Path]:
    return [folder / f"{name}_amd64.deb" for name in names]


def image(loaded: settings.Settings, folder: Path, version: str = "1%3a2.0+ds1-1", **more: object) -> offline.Image:
    recipe = offline.Recipe.model_validate({"replaces": "REDIS_IMAGE", "packages": ["p"], "proof": ["true"], **more})
    return offline._image(loaded, "redis", recipe, debs(folder, f"p_{version}", "libc6_2.43"))


def test_a_tag_names_the_version_and_changes_with_what_goes_in(configured: Configured, tmp_path: Path) -> None:
    loaded = configured()
    first = image(loaded, tmp_path)
    assert re.fullmatch(r"agent-vitals-offline/redis:2\.0-ds1-1-[0-9a-f]{8}", first.tag)
    assert image(loaded, tmp_path).tag == first.tag
    others = {image(loaded, tmp_path, version="2.1").tag, image(loaded, tmp_path, config="USER 1").tag,
              image(loaded, tmp_path, files={"/x": "LICENSE"}).tag, image(loaded, tmp_path, files={"/x": "Makefile"}).tag,
              image(loaded, tmp_path, wheels=["redis"]).tag}
    assert len(others - {first.tag}) == 5


def test_an_image_says_what_it_is(configured: Configured, tmp_path: Path) -> None:
    labels = {line.split("=", 1)[0]: json.loads(line.split("=", 1)[1])
              for line in image(configured(), tmp_path).changes if line.startswith("LABEL ")}
    assert "not the official image" in labels["LABEL org.opencontainers.image.description"]
    assert labels["LABEL agent-vitals.offline"].startswith("redis:")
    assert "libc6 2.43" in labels["LABEL agent-vitals.offline.packages"]


def test_manuals_go_and_licences_stay() -> None:
    assert offline.DROPPED.match("usr/share/doc/redis/changelog.gz")
    assert offline.DROPPED.match("usr/share/man/man1/redis.1.gz")
    assert offline.DROPPED.match("usr/lib/systemd/system/x.service")
    assert not offline.DROPPED.match("usr/share/doc/redis/copyright")
    assert not offline.DROPPED.match("usr/share/zoneinfo/UTC")


@pytest.mark.parametrize("script", ["postgres.sh", "redis.sh"])
def test_entrypoints_are_shell(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / "compose/offline" / script], check=True)


def test_a_choice_of_look_alikes_is_kept_and_ended(tmp_path: Path) -> None:
    file = tmp_path / "state" / "offline.env"
    assert offline.kept(file) == {}
    offline.keep(file, {"REDIS_IMAGE": "agent-vitals-offline/redis:1"})
    assert offline.kept(file) == {"REDIS_IMAGE": "agent-vitals-offline/redis:1"}
    offline.keep(file, {})
    assert not file.exists()


def test_no_docker_is_one_clear_message(configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VitalsError, match="no docker command"):
        offline.present()


# --- an engine of one's own -------------------------------------------------------------------------------


def test_who_is_not_root_starts_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "needs root" in dockerd.obstacle()


def test_an_engine_that_answers_is_used_as_it_is(configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with dockerd.running(configured()) as environment:
        assert "DOCKER_CONFIG" not in environment and environment["PATH"] == f"{tmp_path}:/bin"
