"""Why a container is not well: what Docker knows of it, what it said last, and what usually mends that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# What services say → what to do. The first that fits is shown.
REMEDIES = {
    r"max_map_count": "sudo sysctl -w vm.max_map_count=262144, then `make up` again",
    r"[Nn]o space left on device|flood.?stage watermark|disk usage exceeded": 
        "make room on the disk (docker system df)",
    r"OutOfMemory|[Cc]annot allocate memory|insufficient memory": "give Docker more memory, or run less: make up WITH=",
    r"exec format error": "the image is for another kind of processor: `make preflight`",
    r"password authentication failed|WRONGPASS|NOAUTH|unable to authenticate user|invalid username or password":
        "its data know another password than .vitals/secrets: `make rotate-secrets` gives all a new one",
    r"initialized by PostgreSQL version|database files are incompatible|cannot downgrade|Can't handle RDB format|"
    r"created by version .* newer|unsupported index":
        "its data are of another version: go back to that version in compose/versions.env, or `make clean`",
    r"[Pp]ermission denied|AccessDenied|EACCES|[Oo]peration not permitted|not writable|read-only file system":
        "it may not write or read its files: a volume or file of another owner? `make preflight` looks at this "
        "machine's; `make clean` removes the volumes, with their data",
    r"address already in use": "two programs want one port inside: was a port changed in an override file?",
}


@dataclass(frozen=True)
class Container:
    """A container of this stack as `docker inspect` shows it."""

    id: str
    service: str
    status: str  # created, running, restarting, exited, dead, …
    health: str  # healthy, unhealthy, starting, or nothing
    restarts: int
    exit_code: int
    out_of_memory: bool
    problem: str  # why Docker could not start it
    check: str  # what its healthcheck said last

    @property
    def well(self) -> bool:
        """It works, or has done its work."""
        return (self.status == "running" and self.health in ("healthy", "")
                or self.status == "exited" and not self.exit_code)


def read(inspected: dict[str, Any]) -> Container:
    state = inspected["State"]
    health = state.get("Health") or {}
    log = health.get("Log") or [{}]
    return Container(
        inspected["Id"], inspected["Config"]["Labels"].get("com.docker.compose.service", inspected["Name"]),
        state["Status"], health.get("Status", "").replace("none", ""), inspected.get("RestartCount", 0),
        state.get("ExitCode", 0), bool(state.get("OOMKilled")), state.get("Error", ""),
        (log[-1].get("Output") or "").strip() if health.get("Status") == "unhealthy" else "")


def explain(container: Container, said: list[str]) -> str:
    """A paragraph for a person: what is wrong, what it said last, what to do."""
    about = f"restarted {container.restarts} times, exit code {container.exit_code}" if container.restarts else (
        f"exit code {container.exit_code}" if container.exit_code else "")
    head = f"{container.service}: {container.health or container.status}" + (f" ({about})" if about else "")
    text = "\n".join([container.problem, container.check, *said])
    if container.out_of_memory:
        remedy = f"it used more memory than its mem_limit: raise that of {container.service} in compose/"
    else:
        remedy = next((fix for pattern, fix in REMEDIES.items() if re.search(pattern, text)), "")
    lines = [container.problem, *container.check.splitlines()[-1:], *said, f"→ {remedy}" if remedy else ""]
    return "\n  ".join([head, *filter(None, lines)])
