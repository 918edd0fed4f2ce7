// How a histogram's observations spread over time: one row for each bucket, darker where more of them are.
import { h } from "../dom.js";
import { buckets } from "../data.js";
import { scale } from "../colors.js";
import { format } from "../format.js";
import { colors, draw, isDark, layout, moveCross, onZoom, plain, textWidth, under } from "../plot.js";
import { local, timeTicks } from "../time.js";
import { hide, show } from "../tooltip.js";

export async function render(body, context) {
  const { panel, raw, range } = context;
  const { color = {}, filterValues, yAxis = {} } = panel.options ?? {};
  const { bounds, times, rows } = buckets(raw);
  const least = filterValues?.le ?? -Infinity;
  const cells = rows.map((row) => row.map((value) => (value !== null && value > least ? value : null)));
  const unit = yAxis.unit ?? panel.fieldConfig?.defaults?.unit;
  const names = bounds.map((bound) => (bound === Infinity ? "more" : format(bound, unit, undefined, true)));
  const plot = h("div", { class: "plot" });
  body.replaceChildren(h("div", { class: "plot-box" }, plot));
  const { clientWidth: width, clientHeight: height } = plot.parentElement;
  const margin = { l: Math.ceil(Math.max(24, ...names.map((t) => textWidth(t)))) + 14, r: 10, t: 8, b: 22 };
  const ticks = timeTicks(range.from, range.to, width - margin.l - margin.r);
  const every = Math.max(1, Math.ceil(names.length / Math.max(1, (height - 30) / 16)));
  const shownRows = names.map((_, i) => i).filter((i) => i % every === 0);
  const frame = { color: colors().text, gridcolor: colors().grid, zeroline: false, linecolor: colors().grid, showgrid: false };
  await draw(plot, [{ type: "heatmap", x: times, y: names.map((_, i) => i), z: cells, colorscale: scale(color.scheme, isDark()), showscale: false, xgap: 1, ygap: 1, hoverinfo: "skip", zmin: 0 }],
    layout(width, height, margin, { dragmode: "zoom", xaxis: { ...frame, range: [range.from, range.to], tickvals: ticks.values, ticktext: ticks.texts },
      yaxis: { ...frame, range: [-0.5, names.length - 0.5], fixedrange: true, tickvals: shownRows, ticktext: shownRows.map((i) => plain(names[i])) } }));
  if (!plot.isConnected) return;
  onZoom(plot, context.zoom);
  plot.addEventListener("mousemove", (event) => {
    const { at, down } = under(event, plot, range, width, height, margin);
    const row = Math.floor((1 - down) * names.length);
    const column = times.reduce((best, time, i) => (Math.abs(time - at) < Math.abs(times[best] - at) ? i : best), 0);
    if (row < 0 || row >= names.length || at < range.from || at > range.to || cells[row][column] === null) return hide();
    moveCross(at);
    const total = rows.reduce((sum, one) => sum + (one[column] ?? 0), 0);
    return show(event.clientX, event.clientY, [h("p", { class: "when" }, local(times[column])),
      h("p", {}, `${row ? `${names[row - 1]} to ` : "up to "}${names[row]}: ${format(cells[row][column], "short")} a second, ${format(cells[row][column] / total, "percentunit")} of all`)]);
  });
  plot.addEventListener("mouseleave", () => { moveCross(null); hide(); });
}
