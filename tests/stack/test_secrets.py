"""New secrets for a stack that has old ones, with the real PostgreSQL and Redis."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import redis

from .conftest import Stack, get

ROLES = {"postgres": "postgres-admin", "demo": "postgres", "monitor": "postgres-monitor"}


def words(stack: Stack) -> dict[str, str]:
    return {file.name: file.read_text() for file in (stack.state / "secrets").iterdir() if file.is_file()}


def lets_in(stack: Stack, role: str, word: str) -> bool:
    try:
        with psycopg.connect(host="127.0.0.1", port=stack.ports["postgres"], user=role, dbname="postgres", password=word):
            return True
    except psycopg.OperationalError as err:
        assert "password authentication failed" in str(err)
        return False


def redis_takes(stack: Stack, word: str) -> bool:
    try:
        return bool(redis.Redis(port=stack.ports["redis"], password=word).ping())
    except redis.AuthenticationError:
        return False


def check(stack: Stack, old: dict[str, str]) -> None:
    """Every service knows the new secrets and no longer the old ones, and those who use them work."""
    new = words(stack)
    assert set(new) == set(old) and not set(new.values()) & set(old.values())
    for role, name in ROLES.items():
        assert lets_in(stack, role, new[name]) and not lets_in(stack, role, old[name]), role
    assert redis_takes(stack, new["redis"]) and not redis_takes(stack, old["redis"])
    states = dict(line.split()[:2] for line in stack.vitals("status").stdout.splitlines())
    assert {states[name] for name in ("postgres", "postgres-exporter", "redis", "redis-exporter", "demo")} == {"up"}
    targets = get(stack.url("prometheus") + "/api/v1/targets")["data"]["activeTargets"]
    assert {t["labels"]["job"] for t in targets} >= {"postgres", "redis"}


def test_secrets_are_rotated_lost_and_found(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    try:
        stack.vitals("up", "--with", "demo")
        old = words(stack)
        said = stack.vitals("rotate-secrets").stdout
        assert "every secret" in said and not [word for word in words(stack).values() if word in said]
        check(stack, old)
        with psycopg.connect(host="127.0.0.1", port=stack.ports["postgres"], user="postgres", dbname="postgres",
                             password=words(stack)["postgres-admin"]) as conn:
            kept = " ".join(query for query, in conn.execute("select query from pg_stat_statements"))
        assert "create database" in kept or "select" in kept.lower()
        assert not [word for word in {*old.values(), *words(stack).values()} if word in kept], "in PostgreSQL's statistics"

        # Broken off between PostgreSQL and the file: the next one takes it up.
        waiting = stack.state / "secrets" / "next"
        waiting.mkdir(mode=0o700)
        (waiting / "postgres-admin").write_text("0" * 32)
        old = words(stack)
        with psycopg.connect(host="127.0.0.1", port=stack.ports["postgres"], user="postgres", dbname="postgres",
                             password=old["postgres-admin"]) as conn:
            conn.execute("alter role postgres password '" + "0" * 32 + "'")
        stack.vitals("rotate-secrets")
        check(stack, old)
        assert words(stack)["postgres-admin"] == "0" * 32 and not waiting.exists()

        # Lost while it runs: nobody can tell PostgreSQL; it says how to go on, and that works.
        old = words(stack)
        for name in ROLES.values():
            (stack.state / "secrets" / name).unlink()
        done = stack.vitals("rotate-secrets", check=False)
        assert done.returncode == 1 and "make down" in done.stderr and "Traceback" not in done.stderr
        stack.vitals("down")
        (stack.state / "secrets" / "postgres").write_text("")
        done = stack.vitals("up", check=False)
        assert done.returncode == 1 and "postgres is empty" in done.stderr and "rotate-secrets" in done.stderr
        stack.vitals("rotate-secrets")
        stack.vitals("up")
        check(stack, old)
    finally:
        stack.vitals("clean")
    assert stack.processes() == []


@pytest.mark.parametrize("extras", ["logs", "demo,logs"])
def test_logs_are_images_only(tmp_path: Path, extras: str) -> None:
    stack = Stack(tmp_path)
    done = stack.vitals("up", "--with", extras, check=False)
    assert done.returncode == 1 and "container images only" in done.stderr and "WITH=demo" in done.stderr
    assert not stack.state.exists()


def test_the_choice_is_kept_until_another(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    try:
        stack.vitals("up", "--with", "")
        assert "demo" not in stack.vitals("status").stdout
        stack.vitals("reload")
        assert "demo" not in stack.vitals("status").stdout
        stack.vitals("down")
        assert "demo" not in stack.vitals("status").stdout
        assert {f.name for f in (stack.state / "secrets").iterdir()} == {"grafana-admin"}
    finally:
        stack.vitals("clean")
    assert stack.processes() == [] and not any(stack.state.iterdir())
