// Which state each thing was in, when.
import { h } from "../dom.js";
import { spans } from "../data.js";
import { textOn } from "../colors.js";
import { display } from "../fields.js";
import { colors, draw, layout, onZoom, plain, textWidth, under } from "../plot.js";
import { local, timeTicks } from "../time.js";
import { hide, show } from "../tooltip.js";

export async function render(body, context) {
  const { panel, series, range } = context;
  const rows = series.map((one) => ({ one, spans: spans(one.times, one.values, one.step).map((span) => ({ ...span, ...display(one.config, span.value) })) }));
  const states = [...new Map(rows.flatMap(({ spans: all }) => all.map(({ text, color }) => [text, color ?? "#8e8e8e"])))];
  const plot = h("div", { class: "plot" });
  const key = h("ul", { class: "legend list" }, states.map(([text, color]) => h("li", {}, h("span", { class: "series" }, h("span", { class: "key square", style: { "--key": color } }), text))));
  body.replaceChildren(h("div", { class: "with-legend" }, h("div", { class: "plot-box scrolls" }, plot), key));
  const { clientWidth: width, clientHeight } = plot.parentElement;
  const height = Math.max(clientHeight, rows.length * 18 + 30);
  const margin = { l: Math.min(width * 0.4, Math.ceil(Math.max(24, ...rows.map(({ one }) => textWidth(one.name)))) + 12), r: 10, t: 4, b: 22 };
  const short = (name) => { let cut = name; while (cut.length > 4 && textWidth(cut) > margin.l - 14) cut = cut.slice(0, -2); return plain(cut === name ? name : `${cut.slice(0, -1)}…`); };
  const ticks = timeTicks(range.from, range.to, width - margin.l - margin.r);
  const all = rows.flatMap(({ spans: own }, row) => own.map((span) => ({ ...span, row, from: Math.max(span.from, range.from), to: Math.min(span.to, range.to) }))).filter(({ from, to }) => to > from);
  const wide = (span) => ((span.to - span.from) / (range.to - range.from)) * (width - margin.l - margin.r) > textWidth(span.text) + 8;
  await draw(plot, [{ type: "bar", orientation: "h", y: all.map(({ row }) => row), base: all.map(({ from }) => from), x: all.map(({ from, to }) => to - from), hoverinfo: "skip",
    text: all.map((span) => (wide(span) ? plain(span.text) : "")), textposition: "inside", insidetextanchor: "middle", textangle: 0, textfont: { color: all.map(({ color }) => textOn(color ?? "#8e8e8e")), size: 11 },
    marker: { color: all.map(({ color }) => color ?? "#8e8e8e"), line: { width: 0 } }, width: panel.options?.rowHeight ?? 0.9 }],
  layout(width, height, margin, { dragmode: "zoom", barmode: "overlay", xaxis: { color: colors().text, gridcolor: colors().grid, zeroline: false, range: [range.from, range.to], tickvals: ticks.values, ticktext: ticks.texts },
    yaxis: { color: colors().text, range: [rows.length - 0.5, -0.5], fixedrange: true, showgrid: false, zeroline: false, tickvals: rows.map((_, i) => i), ticktext: rows.map(({ one }) => short(one.name)) } }));
  if (!plot.isConnected) return;
  onZoom(plot, context.zoom);
  plot.addEventListener("mousemove", (event) => {
    const { at, down } = under(event, plot, range, width, height, margin);
    const row = Math.floor(down * rows.length);
    const span = all.find((one) => one.row === row && at >= one.from && at < one.to);
    if (!span) return hide();
    return show(event.clientX, event.clientY, [h("p", { class: "when" }, rows[row].one.name), h("p", {}, `${span.text}, ${local(span.from)} to ${local(span.to).slice(11)}`)]);
  });
  plot.addEventListener("mouseleave", () => hide());
}
