"""New secrets on a real engine: who remembers the old one is told, who reads a file is started anew."""

from __future__ import annotations

from .conftest import ComposeStack, docker, poll


def words(stack: ComposeStack) -> dict[str, str]:
    return {file.name: file.read_text() for file in (stack.state / "secrets").iterdir() if file.is_file()}


def postgres_takes(stack: ComposeStack, word: str) -> bool:
    """By its address in the network: its own loopback asks for no password."""
    said = docker("exec", "--env", f"PGPASSWORD={word}", stack.containers()["postgres"]["Id"], "psql", "-h", "postgres",
                  "-U", "demo", "-d", "demo", "-wAtc", "select 'in'", check=False)
    return said == "in"


def redis_takes(stack: ComposeStack, word: str) -> bool:
    said = docker("exec", "--env", f"REDISCLI_AUTH={word}", stack.containers()["redis"]["Id"], "redis-cli", "ping", check=False)
    return "PONG" in said


def test_every_secret_is_new_and_everything_works(stack: ComposeStack) -> None:
    old, before = words(stack), stack.containers()
    stack.vitals("rotate-secrets")
    new, after = words(stack), stack.containers()
    assert set(new) == set(old) and not set(new.values()) & set(old.values())
    for takes, name in ((postgres_takes, "postgres"), (redis_takes, "redis")):
        assert takes(stack, new[name]) and not takes(stack, old[name]), name
    anew = {name for name in before if before[name]["Id"] != after[name]["Id"]}
    assert anew >= {"demo", "postgres-exporter", "redis", "redis-exporter"}
    assert not anew & {"prometheus", "alertmanager", "inbox", "node-exporter"}, "they use no secret"
    poll(lambda: stack.query('sum(pg_up) + sum(redis_up) == 2'), 60, "both exporters are let in")
    kept = stack.execute("postgres", "psql", "-U", "postgres", "-Atc", "select query from pg_stat_statements")
    assert not [word for word in {*old.values(), *new.values()} if word in kept]


def test_what_runs_beside_the_core_comes_and_goes(other: ComposeStack) -> None:
    other.vitals("up", "--with", "")
    other.vitals("down")
    other.vitals("up")
    assert "postgres" not in other.containers(), "the answer was not kept"
    other.vitals("up", "--with", "demo")
    assert other.containers()["postgres"]["State"]["Health"]["Status"] == "healthy"
    # Lost while nothing runs: PostgreSQL is started for as long as it takes to tell it.
    other.vitals("down")
    (other.state / "secrets" / "postgres").unlink()
    done = other.vitals("up", check=False)
    assert done.returncode == 1 and "postgres is missing" in done.stderr and "rotate-secrets" in done.stderr
    other.vitals("rotate-secrets")
    assert other.containers() == {}
    other.vitals("up")
    assert postgres_takes(other, words(other)["postgres"])
