// Parts of a whole, with a table of them beside.
import { h } from "../dom.js";
import { calc } from "../data.js";
import { legend } from "../legend.js";
import { colors, draw, layout, plain } from "../plot.js";

export async function render(body, context) {
  const { panel, series, hidden, redraw } = context;
  const options = panel.options ?? {};
  const all = series.map((one) => ({ ...one, value: calc(options.reduceOptions?.calcs?.[0] ?? "lastNotNull", one.values) }));
  const shown = all.filter(({ name, value }) => !hidden.has(name) && value > 0);
  const total = shown.reduce((sum, { value }) => sum + value, 0);
  const parts = all.map((one) => ({ ...one, percent: total && shown.includes(one) ? `${((100 * one.value) / total).toFixed(0)}%` : "–" }))
    .sort((a, b) => b.value - a.value);
  const plot = h("div", { class: "plot" });
  const side = body.clientWidth > 340;
  body.replaceChildren(h("div", { class: `with-legend even${side ? " side" : ""}` }, h("div", { class: "plot-box" }, plot),
    options.legend?.showLegend === false ? "" : legend(parts, options.legend, hidden, redraw)));
  const { clientWidth: width, clientHeight: height } = plot.parentElement;
  await draw(plot, [{ type: "pie", labels: shown.map(({ name }) => plain(name)), values: shown.map(({ value }) => value), hole: options.pieType === "donut" ? 0.6 : 0,
    marker: { colors: shown.map(({ color }) => color), line: { color: colors().panel, width: 2 } }, textinfo: "none", hoverinfo: "skip", sort: true, direction: "clockwise" }],
  layout(width, height, { l: 8, r: 8, t: 8, b: 8 }), { staticPlot: true });
}
