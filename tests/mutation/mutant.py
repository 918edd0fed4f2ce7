"""A changed rule, and the rules as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import mutate
import yaml

from vitals import settings

RULES = settings.ROOT / "prometheus" / "rules"
WORD = re.compile(r"[a-zA-Z_:][\w:]*")


@dataclass(frozen=True, eq=False)
class Placed:
    """A rule, and where it stands."""

    file: str  # the rule file's stem
    group: str
    index: int  # in the file
    rule: dict[str, Any]

    @property
    def name(self) -> str:
        """What others read it by: an alert's name, a recorded one."""
        return str(self.rule.get("alert") or self.rule["record"])


@dataclass(eq=False)
class Mutant:
    of: Placed
    what: str  # was changed
    rule: dict[str, Any]
    number: int
    killed: bool = False

    @property
    def suffix(self) -> str:
        """Of the names under which it and what reads it are evaluated, beside the rules as they are."""
        return f"__m{self.number}"

    @property
    def key(self) -> str:
        """As it is named in argued.yaml."""
        known = ("severity", "area") if "alert" in self.rule else ("profile",)
        tags = ", ".join(f'{key}="{value}"' for key, value in self.of.rule.get("labels", {}).items() if key not in known)
        place = "" if "alert" in self.rule else f"{self.of.file}/"
        return f"{place}{self.of.name}{f'{{{tags}}}' if tags else ''}: {self.what}"


def rules() -> list[Placed]:
    found = []
    for file in sorted(RULES.glob("*.yml")):
        every = [(group["name"], rule) for group in yaml.load(file.read_text(), yaml.CSafeLoader)["groups"]
                 for rule in group["rules"]]
        found += [Placed(file.stem, group, i, rule) for i, (group, rule) in enumerate(every)]
    return found


def mutants(some: list[Placed]) -> list[Mutant]:
    changed = ((one, what, rule) for one in some for what, rule in mutate.mutants(one.rule))
    return [Mutant(one, what, rule, number) for number, (one, what, rule) in enumerate(changed)]


def put(text: str, names: set[str], suffix: str) -> str:
    """A rule's text, or a test's, with a suffix behind each of the names."""
    return WORD.sub(lambda word: word[0] + suffix if word[0] in names else word[0], text)
