// A dashboard: rows of panels on a grid of 24 columns. Panels ask when they come into view, those of closed rows never.
import { fill, h, sign } from "./dom.js";
import { events, kinds } from "./events.js";
import { Panel } from "./panel.js";
import { plotly } from "./plot.js";
import { source } from "./source.js";
import { change, current } from "./store.js";
import { moment } from "./time.js";
import { resolve, scopeOf } from "./variables.js";

const ROW_HEIGHT = 38;
const GAP = 8;
const AHEAD = "300px";
const VIEWS = ["rows", "refresh"];  // what of the address changes no answer

export class Board {
  constructor(root, model, onVariables) {
    this.root = root;
    this.model = model;
    this.uid = model.uid;
    this.onVariables = onVariables;
    this.panels = [];
    this.without = new Set();
    plotly().catch(() => {});  // it is wanted soon, and takes as long as the first answers
    this.visible = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const panel = this.panels.find(({ element }) => element === target);
        if (panel) panel.inView = isIntersecting;
        if (panel && isIntersecting && this.now) panel.load();
      }
    }, { rootMargin: AHEAD });
  }

  /** {from, to} in Unix seconds, of what the address says. */
  range() {
    const { params } = current();
    if (this.model.baked) return this.model.baked;
    const { from = "now-6h", to = "now" } = this.model.time ?? {};
    const now = Date.now() / 1000;
    const found = { from: moment(params.get("from") ?? from, now), to: moment(params.get("to") ?? to, now, true) };
    return found.from !== null && found.to !== null && found.from < found.to ? found : { from: now - 21600, to: now };
  }

  /** Reads the address anew: variables, time range; then every panel in view asks. ``force``: also when nothing changed. */
  async refresh(force = true) {
    const { params } = current();
    const key = params.toString();
    if (!force && key === this.key) return;
    this.key = key;
    const question = [...params].filter(([name]) => !VIEWS.includes(name)).join("&");
    const same = question === this.question && this.now;
    this.question = question;
    if (same && !force) {  // only more or fewer panels: those that are there need not ask again
      this.arrange();
      return;
    }
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    const { signal } = controller;
    const range = this.range();
    this.root.setAttribute("aria-busy", "true");
    let variables;
    try {
      variables = await resolve(this.model, params, range, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      throw error;
    }
    if (signal.aborted) return;
    const scope = scopeOf(variables, range, new URLSearchParams({ from: params.get("from") ?? this.model.time?.from ?? "now-6h", to: params.get("to") ?? this.model.time?.to ?? "now" }));
    const generation = { range, scope, signal };
    generation.annotations = events(this.model, generation, this.without);
    generation.annotations.catch(() => {});
    this.now = generation;
    this.onVariables(variables, this);
    this.arrange();
    for (const panel of this.panels) if (panel.inView) panel.load();
    this.root.removeAttribute("aria-busy");
  }

  generation() { return this.now; }

  alone() { return current().params.get("viewPanel")?.replace(/^panel-/, "") ?? null; }

  viewAlone(id) { change({ viewPanel: id === null ? null : String(id) }); }

  zoom(from, to) { if (!this.model.baked) change({ from: String(Math.round(from * 1000)), to: String(Math.round(to * 1000)) }); }

  kinds() { return kinds(this.model); }

  /** Builds what is shown; again only when rows were opened, or one panel is wanted alone. */
  arrange() {
    const alone = this.alone();
    const toggled = new Set((current().params.get("rows") ?? "").split(",").filter(Boolean));
    const key = `${alone} ${[...toggled].sort()}`;
    if (key === this.arranged) return;
    this.arranged = key;
    const kept = new Map(this.panels.map((panel) => [panel.panel.id, panel]));
    const used = new Set();
    const make = (json) => {
      const panel = kept.get(json.id) ?? new Panel(json, this);
      used.add(panel);
      return panel.element.isConnected ? panel : Object.assign(panel, { inView: false });
    };
    const rows = sections(this.model.panels);
    const only = alone && rows.flatMap(({ panels }) => panels).find(({ id }) => String(id) === alone);
    if (only) {
      const panel = make(only);
      size(panel.element, { x: 0, y: 0, w: 24, h: 16 }, 0);
      fill(this.root, h("p", {}, h("button", { type: "button", class: "back", onclick: () => this.viewAlone(null) }, "Back to the whole dashboard")), h("div", { class: "grid" }, panel.element));
    } else {
      fill(this.root, rows.map((row) => this.section(row, toggled, make)));
    }
    for (const panel of this.panels) if (!used.has(panel)) { this.visible.unobserve(panel.element); panel.close(); }
    this.panels = [...used];
    for (const { element } of this.panels) { this.visible.unobserve(element); this.visible.observe(element); }
  }

  section({ row, panels }, toggled, make) {
    const open = !row || Boolean(row.collapsed) === toggled.has(String(row.id));
    const grid = h("div", { class: "grid", id: row ? `row-${row.id}` : undefined, hidden: !open });
    if (open) {
      const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
      for (const json of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
        const { element } = make(json);
        size(element, json.gridPos, top);
        grid.append(element);
      }
    }
    if (!row) return grid;
    const toggle = () => {
      const id = String(row.id);
      toggled.has(id) ? toggled.delete(id) : toggled.add(id);
      change({ rows: [...toggled].join(",") || null }, true);
    };
    return h("section", { class: "row", "aria-label": row.title, data: { rowTitle: row.title } }, h("h2", {}, h("button", { type: "button", "aria-expanded": String(open), "aria-controls": `row-${row.id}`, onclick: toggle },
      sign("down"), row.title, h("small", {}, `${panels.length} panel${panels.length === 1 ? "" : "s"}`))), grid);
  }

  redraw() { for (const panel of this.panels) if (panel.last) panel.draw(); }

  close() {
    this.controller?.abort();
    this.visible.disconnect();
    for (const panel of this.panels) panel.close();
  }
}

/** Rows with their panels; panels before the first row have none. */
function sections(panels) {
  const found = [];
  for (const panel of panels) {
    if (panel.type === "row") found.push({ row: panel, panels: panel.collapsed ? panel.panels ?? [] : [] });
    else {
      if (!found.length) found.push({ row: null, panels: [] });
      found.at(-1).panels.push(panel);
    }
  }
  return found.filter(({ panels: own }) => own.length);
}

function size(element, { x, y, w, h: tall }, top) {
  element.style.setProperty("--column", `${x + 1} / span ${w}`);
  element.style.setProperty("--row", `${y - top + 1} / span ${tall}`);
  element.style.setProperty("--height", `${tall * ROW_HEIGHT - GAP}px`);
}

export const openBoard = async (root, uid, onVariables) => new Board(root, await source.board(uid), onVariables);
