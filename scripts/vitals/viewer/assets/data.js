// Prometheus' answers → series; and what one number a series comes down to.
import { legend } from "./templating.js";

/** "NaN", "+Inf", "1.5" → number. */
export function number(text) {
  if (text === "+Inf" || text === "Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}

/**
 * One answer → [{refId, name, labels, times (Unix seconds), values}], in the order Prometheus gave.
 * A native histogram's samples have no value that could be drawn: such a series is left out.
 */
export function series(data, target) {
  const rows = data?.resultType === "scalar" ? [{ metric: {}, value: data.result }] : data?.result ?? [];
  return rows.filter((row) => row.values || row.value).map((row) => {
    const samples = row.values ?? [row.value];
    const labels = row.metric ?? {};
    return {
      refId: target.refId, labels, name: legend(target.legendFormat, labels, target.expr), step: target.step,
      times: samples.map(([at]) => Number(at)), values: samples.map(([, value]) => number(value)),
    };
  });
}

const some = (values) => values.filter((value) => value !== null && value !== undefined && !Number.isNaN(value));
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Grafana's calculations over a series' values. */
export const CALCS = {
  lastNotNull: ["Last *", (values) => some(values).at(-1)],
  last: ["Last", (values) => values.at(-1)],
  firstNotNull: ["First *", (values) => some(values)[0]],
  first: ["First", (values) => values[0]],
  min: ["Min", (values) => (some(values).length ? some(values).reduce((a, b) => Math.min(a, b)) : undefined)],
  max: ["Max", (values) => (some(values).length ? some(values).reduce((a, b) => Math.max(a, b)) : undefined)],
  mean: ["Mean", (values) => (some(values).length ? sum(some(values)) / some(values).length : undefined)],
  sum: ["Total", (values) => (some(values).length ? sum(some(values)) : undefined)],
  count: ["Count", (values) => values.length],
  range: ["Range", (values) => CALCS.max[1](values) - CALCS.min[1](values)],
  delta: ["Delta", (values) => sum(some(values).map((v, i, all) => (i && v >= all[i - 1] ? v - all[i - 1] : 0)))],
  diff: ["Difference", (values) => some(values).at(-1) - some(values)[0]],
};

export function calc(name, values) {
  return (CALCS[name] ?? CALCS.lastNotNull)[1](values);
}

/** Points of a line: a gap (null) wherever more is missing than may be spanned (``spanNulls``: true, false, or milliseconds). */
export function line(times, values, step, spanNulls) {
  const [xs, ys] = [[], []];
  times.forEach((at, i) => {
    const apart = i ? at - times[i - 1] : 0;
    const missing = apart > step * 1.5 && spanNulls !== true && !(typeof spanNulls === "number" && apart * 1000 <= spanNulls);
    if (missing) { xs.push(times[i - 1] + step); ys.push(null); }
    xs.push(at);
    ys.push(Number.isFinite(values[i]) ? values[i] : null);
  });
  return { xs, ys };
}

/** Cumulative buckets by le → {bounds, times, rows}: what lies in each bucket alone, at each time. */
export function buckets(list) {
  const bounds = [...list].filter((s) => "le" in s.labels)
    .sort((a, b) => number(a.labels.le) - number(b.labels.le));
  const times = [...new Set(bounds.flatMap((s) => s.times))].sort((a, b) => a - b);
  const columns = bounds.map((s) => new Map(s.times.map((at, i) => [at, s.values[i]])));
  const rows = columns.map((column, i) => times.map((at) => {
    if (!column.has(at)) return null;
    return Math.max(0, column.get(at) - (i ? columns[i - 1].get(at) ?? 0 : 0));
  }));
  return { bounds: bounds.map((s) => number(s.labels.le)), times, rows };
}

/** Times and values → spans of one value: [{from, to, value}]; a gap ends a span. */
export function spans(times, values, step) {
  const found = [];
  times.forEach((at, i) => {
    const open = found.at(-1);
    if (open && Object.is(open.value, values[i]) && at - open.to <= step * 0.5) open.to = at + step;
    else found.push({ from: at, to: at + step, value: values[i] });
  });
  return found;
}
