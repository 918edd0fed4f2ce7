// Lines, areas, bars and points over time.
import { h } from "../dom.js";
import { line } from "../data.js";
import { display, hides } from "../fields.js";
import { alpha, hex } from "../colors.js";
import { axis, tickTexts } from "../format.js";
import { legend } from "../legend.js";
import { address, title } from "../links.js";
import { colors, draw, joinCross, layout, moveCross, onZoom, plain, textWidth, under } from "../plot.js";
import { local, timeTicks } from "../time.js";
import { hide, isPinned, show } from "../tooltip.js";

const MOST_IN_TOOLTIP = 24;
const LEGEND_LINE = 22;
const FILLED_LINES = 4;  // more fills on top of each other would be one grey area
const isStacked = ({ config: { custom } }) => ["normal", "percent"].includes(custom.stacking?.mode);
const unitOf = ({ config }) => config.unit ?? "none";

export async function render(body, context) {
  const { panel, series, range, hidden, redraw } = context;
  const options = panel.options ?? {};
  const plot = h("div", { class: "plot" });
  const cross = h("div", { class: "cross", hidden: true });
  const key = options.legend?.showLegend === false ? null : legend(series, options.legend, hidden, redraw);
  const side = options.legend?.placement === "right" && body.clientWidth > 480;
  body.replaceChildren(h("div", { class: side ? "with-legend side" : "with-legend" }, h("div", { class: "plot-box" }, plot, cross), key ?? ""));
  if (key && !side) wholeLines(key, body.clientHeight);
  const shown = series.filter((one) => !hidden.has(one.name) && !hides(one, "viz"));
  const { clientWidth: width, clientHeight: height } = plot.parentElement;
  const units = [...new Set(series.map(unitOf))].slice(0, 2);
  const axes = units.map((unit) => vertical(shown.filter((one) => (unitOf(one) === unit) || (unit === units[0] && !units.includes(unitOf(one)))), unit, height));
  const margin = { l: Math.ceil(Math.max(24, ...axes[0].texts.map((t) => textWidth(t)))) + 12, t: 8, b: 22,
    r: axes[1] ? Math.ceil(Math.max(...axes[1].texts.map((t) => textWidth(t)))) + 12 : 10 };
  const { grid } = colors();
  const ticks = timeTicks(range.from, range.to, width - margin.l - margin.r);
  const frame = { color: colors().text, gridcolor: grid, zeroline: false, fixedrange: true, linecolor: grid };
  const place = (found, more) => ({ ...frame, range: found.log ? [Math.log10(found.low), Math.log10(found.high)] : [found.low, found.high],
    type: found.log ? "log" : "linear", tickvals: found.values, ticktext: found.texts.map(plain), ...more });
  await draw(plot, traces(shown, units), layout(width, height, margin, {
    dragmode: "zoom", barmode: "stack", bargap: 0.1,
    xaxis: { ...frame, fixedrange: false, range: [range.from, range.to], tickvals: ticks.values, ticktext: ticks.texts, tickangle: 0 },
    yaxis: place(axes[0]), ...(axes[1] ? { yaxis2: place(axes[1], { overlaying: "y", side: "right", showgrid: false }) } : {}),
    shapes: [...marks(context.annotations), ...limits(series)],
  }));
  if (!plot.isConnected) return;
  onZoom(plot, context.zoom);
  point(plot, cross, { ...context, shown, margin, width, height, axes, units });
}

/** A legend below a plot takes a third of the panel at most, and no half lines. */
function wholeLines(key, height) {
  key.style.setProperty("max-height", `${Math.max(1, Math.floor((height * 0.34) / LEGEND_LINE)) * LEGEND_LINE}px`);
}

