"""What the viewer knows of the dashboards, and the folder it writes: whole, closed, and over nobody's files.

The Prometheus here is a fake that gives every query two series; tests/browser opens a folder made from a real one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from click.testing import CliRunner

from tests.unit.test_viewer_server import Fake, serving
from vitals.cli import cli
from vitals.errors import VitalsError
from vitals.settings import ROOT
from vitals.viewer import boards, bundle, server, static, templating
from vitals.viewer.upstream import Prometheus

DASHBOARDS = ROOT / "grafana" / "dashboards"
MODELS = {board.uid: board.model for board in boards.load(DASHBOARDS)[0]}
START, END = 1795276800.0, 1795280400.0


def js(name: str) -> str:
    return (server.ASSETS / name).read_text()


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for uid, model in MODELS.items():
        for panel in static._panels(model["panels"]):
            yield f"{uid}/{panel['title']}", panel


def properties(panel: dict[str, Any], name: str) -> Iterator[Any]:
    """A field setting wherever a panel makes it: in its defaults, and in its overrides."""
    config = panel.get("fieldConfig", {})
    if name in config.get("defaults", {}):
        yield config["defaults"][name]
    for override in config.get("overrides", []):
        yield from (p["value"] for p in override["properties"] if p["id"] == name)


# --- what the dashboards use, the viewer knows


def keys(name: str, constant: str) -> set[str]:
    """The keys of an object that a module declares."""
    body = re.search(rf"const {constant} = \{{\n(.*?)\n\}};", js(name), re.DOTALL)
    assert body
    return set(re.findall(r'^  "?([\w-]+)"?(?::|\()', body[1], re.MULTILINE)) | set(re.findall(r', "([\w-]+)":', body[1])) | set(
        re.findall(r'^  "[\w-]+": \w+, (?:"[\w-]+": \w+, )*"?([\w-]+)"?:', body[1], re.MULTILINE))


def test_every_unit_is_known() -> None:
    known = keys("units.js", "UNITS")
    assert {"s", "percentunit", "µs"} <= known and "parsec" not in known
    used = {(unit, title) for title, panel in panels() for unit in properties(panel, "unit")}
    used |= {(panel["options"]["yAxis"]["unit"], title) for title, panel in panels() if panel["type"] == "heatmap"}
    assert [(unit, title) for unit, title in used if unit not in known] == []


def test_every_type_of_panel_is_drawn() -> None:
    known = keys("panels/index.js", "PANELS")
    assert {"timeseries", "state-timeline", "stat", "table"} <= known
    assert {(panel["type"], title) for title, panel in panels() if panel["type"] not in known} == set()


def test_every_transformation_is_known() -> None:
    known = keys("transform.js", "KINDS")
    assert {"merge", "organize"} <= known
    assert [(t["id"], title) for title, panel in panels() for t in panel.get("transformations", []) if t["id"] not in known] == []


def test_every_override_is_understood() -> None:
    known = keys("fields.js", "MATCHERS")
    settings = {"unit", "color", "noValue", "mappings", "thresholds", "links", "min", "max", "decimals", "displayName"}
    for title, panel in panels():
        for override in panel.get("fieldConfig", {}).get("overrides", []):
            assert override["matcher"]["id"] in known, title
            for one in override["properties"]:
                assert one["id"] in settings or one["id"] in {
                    "custom.lineStyle", "custom.lineWidth", "custom.fillOpacity", "custom.stacking", "custom.cellOptions",
                    "custom.drawStyle", "custom.showPoints", "custom.pointSize", "custom.lineInterpolation", "custom.align",
                    "custom.hideFrom", "custom.hidden", "custom.spanNulls", "custom.width", "custom.axisPlacement"}, (title, one)


def test_every_mapping_and_calculation_is_known() -> None:
    calcs = keys("data.js", "CALCS")
    for title, panel in panels():
        for mappings in properties(panel, "mappings"):
            assert {mapping["type"] for mapping in mappings} <= {"value", "range", "regex", "special"}, title
        options = panel.get("options", {})
        wanted = {*options.get("reduceOptions", {}).get("calcs", []), *options.get("legend", {}).get("calcs", [])}
        assert wanted <= calcs, title


def test_every_variable_can_be_resolved_and_every_query_is_filled() -> None:
    for uid, model in MODELS.items():
        names = set()
        for variable in model["templating"]["list"]:
            names.add(variable["name"])
            assert variable["type"] in {"datasource", "query", "custom", "constant", "textbox", "interval"}, uid
            if variable["type"] == "query":
                assert templating.label_values(variable["query"]["query"]), (uid, variable["name"])
        scope = templating.Scope(START, END, 30, {name: templating.Chosen(["x"], True) for name in names})
        for panel in static._panels(model["panels"]):
            for target in panel.get("targets", []):
                left = templating.VARIABLE.findall(templating.interpolate(target.get("expr", ""), scope))
                assert not left, (uid, panel["title"], left)


def test_every_variable_in_a_link_is_known() -> None:
    macros = re.compile(r"\$\{([^}]+)\}")
    known = re.compile(r"__url_time_range|__all_variables|__field\.labels\.\w+|__field\.name|__series\.name|__value\.(raw|text|numeric)"
                       r"|__data\.fields\..+|datasource(:queryparam)?|logs(:queryparam)?|\w+(:queryparam|:percentencode)?")
    for title, panel in panels():
        links = [*panel.get("links", []), *(link for some in properties(panel, "links") for link in some)]
        for link in links:
            for macro in macros.findall(link["url"]):
                assert known.fullmatch(macro) and not macro.startswith("__dashboard"), (title, link["url"])


# --- Python fills in variables as the page does


def cases(function: str) -> list[list[Any]]:
    tables = yaml.safe_load((ROOT / "tests/browser/cases.yaml").read_text())
    return list(tables["templating.js"][function])


@pytest.mark.parametrize(("text", "scope", "wanted"), cases("interpolate"))
def test_variables_are_filled_in_as_in_the_page(text: str, scope: dict[str, Any], wanted: str) -> None:
    variables = {name: templating.Chosen(one["values"], one["multi"]) for name, one in scope["vars"].items()}
    assert templating.interpolate(text, templating.Scope(scope["from"], scope["to"], scope.get("step", 30), variables)) == wanted


@pytest.mark.parametrize(("given", "wanted"), cases("span"))
def test_spans_are_written_as_in_the_page(given: list[float], wanted: str) -> None:
    assert templating.span(given[0]) == wanted


@pytest.mark.parametrize(("given", "wanted"), cases("labelValues"))
def test_variables_are_read_as_in_the_page(given: list[str], wanted: dict[str, str] | None) -> None:
    assert templating.label_values(given[0]) == (wanted and (wanted["match"], wanted["label"]))


# --- one script of many modules


def test_modules_keep_to_what_the_bundle_understands() -> None:
    for name in server.assets():
        if name.endswith(".js") and name not in ("plotly.min.js", "theme.js"):
            text = js(name)
            assert len(bundle.IMPORT.findall(text)) == len(re.findall(r"^\s*import\b", text, re.MULTILINE)), name
            assert len(bundle.EXPORT.findall(text)) == len(re.findall(r"^\s*export\b", text, re.MULTILINE)), name
            assert "import(" not in text and "import.meta" not in text, name
            assert not re.search(r"^(export )?(const \w+ = )?await ", text, re.MULTILINE), name


def test_a_bundle_has_every_module_once_and_before_those_that_use_it(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b as bee } from "./b.js";\nimport { c } from "./c.js";\nbee(c);\n')
    (tmp_path / "b.js").write_text('import { c } from "./c.js";\nexport function b(x) { return x + c; }\n')
    (tmp_path / "c.js").write_text("export const c = 1;\n")
    text = bundle.bundle(tmp_path / "a.js")
    assert text.index("const c = 1;") < text.index("function b(x)") < text.index("bee(c);")
    assert text.count("const c = 1;") == 1 and "const { b: bee } = modules[" in text and "import" not in text
    (tmp_path / "c.js").write_text('import { b } from "./b.js";\nexport const c = b;\n')
    with pytest.raises(ValueError, match=r"in a circle: b\.js → c\.js → b\.js"):
        bundle.bundle(tmp_path / "a.js")


# --- the folder


class Answering(Fake):
    """A fake Prometheus: every range query has two series, one with a gap and a NaN; every label two values."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        params = parse_qs(query or "") if self.command == "GET" else {}
        if self.command == "POST":
            params = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        expr = params.get("query", [""])[0]
        self.asked.append((self.command, path, params, None))
        data: Any = {"alerts": [], "activeTargets": []}
        status = 200
        if path.endswith("/values"):
            data = ["shop", "</script><script>alert(1)</script>"]
        elif path.endswith("query_range"):
            start, end, step = (float(params[name][0]) for name in ("start", "end", "step"))
            times = [start + i * step for i in range(int((end - start) / step) + 1)]
            data = {"resultType": "matrix", "result": [
                {"metric": {"job": "shop"}, "values": [[at, "0.123456789"] for at in times]},
                {"metric": {"job": "other"}, "values": [[times[0], "NaN"], [times[2], "+Inf"]]}]}
        elif path.endswith("/query"):
            data = {"resultType": "vector", "result": [{"metric": {"job": "shop"}, "value": [END, "12"]}]}
        body: Any = {"status": "success", "data": data}
        if "threshold" in expr:
            status, body = 422, {"status": "error", "errorType": "execution", "error": "no, said Prometheus"}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with serving(Answering) as port:
        yield Prometheus(f"http://127.0.0.1:{port}")


