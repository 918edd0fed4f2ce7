# Agent Vitals. `make` alone lists the verbs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VITALS := .venv/bin/vitals
PYTEST := .venv/bin/python -m pytest
BY_FILE := --dist loadfile --no-loadscope-reorder

.PHONY: help preflight up down status view logs reload rotate-secrets clean backup restore upgrade demo-fault doctor images-offline import release build check test test-units test-stack test-browser screenshots test-ha test-compose test-elk compat detection silence mutation bench bench-looking lock ready

help: ## list the verbs
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "%-18s %s\n", $$1, $$2}'

ready:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "python3 on PATH must be Python 3.11 or newer; this is $$(python3 --version 2>&1)" >&2; exit 1; }
	@python3 scripts/bootstrap.py

preflight: ready ## look at what a start needs: Docker, memory, disk, ports, files, each with its fix
	@$(VITALS) preflight $(if $(filter undefined,$(origin WITH)),,--with "$(WITH)")

# WITH= (nothing) is an answer as well: the core alone.
up: ready ## start the stack; WITH=demo,logs,ha and ENGINE=compose|native override the choice
	@$(VITALS) up $(if $(filter undefined,$(origin WITH)),,--with "$(WITH)")

down: ready ## stop the stack; its data stays
	@$(VITALS) down

status: ready ## what runs, where, and whether it is well
	@$(VITALS) status

view: ready ## the dashboards in a browser, from any Prometheus: PROMETHEUS=url LISTEN=host:port
	@$(VITALS) view $(if $(PROMETHEUS),--prometheus "$(PROMETHEUS)") $(if $(LISTEN),--listen "$(LISTEN)")

logs: ready ## the services' logs; SERVICE=prometheus for one
	@$(VITALS) logs $(SERVICE)

reload: ready ## bring vitals.yaml, profiles and targets into the running stack
	@$(VITALS) reload

rotate-secrets: ready ## give every service new passwords, also when some are lost
	@$(VITALS) rotate-secrets

clean: ready ## stop the stack and remove its data and secrets
	@$(VITALS) clean

backup: ready ## what the stack has gathered, as one file; TO=folder SECRETS=1 DEMO=1
	@$(VITALS) backup $(if $(TO),--to "$(TO)") $(if $(SECRETS),--secrets) $(if $(DEMO),--demo)

restore: ready ## put a backup into a stopped stack and start it: FROM=file OVERWRITE=1 SETTINGS=1
	@$(VITALS) restore "$(or $(FROM),$(error which backup? make restore FROM=file))" \
		$(if $(OVERWRITE),--overwrite) $(if $(SETTINGS),--settings)

upgrade: ready ## newer versions: a backup first, then service by service, and how to go back
	@$(VITALS) upgrade

demo-fault: ready ## make a demo app misbehave: FAULT=llm-outage JOB=artisan-hub MINUTES=10
	@$(VITALS) demo fault "$(or $(FAULT),llm-outage)" --job "$(or $(JOB),artisan-hub)" --minutes "$(or $(MINUTES),10)"

doctor: ready ## which profile fits a /metrics page: URL=http://127.0.0.1:8000/metrics
	@$(VITALS) doctor "$(URL)"

images-offline: ready ## make look-alikes of the images from Debian packages, where no registry is reachable
	@$(VITALS) images offline

# A token on make's command line would be read by others: it comes from the environment or a file.
import: ready ## the dashboards into a Grafana of yours: GRAFANA_URL=… DRY_RUN=1 OVERWRITE=1 DATASOURCE=… LOG_SOURCE=…
	@$(if $(filter command%,$(origin GRAFANA_TOKEN) $(origin GRAFANA_PASSWORD)),$(error give GRAFANA_TOKEN_FILE instead: a token on a command line is read by others))\
		$(VITALS) import "$(or $(GRAFANA_URL),$(error which Grafana? make import GRAFANA_URL=https://…))" \
		$(if $(DRY_RUN),--dry-run) $(if $(OVERWRITE),--overwrite) $(if $(DATASOURCE),--datasource "$(DATASOURCE)") \
		$(if $(LOG_SOURCE),--log-source "$(LOG_SOURCE)")

release: ready ## rules and dashboards in every form, as one archive in dist/: the same sources, the same bytes
	@$(VITALS) export all dist

build: ready ## make rules, dashboards, routes and pages from vitals.yaml and the profiles
	@$(VITALS) build

check: ready ## check generated files, rules, routes, parity, types and style (seconds)
	@$(VITALS) check

test: ready ## everything: checks, unit and rule tests, running stacks, a browser, the compose files on Docker
	@.venv/bin/python tests/everything.py

# A stack mostly waits: each of its files has one of its own. What they leave of the processors, the others take.
test-units: ready ## functions and commands, rules and dashboards, the linter: all that needs no running stack
	@nice $(PYTEST) -q -n 2 tests/detection tests/unit tests/dashboards tests/lint tests/elk tests/rules

test-stack: ready ## stacks of Debian's packages: start, stop, faults, backups, upgrades
	@$(PYTEST) -q -n 4 $(BY_FILE) tests/stack

test-ha: ready ## servers killed at random while alerts live: each is told once (minutes, mostly waiting; HA_SEED=7)
	@$(PYTEST) -q -raP -n 2 $(BY_FILE) tests/ha

test-browser: ready ## the viewer in a real browser, with a stack of its own; pictures in build/screenshots
	@nice .venv/bin/python -m tests.browser.network $(PYTEST) -q tests/browser

screenshots: ready ## make the README's pictures anew from the running demo (minutes: it breaks an app first)
	@.venv/bin/python -m tests.browser.screenshots

# With logs one stack takes most of a machine's memory.
test-compose: ready ## the compose files on a real Docker engine; IMAGES=official|offline, WITH=demo,logs
	@.venv/bin/python -m tests.compose.engine $(PYTEST) -q -n $(if $(findstring logs,$(WITH)),0,2) $(BY_FILE) tests/compose

test-elk: ready ## optional: the log pipeline in JRuby (needs java) and in Logstash itself (needs its image)
	@ELK_JRUBY=1 $(PYTEST) -q -rs tests/elk

compat: ready ## optional: the rules in Prometheus 2.53 and VictoriaMetrics' vmalert-tool
	@COMPAT=1 $(PYTEST) -q -n 2 tests/compat

detection: ready ## every fault of the demo in every app, in virtual time: what is told, and how soon (minutes)
	@.venv/bin/python -m tests.detection.matrix --write

silence: ready ## a healthy week of every demo app, in virtual time: nobody may be told anything (long)
	@.venv/bin/python -m tests.detection.silence

mutation: ready ## change every rule in every way and see whether its tests notice (minutes); RULES=host for some
	@.venv/bin/python tests/mutation/run.py $(RULES)

bench: ready ## what takes how long, with medians
	@.venv/bin/python tests/bench/bench.py

bench-looking: ready ## what dashboards cost over raw and over recorded series (many minutes); SERIES="10000 50000 200000"
	@.venv/bin/python tests/bench/looking.py $(SERIES)

lock: ready ## pin the dependencies anew (needs uv)
	@uv pip compile pyproject.toml --extra stack --extra dev --generate-hashes --python-version 3.11 -q --no-header \
		--no-emit-index-url --no-emit-find-links -o requirements.lock
