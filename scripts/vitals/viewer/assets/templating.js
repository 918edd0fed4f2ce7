// Grafana's variables in texts: $name, ${name}, ${name:format}, [[name]], and the built-in $__… ones.
//   scope: {vars: {name: {values: [...], multi: bool, all: bool}}, from, to (Unix seconds), step (seconds), links}

const VARIABLE = /\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}|\[\[(\w+)(?::(\w+))?\]\]/g;
export const SCRAPE_SECONDS = 30;

const escapeText = (value) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/'/g, "\\'");
const escapePattern = (value) => value.replace(/[\\^$*+?.()|[\]{}]/g, "\\$&").replace(/\\/g, "\\\\").replace(/"/g, '\\"');
const choice = (values) => (values.length > 1 ? `(${values.join("|")})` : values[0] ?? "");

/** Seconds → Grafana's short form: 90 → "90s", 300 → "5m". */
export function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  const whole = Math.round(seconds);
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"]]) if (whole % size === 0) return `${whole / size}${unit}`;
  return `${whole}s`;
}

const FORMATS = {
  prometheus: ({ values, multi }) => (multi ? choice(values.map(escapePattern)) : escapeText(values[0] ?? "")),
  regex: ({ values }) => choice(values.map((value) => value.replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&"))),
  pipe: ({ values }) => values.join("|"),
  csv: ({ values }) => values.join(","),
  raw: ({ values }) => values.join(","),
  text: ({ values, all }) => (all ? "All" : values.join(" + ")),
  json: ({ values }) => JSON.stringify(values.length === 1 ? values[0] : values),
  singlequote: ({ values }) => values.map((value) => `'${value.replace(/'/g, "\\'")}'`).join(","),
  doublequote: ({ values }) => values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(","),
  percentencode: ({ values }) => encodeURIComponent(values.length > 1 ? `{${values.join(",")}}` : values[0] ?? ""),
  lucene: ({ values }) => (values.length > 1 ? `(${values.map((v) => `"${v}"`).join(" OR ")})` : values[0] ?? ""),
  queryparam: ({ values, all }, name) => (all ? ["$__all"] : values).map((v) => `var-${name}=${encodeURIComponent(v)}`).join("&"),
};

function builtIn(name, { from, to, step = SCRAPE_SECONDS }) {
  const range = to - from;
  const rate = Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS);
  return {
    __interval: () => span(step), __interval_ms: () => String(Math.round(step * 1000)), __rate_interval: () => span(rate),
    __range: () => `${Math.round(range)}s`, __range_s: () => String(Math.round(range)),
    __range_ms: () => String(Math.round(range * 1000)), __from: () => String(Math.round(from * 1000)),
    __to: () => String(Math.round(to * 1000)),
  }[name]?.();
}

/** The text with its variables in place. Those that nobody knows stay as they are, as in Grafana. */
export function interpolate(text, scope, form = "prometheus") {
  return text.replace(VARIABLE, (whole, plain, braced, format, old, oldFormat) => {
    const name = plain ?? braced ?? old;
    const found = builtIn(name, scope);
    if (found !== undefined) return found;
    const variable = scope.vars?.[name];
    if (!variable) return whole;
    return (FORMATS[format ?? oldFormat ?? form] ?? FORMATS.raw)(variable, name);
  });
}

/** Which variables a text names. */
export function named(text) {
  return new Set([...String(text).matchAll(VARIABLE)].map((match) => match[1] ?? match[2] ?? match[4]));
}

/** "label_values(metric{…}, label)" → {match, label}; the form without a metric has no match. null for another query. */
export function labelValues(query) {
  const [, inside] = /^\s*label_values\s*\(([\s\S]*)\)\s*$/.exec(query ?? "") ?? [];
  if (inside === undefined) return null;
  const cut = inside.lastIndexOf(",");
  const label = inside.slice(cut + 1).trim();
  return /^[a-zA-Z_]\w*$/.test(label) ? { match: cut < 0 ? "" : inside.slice(0, cut).trim(), label } : null;
}

/** A legend's format with a series' labels; without one, the series as PromQL writes it. */
export function legend(format, labels, fallback = "") {
  if (!format || format === "__auto") {
    const { __name__: name = "", ...rest } = labels;
    const inside = Object.entries(rest).map(([key, value]) => `${key}="${value}"`).join(", ");
    return `${name}${inside ? `{${inside}}` : ""}` || fallback;
  }
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? "").trim();
}