def some(*uids: str) -> list[boards.Board]:
    return [board for board in boards.load(DASHBOARDS)[0] if board.uid in uids]


def handed_over(file: Path) -> Any:
    """What a data file hands over, read as a browser's parser would find it."""
    name, _, rest = file.read_text().removeprefix("vitalsBaked(").partition(",")
    assert json.loads(name) == file.stem
    return json.loads(rest.removesuffix(");\n"))


def test_the_folder_is_whole(tmp_path: Path, prometheus: Prometheus) -> None:
    into = tmp_path / "deep" / "out"
    told = static.write(into, some("vitals-overview", "vitals-slo"), prometheus, START, END)
    assert [line.partition(":")[0] for line in told] == ["vitals-overview", "vitals-slo"] and "refused" in told[0]
    page = (into / "index.html").read_text()
    for name in re.findall(r'(?:href|src)="([^"#][^"]*)"', page):
        assert (into / name).is_file(), name
    assert "data-baked" in page and 'type="module"' not in page and f'content="{static.POLICY}"' in page
    assert {file.name for file in (into / "data").iterdir()} == {"index.js", "vitals-overview.js", "vitals-slo.js"}
    index = handed_over(into / "data" / "index.js")
    assert [board["uid"] for board in index["boards"]] == ["vitals-overview", "vitals-slo"] and index["home"] == "vitals-overview"
    data = handed_over(into / "data" / "vitals-overview.js")
    wanted = {f"{panel['id']}:{target['refId']}" for panel in static._panels(data["model"]["panels"]) for target in panel["targets"]}
    wanted |= {f"annotation:{kind['name']}" for kind in data["model"]["annotations"]["list"] if kind.get("target")}
    assert set(data["asked"]) == wanted
    assert all(0 <= one["answer"] < len(data["answers"]) for one in data["asked"].values())
    assert data["model"]["baked"] == {"from": START, "to": END}
    assert {"error": "no, said Prometheus"} in data["answers"]
    assert not [path for path in into.parent.iterdir() if path != into]


