// A table: joined and tidied by the panel's transformations, sorted by a click on a heading.
import { h, sign } from "../dom.js";
import { mix, readable, textOn } from "../colors.js";
import { configOf, display } from "../fields.js";
import { iso } from "../format.js";
import { address, title } from "../links.js";
import { colors } from "../plot.js";
import { sorted, tables, transformed } from "../transform.js";

export async function render(body, context) {
  const { panel, raw, memory } = context;
  const { tables: [table = { fields: [], rows: [] }], unknown } = transformed(tables(raw, panel.targets ?? []), panel.transformations);
  if (unknown.length) context.note(`The viewer does not know the transformation ${unknown.join(", ")}; this is the table without it.`);
  const [given] = panel.options?.sortBy ?? [];
  memory.sort ??= given ? { name: given.displayName, desc: Boolean(given.desc) } : null;
  const ordered = memory.sort ? sorted(table, memory.sort.name, memory.sort.desc) : table;
  const columns = ordered.fields.map((field) => ({ field, config: configOf(panel, field) })).map((column, i) => ({ ...column, i }))
    .filter(({ config }) => !config.custom.hidden && !config.custom.hideFrom?.viz);
  const { panel: background } = colors();
  const order = (name) => {
    const same = memory.sort?.name === name;
    memory.sort = { name, desc: same ? !memory.sort.desc : true };
    context.redraw();
  };
  const heading = ({ field, config }) => {
    const at = memory.sort?.name === field.name ? (memory.sort.desc ? "descending" : "ascending") : undefined;
    return h("th", { scope: "col", "aria-sort": at, class: align(field, config) }, h("button", { type: "button", onclick: () => order(field.name), title: "Sort by this column" },
      config.displayName || field.name, at ? h("span", { class: at }, sign("down")) : null));
  };
  const cell = (row, { field, config, i }, position) => {
    const value = row[i];
    const look = field.type === "time" ? { text: iso(value) } : display(config, value);
    const kind = config.custom.cellOptions?.type;
    const link = value !== null && (config.links ?? []).map((one) => ({ href: address(one.url, context.scope, { value, name: field.name, row: named(ordered.fields, row) }), text: title(one.title, context.scope, {}) })).find(({ href }) => href);
    const style = {};
    if (kind === "color-background" && look.color && value !== null) {
      const muted = mix(look.color, background, 0.15);
      style.background = muted;
      style.color = textOn(muted);
    } else if (kind === "color-text" && look.color && value !== null) style.color = readable(look.color, background);
    return h(position === 0 ? "th" : "td", { class: align(field, config), style, ...(position === 0 ? { scope: "row" } : {}) }, link ? h("a", { href: link.href, title: link.text }, look.text) : look.text);
  };
  body.replaceChildren(h("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": `${panel.title}, table` },
    h("table", { class: "data" }, panel.options?.showHeader === false ? null : h("thead", {}, h("tr", {}, columns.map(heading))),
      h("tbody", {}, ordered.rows.map((row) => h("tr", {}, columns.map((column, position) => cell(row, column, position))))))));
}

const align = (field, config) => {
  const { align: wanted = "auto" } = config.custom;
  return wanted === "auto" ? (field.type === "number" ? "number" : "") : wanted === "right" ? "number" : wanted;
};

const named = (fields, row) => Object.fromEntries(fields.map(({ name }, i) => [name, row[i]]));