/** What one axis has to hold, its ticks and their texts. */
function vertical(list, unit, height) {
  const configs = list.map(({ config }) => config);
  const least = (name) => { const found = configs.map((c) => c[name] ?? c.custom[`axisSoft${name === "min" ? "Min" : "Max"}`]).filter((v) => v !== undefined && v !== null); return found.length ? found : null; };
  const values = list.filter((one) => !isStacked(one)).flatMap(({ values }) => values).filter(Number.isFinite);
  const totals = new Map();
  for (const { times, values: own } of list.filter(isStacked)) {
    times.forEach((at, i) => Number.isFinite(own[i]) && totals.set(at, (totals.get(at) ?? 0) + own[i]));
  }
  const all = [...values, ...totals.values()];
  const [smallest, largest] = all.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const fixedLow = least("min") && configs.some(({ min }) => min !== undefined && min !== null);
  const fixedHigh = configs.some(({ max }) => max !== undefined && max !== null);
  const low = fixedLow ? Math.min(...least("min")) : Math.min(smallest, ...(least("min") ?? []));
  const high = fixedHigh ? Math.max(...configs.map(({ max }) => max ?? -Infinity)) : Math.max(largest, ...(least("max") ?? []));
  const log = configs.some(({ custom }) => custom.scaleDistribution?.type === "log");
  if (log) {
    const positive = all.filter((v) => v > 0);
    const [from, to] = [Math.floor(Math.log10(positive.length ? positive.reduce((a, b) => Math.min(a, b)) : 1)), Math.ceil(Math.log10(Math.max(largest, 1e-9)))];
    const marks = Array.from({ length: Math.max(1, to - from) + 1 }, (_, i) => 10 ** (from + i));
    return { low: marks[0], high: marks.at(-1), values: marks, texts: tickTexts(marks, unit), log };
  }
  const [from, to, marks] = Number.isFinite(low) && Number.isFinite(high) ? axis(low, high, Math.max(2, height / 42), unit, fixedLow, fixedHigh) : [0, 1, []];
  return { low: from, high: to + (fixedHigh ? (to - from) * 0.01 : 0), values: marks, texts: tickTexts(marks, unit) };
}

function traces(list, units) {
  const stackTimes = [...new Set(list.filter(isStacked).flatMap(({ times }) => times))].sort((a, b) => a - b);
  const thin = Math.min(1, FILLED_LINES / list.filter((one) => !isStacked(one) && one.config.custom.fillOpacity).length);
  return list.map((one) => {
    const { custom } = one.config;
    const { drawStyle = "line", fillOpacity = 0, lineWidth = 1, lineStyle, lineInterpolation, spanNulls = false } = custom;
    const stacked = isStacked(one);
    const values = stacked ? new Map(one.times.map((at, i) => [at, one.values[i]])) : null;
    const { xs, ys } = stacked ? { xs: stackTimes, ys: stackTimes.map((at) => { const v = values.get(at); return Number.isFinite(v) ? v : 0; }) }
      : line(one.times, one.values, one.step, spanNulls);
    const lonely = ys.map((y, i) => y !== null && (ys[i - 1] ?? null) === null && (ys[i + 1] ?? null) === null);
    const base = { name: plain(one.name), x: xs, y: ys, hoverinfo: "skip", yaxis: units.indexOf(unitOf(one)) === 1 ? "y2" : "y" };
    if (drawStyle === "bars") return { ...base, type: "bar", marker: { color: alpha(one.color, Math.max(0.3, fillOpacity / 100)) } };
    const points = drawStyle === "points" || custom.showPoints === "always";
    return { ...base, type: "scatter",
      mode: drawStyle === "points" ? "markers" : points || lonely.some(Boolean) ? "lines+markers" : "lines",
      marker: { color: one.color, size: points ? custom.pointSize ?? 5 : lonely.map((is) => (is ? 5 : 0)), line: { width: 0 } },
      line: { color: one.color, width: lineWidth + 0.5, dash: lineStyle?.fill === "dash" ? lineStyle.dash.map((n) => `${n}px`).join(",") : lineStyle?.fill === "dot" ? "dot" : "solid",
        shape: { stepAfter: "hv", stepBefore: "vh", smooth: "spline" }[lineInterpolation] ?? "linear", simplify: true },
      ...(stacked ? { stackgroup: `${custom.stacking.group ?? "A"}`, groupnorm: custom.stacking.mode === "percent" ? "fraction" : "" } : { fill: fillOpacity ? "tozeroy" : "none" }),
      fillcolor: alpha(one.color, (fillOpacity / 100) * (stacked ? 1 : thin)) };
  });
}

/** Annotations as thin vertical lines, with a foot as long as what they tell lasted. */
function marks(annotations) {
  return annotations.flatMap(({ from, to, color }) => [
    { type: "line", x0: from, x1: from, yref: "paper", y0: 0, y1: 1, line: { color: alpha(color, 0.8), width: 1, dash: "dot" } },
    ...(to > from ? [{ type: "rect", x0: from, x1: to, yref: "paper", y0: 0, y1: 0.02, fillcolor: hex(color), line: { width: 0 } }] : []),
  ]);
}