def test_numbers_are_kept_with_their_gaps_and_infinities() -> None:
    kept = static._kept({"job": "a"}, [[30, "0.123456789"], [90, "NaN"], [120, "+Inf"], [150, "1e9"]], 30)
    assert kept == {"metric": {"job": "a"}, "from": 30, "step": 30, "values": [0.123457, None, "NaN", "+Inf", 1e9]}
    assert static._kept({}, [[30.5, "7"]], 1)["values"] == [7]


def test_nothing_in_the_data_ends_a_script(tmp_path: Path, prometheus: Prometheus) -> None:
    """The data are files of their own, and never part of a page."""
    static.write(tmp_path / "out", some("vitals-overview"), prometheus, START, END)
    assert "alert(1)" not in (tmp_path / "out" / "index.html").read_text()
    assert "alert(1)" in (tmp_path / "out" / "data" / "vitals-overview.js").read_text()


def test_what_is_chosen_is_asked_for(tmp_path: Path, prometheus: Prometheus) -> None:
    Answering.asked.clear()
    static.write(tmp_path / "out", some("vitals-overview"), prometheus, START, END, {"job": ["shop"]})
    asked = [params["query"][0] for _, _, params, _ in Answering.asked if "query" in params]
    assert any('job=~"shop"' in expr for expr in asked) and not any("alert(1)" in expr for expr in asked)
    assert len(asked) == len(set(asked)), "the same question is asked once"
    with pytest.raises(VitalsError, match="no dashboard here has a variable 'shop'; one of: .*job"):
        static.write(tmp_path / "other", some("vitals-overview"), prometheus, START, END, {"shop": ["x"]})
    assert not (tmp_path / "other").exists()


