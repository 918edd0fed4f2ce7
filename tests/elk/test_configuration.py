"""Logstash's configuration, read by its own grammar, and against what it names."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from lark import Lark, Tree, UnexpectedInput

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "compose/logstash"
GRAMMAR = Lark((HERE / "logstash.lark").read_text(), parser="earley")
PIPELINES = sorted(FOLDER.glob("*.conf"))

# Plugins and the options of theirs that are used here, from their reference pages.
OPTIONS = {
    "beats": {"id", "port", "add_field"},
    "tcp": {"id", "port", "codec", "add_field"},
    "http": {"id", "port", "codec", "additional_codecs", "max_content_length", "add_field"},
    "heartbeat": {"id", "interval", "message", "add_field"},
    "dead_letter_queue": {"id", "path", "pipeline_id", "commit_offsets"},
    "ruby": {"id", "path", "script_params"},
    "elasticsearch": {"id", "hosts", "user", "password", "data_stream", "data_stream_type", "data_stream_dataset",
                      "data_stream_namespace", "data_stream_auto_routing"},
    "line": {"charset"}, "plain": {"charset"},
}


def word(tree: Tree) -> str:
    return str(next(tree.scan_values(lambda _: True))).strip("\"'")


@pytest.fixture(scope="module", params=PIPELINES, ids=[path.name for path in PIPELINES])
def plugins(request):
    """Name → options, for every plugin of a pipeline, nested codecs too."""
    tree = GRAMMAR.parse(request.param.read_text())
    return [(word(p.children[0]), {word(a.children[0]): a.children[1] for a in p.children[1:]})
            for p in tree.find_data("plugin")]


def test_the_grammar_refuses_what_logstash_would():
    for text in ("input { tcp { port => 1 }", "input { tcp { port 1 } }", "inputs { tcp { } }", "input { tcp { a => [1,, 2] } }",
                 "filter { if [a] = 1 { drop { } } }", "", "input { tcp { x => 'a } }"):
        with pytest.raises(UnexpectedInput):
            GRAMMAR.parse(text)


def test_every_plugin_and_option_is_one_of_the_reference(plugins):
    assert plugins
    for name, options in plugins:
        assert set(options) <= OPTIONS[name], name


def test_every_plugin_has_an_id_of_its_own(plugins):
    ids = [word(options["id"]) for name, options in plugins if name not in ("line", "plain")]
    assert len(ids) == len(set(ids))


def test_no_password_is_written_down(plugins):
    for _, options in plugins:
        if "password" in options:
            assert word(options["password"]) == "${LOGSTASH_WRITER}"


def test_scripts_exist_and_pipelines_are_all_started(plugins):
    for name, options in plugins:
        if name == "ruby":
            assert (FOLDER / Path(word(options["path"])).name).exists()
    started = [Path(p["path.config"]).name for p in yaml.safe_load((FOLDER / "pipelines.yml").read_text())]
    assert sorted(started) == [path.name for path in PIPELINES]


def test_the_queue_of_refused_events_is_read_from_the_pipeline_that_fills_it():
    pipelines = {p["pipeline.id"]: p for p in yaml.safe_load((FOLDER / "pipelines.yml").read_text())}
    assert pipelines["rejected"]["dead_letter_queue.enable"] is False
    assert 'pipeline_id => "main"' in (FOLDER / "rejected.conf").read_text() and "main" in pipelines
