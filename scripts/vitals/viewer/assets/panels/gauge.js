// A dial for each series, with the threshold steps around it.
import { h } from "../dom.js";
import { calc } from "../data.js";
import { hex, readable } from "../colors.js";
import { display } from "../fields.js";
import { linked } from "./linked.js";
import { colors, draw, layout } from "../plot.js";

export async function render(body, context) {
  const { panel, series } = context;
  const calcName = panel.options?.reduceOptions?.calcs?.[0] ?? "lastNotNull";
  const columns = Math.max(1, Math.min(series.length, Math.floor(body.clientWidth / 120)));
  const dials = series.map((one) => ({ one, value: calc(calcName, one.values), box: h("div", { class: "dial-box" }) }));
  body.replaceChildren(h("div", { class: "dials", style: { "--columns": String(columns) } }, dials.map(({ one, value, box }) => {
    const { text, color } = display(one.config, value);
    return linked(h("div", { class: "dial" }, box, h("span", { class: "value", style: { color: color ? readable(color, colors().panel) : colors().strong } }, text),
      series.length > 1 ? h("span", { class: "name", title: one.name }, one.name) : null), one, context);
  })));
  for (const { one, value, box } of dials) {
    const { min = 0, max = 100, thresholds } = one.config;
    const of = (at) => (thresholds?.mode === "percentage" ? min + (at / 100) * (max - min) : at);
    const steps = (thresholds?.steps ?? []).map(({ value: at, color }, i, all) => ({ range: [Math.max(min, of(at ?? min)), Math.min(max, of(all[i + 1]?.value ?? max))], color: hex(color), thickness: 0.18, line: { width: 0 } })).filter(({ range: [a, b] }) => b > a);
    await draw(box, [{ type: "indicator", mode: "gauge", value: Math.min(max, Math.max(min, Number.isFinite(value) ? value : min)),
      gauge: { axis: { range: [min, max], visible: false }, bar: { color: display(one.config, value).color ?? one.color, thickness: 0.7 }, bgcolor: colors().grid, borderwidth: 0, steps } }],
    layout(box.clientWidth, box.clientHeight, { l: 8, r: 8, t: 8, b: 4 }), { staticPlot: true });
  }
}
