// The bar above the panels: variables, time range, refresh, and which events are marked.
import { fill, h, sign } from "./dom.js";
import { REFRESHES, PRESETS, describe, duration, local, moment } from "./time.js";
import { change, current, isBaked } from "./store.js";
import { ALL, isAll } from "./variables.js";

/** A button that opens a box below it; one at a time, closed by Escape and by a click elsewhere. */
function dropdown(label, text, content, props = {}) {
  const box = h("div", { class: "box" });
  const summary = h("summary", {}, h("span", { class: "label" }, label), " ", h("span", { class: "chosen" }, text), sign("down"));
  const details = h("details", { class: "dropdown", ...props }, summary, box);
  details.addEventListener("toggle", () => { if (details.open) fill(box, content(() => { details.open = false; summary.focus(); })); else dispatchEvent(new Event("vitals-closed")); });
  details.addEventListener("keydown", (event) => { if (event.key === "Escape" && details.open) { details.open = false; summary.focus(); } });
  return details;
}

addEventListener("pointerdown", (event) => {
  for (const open of document.querySelectorAll("details.dropdown[open]")) if (!open.contains(event.target)) open.open = false;
});

/** One variable: a list to choose from, with All and several where it allows them. */
export function variable({ name, label, multi, includeAll, options, chosen, problem, kind }) {
  const shown = isAll(chosen) ? "All" : chosen.length ? chosen.join(" + ") : problem ? "?" : "none";
  if (isBaked()) return h("span", { class: "fixed" }, h("span", { class: "label" }, label), h("span", { class: "chosen" }, shown));
  if (kind === "textbox") {
    return h("label", { class: "field" }, h("span", { class: "label" }, label), h("input", { type: "text", value: chosen[0] ?? "", onchange: (event) => change({ [`var-${name}`]: event.target.value }) }));
  }
  return dropdown(label, shown, (close) => {
    const state = new Set(chosen);
    const type = multi ? "checkbox" : "radio";
    const apply = () => change({ [`var-${name}`]: state.size ? [...state] : includeAll ? [ALL] : options.slice(0, 1) });
    const boxes = [];
    const set = (value) => {
      if (!multi) { state.clear(); state.add(value); close(); } else if (value === ALL) { state.clear(); state.add(ALL); } else {
        state.delete(ALL);
        state.has(value) ? state.delete(value) : state.add(value);
      }
      for (const [one, box] of boxes) box.checked = state.has(one);
      apply();
    };
    const choice = (value, text) => {
      const input = h("input", { type, name: `choose-${name}`, checked: state.has(value), onchange: () => set(value) });
      boxes.push([value, input]);
      return h("label", { class: "choice", data: { value } }, input, text);
    };
    const all = [...new Set([...options, ...chosen.filter((value) => value !== ALL)])];
    const list = h("div", { class: "choices", role: "group", "aria-label": label }, includeAll ? choice(ALL, "All") : null, all.map((value) => choice(value, value)));
    const narrow = ({ target }) => {
      for (const one of list.children) one.hidden = !one.textContent.toLowerCase().includes(target.value.toLowerCase());
    };
    return [problem ? h("p", { class: "problem" }, problem) : null,
      all.length > 10 ? h("input", { type: "search", placeholder: "Search", "aria-label": `Search in ${label}`, oninput: narrow }) : null,
      all.length ? list : h("p", { class: "note" }, "Prometheus knows no value in this time range.")];
  }, { data: { variable: name } });
}

/** Time range, zooming out, refresh. ``defaults``: the dashboard's own. */
export function times(board, defaults, refreshNow) {
  const { params } = current();
  if (isBaked()) {
    const { from, to } = board.range();
    return [h("span", { class: "fixed" }, sign("clock"), h("span", { class: "chosen" }, `${local(from).slice(0, 16)} to ${local(to).slice(0, 16)}`))];
  }
  const [from, to] = [params.get("from") ?? defaults.from, params.get("to") ?? defaults.to];
  const range = dropdown("Time range", describe(from, to), (close) => {
    const now = board.range();
    const field = (label, value) => h("label", { class: "field" }, h("span", { class: "label" }, label), h("input", { type: "text", value, spellcheck: false, autocomplete: "off" }));
    const [start, stop] = [field("From", /^now/.test(from) ? from : local(now.from)), field("To", /^now/.test(to) ? to : local(now.to))];
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const apply = (event) => {
      event.preventDefault();
      const [a, b] = [start, stop].map((one) => one.querySelector("input").value.trim());
      const [x, y] = [moment(a), moment(b, undefined, true)];
      problem.hidden = x !== null && y !== null && x < y;
      problem.textContent = x === null || y === null ? `${x === null ? a || "(nothing)" : b || "(nothing)"} is no time; write now-6h or 2026-11-21 16:00` : "From has to be before To";
      if (!problem.hidden) return;
      const plain = (text, at) => (/^now/.test(text) ? text : String(Math.round(at * 1000)));
      close();
      change({ from: plain(a, x), to: plain(b, y) });
    };
    return [h("form", { class: "absolute", onsubmit: apply }, start, stop, problem, h("button", { type: "submit" }, "Apply"), h("p", { class: "note" }, "Or drag across a plot.")),
      h("ul", { class: "presets" }, PRESETS.map(([value, text]) => h("li", {}, h("button", { type: "button", "aria-pressed": String(value === from && to === "now"),
        onclick: () => { close(); change({ from: value, to: "now" }); } }, text))))];
  }, { class: "dropdown right" });
  const out = () => {
    const now = board.range();
    const half = (now.to - now.from) / 2;
    change({ from: String(Math.round((now.from - half) * 1000)), to: String(Math.round(Math.min(now.to + half, Date.now() / 1000) * 1000)) });
  };
  const chosen = params.get("refresh") ?? defaults.refresh ?? "";
  const known = REFRESHES.some(([value]) => value === chosen) ? REFRESHES : [...REFRESHES, [chosen, chosen]];
  return [range, h("button", { type: "button", onclick: out, title: "Twice the time" }, "Zoom out"),
    h("span", { class: "joined" }, h("button", { type: "button", class: "icon", "aria-label": "Refresh now", title: "Refresh now", onclick: refreshNow }, sign("refresh")),
      h("label", {}, h("span", { class: "hidden" }, "Refresh every"), h("select", { onchange: (event) => change({ refresh: event.target.value }, true) },
        known.map(([value, text]) => h("option", { value, selected: value === chosen }, text)))))];
}

/** Seconds between refreshes; 0 for never. */
export function every(defaults) {
  return duration(current().params.get("refresh") ?? defaults.refresh ?? "") ?? 0;
}

/** Which kinds of events are marked on the plots. */
export function eventKinds(board) {
  return board.kinds().map(({ name }) => h("label", { class: "choice" }, h("input", { type: "checkbox", checked: !board.without.has(name), onchange: ({ target }) => {
    target.checked ? board.without.delete(name) : board.without.add(name);
    board.refresh();
  } }), name));
}
