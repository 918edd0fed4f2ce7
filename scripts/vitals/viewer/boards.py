"""The dashboards of a folder, as they are imported into Grafana: what there is, and each one's model."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vitals.errors import VitalsError

Json = dict[str, Any]
MAX_BYTES = 8 << 20
HOME = "vitals-overview"  # as in Grafana; where there is no such board, the first


@dataclass(frozen=True)
class Board:
    """One dashboard file. ``folder`` is the title of Grafana's folder that it stands in."""

    uid: str
    title: str
    folder: str
    text: str
    model: Json


def load(folder: Path) -> tuple[list[Board], list[str]]:
    """Every dashboard under a folder, by folder and title, and what is wrong with the files that are none.

    Raises VitalsError when there is no such folder, or no dashboard in it.
    """
    if not folder.is_dir():
        raise VitalsError(f"{folder}: no such folder; dashboards are in grafana/dashboards")
    titles = _folders(folder)
    found: dict[str, Board] = {}
    problems = []
    for file in sorted(folder.rglob("*.json")):
        try:
            board = _board(file, folder, titles)
        except VitalsError as err:
            problems.append(str(err))
            continue
        if board.uid in found:
            problems.append(f"{file}: the uid {board.uid!r} is another dashboard's too; the first one is shown")
        found.setdefault(board.uid, board)
    if not found:
        raise VitalsError("\n".join(problems) or f"{folder}: there is no dashboard in it (*.json)")
    order = list(titles.values())
    ranked = sorted(found.values(), key=lambda b: (order.index(b.folder) if b.folder in order else len(order),
                                                   b.folder, b.uid != HOME, b.title))
    return ranked, problems


def index(boards: list[Board], problems: list[str]) -> Json:
    """What the page's navigation shows."""
    prefix = os.path.commonprefix([board.title for board in boards]) if len(boards) > 1 else ""
    cut = prefix.rfind(": ") + 2 if ": " in prefix else 0
    uids = [board.uid for board in boards]
    return {"home": HOME if HOME in uids else uids[0], "problems": problems,
            "boards": [{"uid": b.uid, "title": b.title[cut:], "folder": b.folder, "text": b.text} for b in boards]}


def find(boards: list[Board], uid: str) -> Board:
    """The board of this uid, or whose uid or title ends so. Raises VitalsError with what there is."""
    for board in boards:
        if uid.lower() in (board.uid, board.uid.removeprefix("vitals-"), board.title.lower()):
            return board
    raise VitalsError(f"no dashboard {uid!r}; one of: {', '.join(board.uid for board in boards)}")


def _board(file: Path, root: Path, titles: dict[str, str]) -> Board:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise VitalsError(f"{file}: larger than {MAX_BYTES >> 20} MiB, so no dashboard")
        model = json.loads(file.read_text())
    except OSError as err:
        raise VitalsError(f"{file}: cannot be read: {err.strerror}") from err
    except (ValueError, RecursionError) as err:
        raise VitalsError(f"{file}: not JSON: {err}") from err
    if not (isinstance(model, dict) and isinstance(model.get("uid"), str) and isinstance(model.get("panels"), list)):
        raise VitalsError(f"{file}: not a dashboard's model: it has no uid or no panels")
    name = file.parent.relative_to(root).as_posix()
    title = titles.get(name) or ("Dashboards" if name == "." else name.replace("-", " ").capitalize())
    text = str(model.get("description") or "")
    return Board(model["uid"], str(model.get("title") or model["uid"]), title, text, model)


def _folders(root: Path) -> dict[str, str]:
    """Folder → its title, as Grafana is told by the provisioning file beside; without one, the names will do."""
    found: dict[str, str] = {}
    for file in sorted((root.parent / "provisioning" / "dashboards").glob("*.yaml")):
        try:
            providers = (yaml.safe_load(file.read_text()) or {}).get("providers", [])
            found |= {Path(p["options"]["path"]).name: str(p["folder"]) for p in providers}
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
            continue
    return found
