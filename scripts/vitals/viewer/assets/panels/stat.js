// The value now, large; several of them as tiles, and many as a list.
import { h } from "../dom.js";
import { calc } from "../data.js";
import { alpha, readable, textOn } from "../colors.js";
import { display } from "../fields.js";
import { linked } from "./linked.js";
import { FONT_SIZE, colors, draw, layout, textWidth } from "../plot.js";

const LARGE = 24;  // pixels from which text may have less contrast (WCAG 1.4.3)

export async function render(body, context) {
  const { panel, series, range } = context;
  const { reduceOptions, colorMode = "value", textMode = "auto", graphMode = "none" } = panel.options ?? {};
  const cells = series.map((one) => ({ one, ...display(one.config, calc(reduceOptions?.calcs?.[0] ?? "lastNotNull", one.values)) }));
  const { clientWidth: width, clientHeight: height } = body;
  const named = textMode === "value_and_name" || textMode === "name" || (textMode === "auto" && cells.length > 1);
  const { columns, form } = arrange(cells.length, width, height, named);
  const sparks = [];
  const elements = cells.map(({ one, text, color }) => {
    const filled = colorMode.startsWith("background") && color;
    const size = form === "list" ? FONT_SIZE : fit(text, width / columns - 30, height / Math.ceil(cells.length / columns) - (named ? 24 : 8));
    const tint = filled ? textOn(color) : colorMode === "none" || !color ? colors().strong : readable(color, colors().panel, size < LARGE ? 4.5 : 3);
    const value = h("span", { class: "value", style: { color: tint } }, text);
    if (form !== "list") value.style.setProperty("font-size", `${size}px`);
    const cell = linked(h("div", { class: "stat" }, named ? h("span", { class: "name", title: one.name, style: filled ? { color: tint } : {} }, one.name) : null,
      textMode === "name" ? null : value), one, context);
    if (filled) cell.style.setProperty("background", color);
    if (graphMode === "area" && one.values.length > 1 && form !== "list") {
      const spark = h("div", { class: "spark" });
      cell.append(spark);
      sparks.push([spark, one, filled ? tint : color ?? one.color]);
    }
    return cell;
  });
  body.replaceChildren(h("div", { class: `stats ${form}`, style: { "--columns": String(columns) } }, elements));
  for (const [spark, one, color] of sparks) {
    const low = one.config.min ?? Math.min(...one.values.filter(Number.isFinite));
    const high = Math.max(...one.values.filter(Number.isFinite), low + 1e-12);
    await draw(spark, [{ type: "scatter", mode: "lines", x: one.times, y: one.values, fill: "tozeroy", line: { color, width: 1.5 }, fillcolor: alpha(color, 0.15), hoverinfo: "skip" }],
      layout(spark.clientWidth, spark.clientHeight, { l: 0, r: 0, t: 2, b: 0 }, { xaxis: { visible: false, range: [range.from, range.to], fixedrange: true }, yaxis: { visible: false, range: [low, high * 1.05], fixedrange: true } }), { staticPlot: true });
  }
}

/** How many columns, and whether there is room for tiles. */
function arrange(count, width, height, named) {
  if (count <= 1) return { columns: 1, form: "single" };
  const options = Array.from({ length: Math.min(count, Math.max(1, Math.floor(width / 110))) }, (_, i) => i + 1);
  const fits = options.map((columns) => ({ columns, w: width / columns, h: height / Math.ceil(count / columns) })).filter((o) => o.h >= (named ? 58 : 36));
  if (!fits.length) return { columns: Math.max(1, Math.floor(width / 230)), form: "list" };
  return { columns: fits.reduce((a, b) => (Math.min(b.w / 2.2, b.h) > Math.min(a.w / 2.2, a.h) ? b : a)).columns, form: "tiles" };
}

/** The largest size in which a text fits. */
function fit(text, width, height) {
  return Math.max(14, Math.min(64, height * 0.62, (width / Math.max(1, textWidth(text, 100, 650))) * 100 * 0.95));
}