def test_its_own_folder_is_replaced_and_nobody_elses(tmp_path: Path, prometheus: Prometheus) -> None:
    into = tmp_path / "out"
    static.write(into, some("vitals-slo"), prometheus, START, END)
    static.write(into, some("vitals-overview"), prometheus, START, END)
    assert {file.name for file in (into / "data").iterdir()} == {"index.js", "vitals-overview.js"}
    (into / "notes.txt").write_text("mine")
    before = sorted(into.rglob("*"))
    with pytest.raises(VitalsError, match=r"holds files that were not made by this command, such as notes\.txt"):
        static.write(into, some("vitals-slo"), prometheus, START, END)
    assert sorted(into.rglob("*")) == before
    other = tmp_path / "other"
    other.mkdir()
    static.write(other, some("vitals-slo"), prometheus, START, END)  # an empty folder is nobody's
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / static.MARK).write_text("not JSON")
    with pytest.raises(VitalsError, match="not made by this command"):
        static.write(strange, some("vitals-slo"), prometheus, START, END)
    (tmp_path / "file").write_text("")
    with pytest.raises(VitalsError, match="is a file"):
        static.write(tmp_path / "file", some("vitals-slo"), prometheus, START, END)


def test_without_prometheus_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(VitalsError, match="http://127.0.0.1:9 does not answer"):
        static.write(tmp_path / "out", some("vitals-slo"), Prometheus("http://127.0.0.1:9"), START, END)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "wanted"), [
    ("now", 5e8), ("now-90s", 5e8 - 90), ("now-6h", 5e8 - 21600), ("now-2d", 5e8 - 172800), ("1795276800", START),
    ("2026-11-21T16:00:00+00:00", START), ("2026-11-21T16:00:00Z", START)])
def test_times(text: str, wanted: float) -> None:
    assert static.moment(text, 5e8) == wanted


@pytest.mark.parametrize(("args", "wanted"), [
    (["--since", "soon"], "'now-soon' is no time; write now-6h"), (["--from", "yesterday"], "'yesterday' is no time"),
    (["--from", "now", "--to", "now-1h"], "has to begin before it ends"), (["--since", "1h", "--to", "now"], "--since or --from"),
    (["--board", "nope"], "no dashboard 'nope'; one of: "), (["--var", "job"], "write it as job=support-agent"),
    (["--dashboards", "/none"], "/none: no such folder")])
def test_mistakes_on_the_command_line(args: list[str], wanted: str, tmp_path: Path, prometheus: Prometheus,
                                      configured: Callable[..., Any]) -> None:
    config = configured().document.path
    done = CliRunner().invoke(cli, ["--config", str(config), "view", "--prometheus", prometheus.url, "--static", str(tmp_path / "out"), *args])
    assert isinstance(done.exception, VitalsError) and wanted in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_options_of_the_folder_without_a_folder(prometheus: Prometheus, configured: Callable[..., Any]) -> None:
    config = configured().document.path
    done = CliRunner().invoke(cli, ["--config", str(config), "view", "--prometheus", prometheus.url, "--since", "1h"])
    assert "belong to --static" in str(done.exception)


def test_the_command_says_where_it_is_and_how_large(tmp_path: Path, prometheus: Prometheus, configured: Callable[..., Any]) -> None:
    config = configured().document.path
    done = CliRunner().invoke(cli, ["--config", str(config), "view", "--prometheus", prometheus.url, "--static", str(tmp_path / "out"),
                                    "--board", "slo", "--since", "1h"])
    assert done.exit_code == 0, done.output
    assert "vitals-slo: " in done.output and "vitals-overview" not in done.output and f"{tmp_path}/out/index.html: " in done.output
