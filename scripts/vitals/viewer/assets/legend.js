// What the lines are, below or beside them. A click shows one alone; with Ctrl or ⌘, takes one away.
import { h } from "./dom.js";
import { CALCS, calc } from "./data.js";
import { display, hides } from "./fields.js";

const heading = (name) => (CALCS[name] ?? [name])[0];

/** An element for these series ({name, color, config, values}). ``hidden`` is a set of names; ``changed`` is called. */
export function legend(all, options = {}, hidden = new Set(), changed = () => {}) {
  const list = all.filter((one) => !hides(one, "legend"));
  const calcs = options.calcs ?? options.values ?? [];
  const choose = (name, event) => {
    const names = list.map((one) => one.name);
    const alone = names.every((other) => hidden.has(other) !== (other === name));
    if (event.ctrlKey || event.metaKey || event.shiftKey) hidden.has(name) ? hidden.delete(name) : hidden.add(name);
    else if (alone) hidden.clear();
    else for (const other of names) other === name ? hidden.delete(other) : hidden.add(other);
    changed();
  };
  const entry = (one) => h("button", { type: "button", class: "series", "aria-pressed": String(!hidden.has(one.name)),
    title: `${one.name}: alone; with Ctrl, hide`, onclick: (event) => choose(one.name, event) },
  h("span", { class: one.config.custom?.lineStyle?.fill === "dash" ? "key dashed" : "key", style: { "--key": one.color } }), one.name);
  const value = (one, name) => (name === "percent" ? one.percent : display(one.config, calc(CALCS[name] ? name : "lastNotNull", one.values)).text);
  if (options.displayMode === "table") {
    return h("div", { class: "legend" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), calcs.map((name) => h("th", { scope: "col", class: "number" }, name === "percent" ? "Percent" : name === "value" ? "Value" : heading(name))))),
      h("tbody", {}, list.map((one) => h("tr", {}, h("th", { scope: "row" }, entry(one)), calcs.map((name) => h("td", { class: "number" }, value(one, name))))))));
  }
  return h("ul", { class: "legend list" }, list.map((one) => h("li", {}, entry(one),
    calcs.map((name) => h("span", { class: "calc" }, `${heading(name)}: ${value(one, name)}`)))));
}
