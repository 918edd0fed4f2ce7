// One panel: its frame, its questions, and what is shown while they are open, when they fail, and when nothing comes.
import { fill, h, sign } from "./dom.js";
import { calc, series } from "./data.js";
import { display, styled } from "./fields.js";
import { address, title as linkTitle } from "./links.js";
import { inspect } from "./inspect.js";
import { openMenu } from "./menu.js";
import { PANELS } from "./panels/index.js";
import { isDark, purge } from "./plot.js";
import { source } from "./source.js";
import { interpolate } from "./templating.js";
import { duration, stepFor } from "./time.js";
import { explains } from "./tooltip.js";

const LEAST_STEP = 30;

export class Panel {
  /** ``board`` gives generation(), zoom(from, to) and viewAlone(id). */
  constructor(panel, board) {
    this.panel = panel;
    this.board = board;
    this.hidden = new Set();
    this.memory = {};
    this.drawn = null;
    this.last = null;
    const words = panel.description ?? "";
    const id = `panel-${panel.id}`;
    const info = words ? h("button", { type: "button", class: "icon", "aria-label": `About ${panel.title}`, "aria-describedby": `${id}-text` }, sign("info")) : null;
    if (info) explains(info, words);
    this.menu = h("button", { type: "button", class: "icon", "aria-label": `Menu of ${panel.title}`, "aria-haspopup": "menu" }, sign("more"));
    this.menu.addEventListener("click", () => openMenu(this.menu, this.entries()));
    this.heading = h("h3", { id: `${id}-title`, title: panel.title }, panel.title ?? "");
    this.warning = h("p", { class: "problem", role: "status", hidden: true });
    this.body = h("div", { class: "body" });
    this.summary = h("p", { class: "hidden" });
    this.element = h("section", { class: "panel", id, "aria-labelledby": `${id}-title`,
      data: { panelId: String(panel.id), panelTitle: panel.title ?? "", panelType: panel.type, state: "loading" } },
    h("header", {}, this.heading, info, words ? h("span", { class: "hidden", id: `${id}-text` }, words) : null, this.menu),
    this.warning, this.body, this.summary);
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.body);
    fill(this.body, h("div", { class: "waiting", "aria-hidden": "true" }));
  }

  entries() {
    const { scope } = this.board.generation();
    const links = (this.panel.links ?? []).map((link) => ({ text: linkTitle(link.title, scope), href: address(link.url, scope) })).filter(({ href }) => href);
    return [{ text: "Query and values", action: () => inspect(this, scope) },
      { text: this.board.alone() ? "Back to the dashboard" : "View alone", action: () => this.board.viewAlone(this.board.alone() ? null : this.panel.id) }, ...links];
  }

  /** Asks and draws for a generation, unless that was done. */
  async load() {
    const generation = this.board.generation();
    if (this.drawn === generation || this.loading === generation) return;
    this.loading = generation;
    this.element.setAttribute("aria-busy", "true");
    const { range, scope, signal, annotations } = generation;
    const asked = this.queries(range, scope);
    const [answers, notes] = await Promise.all([Promise.allSettled(asked.map((one) => source.query(one, signal))), annotations.catch(() => [])]);
    if (signal.aborted || this.board.generation() !== generation) return;
    this.loading = null;
    this.drawn = generation;
    this.element.removeAttribute("aria-busy");
    const problems = answers.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
    const all = answers.map((answer, i) => (answer.status === "fulfilled" ? { ...asked[i], ...answer.value } : { ...asked[i], problem: answer.reason.message }));
    const away = problems.some((problem) => problem.away);
    if (away && this.last && this.element.dataset.state === "ok") {  // old data are better than none; the banner says they are old
      this.say([...new Set(problems.map(({ message }) => message))], true);
      return;
    }
    this.last = { asked: all, problems, range, scope, notes, raw: all.flatMap((one) => (one.data ? series(one.data, one) : [])) };
    await this.draw();
  }

  /** This panel's questions: [{refId, expr, instant, from, to, step, legendFormat, key, board}]. */
  queries(range, scope) {
    const least = (text) => duration(String(text ?? "").replace(">", "")) ?? 0;
    return (this.panel.targets ?? []).filter((target) => target.expr && !target.hide).map((target) => {
      const step = stepFor(range.to - range.from, this.body.clientWidth, Math.max(LEAST_STEP, least(this.panel.interval), least(target.interval)));
      const instant = Boolean(target.instant) && !target.range;
      const align = (at) => Math.floor(at / step) * step;
      return { refId: target.refId, legendFormat: target.legendFormat, step, instant, expr: interpolate(target.expr, { ...scope, step }),
        from: align(range.from), to: instant ? Math.floor(range.to) : align(range.to), board: this.board.uid, key: `${this.panel.id}:${target.refId}` };
    });
  }

  async draw() {
    const { raw, problems, range, scope, notes } = this.last;
    const { type } = this.panel;
    const styledSeries = styled(this.panel, raw, isDark());
    const wantsData = !["text", "logs"].includes(type);
    this.say([...new Set(problems.map(({ message }) => message))], raw.length > 0);
    purge(this.body);
    if (wantsData && !raw.length) {
      const text = problems.length ? "" : this.panel.fieldConfig?.defaults?.noValue ?? "No data";
      fill(this.body, h("div", { class: "empty", tabindex: "0" }, h("p", {}, text))); // a long text scrolls, by keys as well
      this.finish(problems.length ? "error" : "empty", text);
      return;
    }
    if (!PANELS[type]) this.note(`The viewer does not draw panels of the type ${type}; these are the values.`);
    const context = { panel: this.panel, series: styledSeries, raw, range, scope, annotations: notes, hidden: this.hidden, memory: this.memory,
      redraw: () => this.draw(), note: (text) => this.note(text), zoom: (from, to) => this.board.zoom(from, to) };
    try {
      await (PANELS[type] ?? PANELS.table)(this.body, context);
      this.size = [this.body.clientWidth, this.body.clientHeight].join();
      this.finish(problems.length ? "error" : "ok", wantsData ? told(styledSeries) : "");
    } catch (error) {
      console.error(this.panel.title, error);
      this.say([`This panel could not be drawn: ${error.message}`], false);
      this.finish("error", "");
    }
  }

  finish(state, text) {
    this.element.dataset.state = state;
    this.summary.textContent = text;
    for (const plot of this.body.querySelectorAll(".js-plotly-plot")) {
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", `${this.panel.title}. ${text}`);
    }
  }

  say(messages, besides) {
    this.warning.hidden = messages.length === 0;
    this.warning.classList.toggle("besides", besides);
    fill(this.warning, messages.map((text) => h("span", {}, text)));
  }

  note(text) {
    this.say([text], true);
  }

  resized() {
    if (!this.last || !this.size || [this.body.clientWidth, this.body.clientHeight].join() === this.size || !this.body.clientWidth) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.element.isConnected && this.draw(), 120);
  }

  close() {
    this.sizes.disconnect();
    clearTimeout(this.timer);
    purge(this.body);
  }
}

/** What a plot says, for those who do not see it. */
function told(list) {
  const most = 12;
  const parts = list.slice(0, most).map(({ name, config, values }) => `${name} ${display(config, calc("lastNotNull", values)).text}`);
  return `${list.length} series; last values: ${parts.join("; ")}${list.length > most ? `; and ${list.length - most} more` : ""}.`;
}