/** Threshold steps as lines, where a panel draws them. */
function limits(series) {
  const config = series[0]?.config;
  const mode = config?.custom.thresholdsStyle?.mode ?? "off";
  if (mode === "off") return [];
  return (config.thresholds?.steps ?? []).filter(({ value }) => value !== null && value !== undefined).map(({ value, color }) => (
    { type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { color: hex(color), width: 1.5, dash: mode.includes("dash") ? "dash" : "solid" } }));
}

/** The pointer: a hair cross on every plot, and the values at its time. */
function point(plot, cross, { panel, shown, range, margin, width, height, axes, units, annotations, scope }) {
  const inner = width - margin.l - margin.r;
  const toX = (at) => margin.l + ((at - range.from) / (range.to - range.from)) * inner;
  const leave = joinCross((at) => {
    if (!cross.isConnected) return leave();
    cross.hidden = at === null || at < range.from || at > range.to;
    if (!cross.hidden) cross.style.setProperty("transform", `translateX(${Math.round(toX(at))}px)`);
    return undefined;
  });
  const { mode = "single", sort = "none" } = panel.options?.tooltip ?? {};
  const look = (event) => {
    const { at, x, y } = under(event, plot, range, width, height, margin);
    if (at < range.from || at > range.to || y > height - margin.b + 4) return null;
    const near = shown.filter((one) => !hides(one, "tooltip")).map((one) => ({ one, value: valueAt(one, at) })).filter(({ value }) => value !== undefined);
    const [first] = axes;
    const pixel = ({ one, value }) => {
      const { low, high } = axes[Math.max(0, units.indexOf(unitOf(one)))] ?? first;
      return Math.abs(margin.t + (1 - (value - low) / (high - low)) * (height - margin.t - margin.b) - y);
    };
    const closest = near.length ? near.reduce((a, b) => (pixel(b) < pixel(a) ? b : a)) : null;
    const told = annotations.filter(({ from, to }) => Math.abs(toX(from) - x) < 5 || (at >= from && at <= to && y > height - margin.b - 14));
    return { at, near, closest, told };
  };
  const nodes = ({ at, near, closest, told }, links) => {
    const order = { asc: (a, b) => a.value - b.value, desc: (a, b) => b.value - a.value }[sort];
    const list = mode === "single" ? [closest].filter(Boolean) : order ? [...near].sort(order) : near;
    return [h("p", { class: "when" }, local(at)),
      h("table", {}, h("tbody", {}, list.slice(0, MOST_IN_TOOLTIP).map((entry) => h("tr", { class: entry.one === closest?.one ? "closest" : "" },
        h("th", { scope: "row" }, h("span", { class: "key", style: { "--key": entry.one.color } }), entry.one.name),
        h("td", {}, display(entry.one.config, entry.value).text))))),
      list.length > MOST_IN_TOOLTIP ? h("p", { class: "when" }, `and ${list.length - MOST_IN_TOOLTIP} more`) : null,
      told.slice(0, 6).map(({ title: head, text, from, color }) => h("p", { class: "event" }, h("span", { class: "key", style: { "--key": hex(color) } }), `${head} ${text} since ${local(from).slice(11)}`)),
      links && closest ? links(closest.one) : null];
  };
  const links = (one) => (one.config.links ?? []).map((link) => ({ text: title(link.title, scope, { labels: one.labels, name: one.name }),
    href: address(link.url, scope, { labels: one.labels, name: one.name }) })).filter(({ href }) => href)
    .map(({ text, href }) => h("p", {}, h("a", { href }, text)));
  plot.addEventListener("mousemove", (event) => {
    const found = look(event);
    moveCross(found ? found.at : null);
    if (isPinned()) return;
    if (found && mode !== "none" && (found.near.length || found.told.length)) show(event.clientX, event.clientY, nodes(found));
    else hide();
  });
  plot.addEventListener("mouseleave", () => { moveCross(null); hide(); });
  plot.addEventListener("pointerdown", (down) => addEventListener("pointerup", (up) => {
    const found = Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 4 && look(up);
    if (found && found.near.length) show(up.clientX, up.clientY, nodes(found, links), true);
  }, { once: true }));
}

/** The value at a time: of the sample before it, while that is not older than a step and a half. */
function valueAt({ times, values, step }, at) {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= at + step / 2) low = middle; else high = middle - 1;
  }
  return Math.abs(times[low] - at) <= step * 1.5 ? values[low] : undefined;
}
