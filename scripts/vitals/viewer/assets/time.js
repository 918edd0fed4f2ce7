// Times as Grafana writes them ("now-6h", "now/d", Unix milliseconds), steps, and where an axis has its ticks.

const UNITS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, M: 2592000, y: 31536000 };

export const PRESETS = [["now-5m", "Last 5 minutes"], ["now-15m", "Last 15 minutes"], ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last hour"], ["now-3h", "Last 3 hours"], ["now-6h", "Last 6 hours"], ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"], ["now-2d", "Last 2 days"], ["now-7d", "Last 7 days"], ["now-30d", "Last 30 days"]];
export const REFRESHES = [["", "Off"], ["10s", "10 s"], ["30s", "30 s"], ["1m", "1 min"], ["5m", "5 min"], ["15m", "15 min"]];

/** "90s", "5m" → seconds; null for what is no duration. */
export function duration(text) {
  const [, count, unit] = /^(\d+(?:\.\d+)?)(ms|[smhdwMy])$/.exec(text ?? "") ?? [];
  return count === undefined ? null : Number(count) * (unit === "ms" ? 0.001 : UNITS[unit]);
}

/** A time → Unix seconds; null for what is none. ``end``: where "now/d" means the end of the day. */
export function moment(text, now = Date.now() / 1000, end = false) {
  const trimmed = String(text ?? "").trim();
  const relative = /^now(?:([+-])(\d+)([smhdwMy]))?(?:\/([smhdwMy]))?$/.exec(trimmed);
  if (relative) {
    const [, way, count, unit, rounded] = relative;
    const at = now + (way ? (way === "-" ? -1 : 1) * Number(count) * UNITS[unit] : 0);
    return rounded ? round(at, rounded, end) : at;
  }
  if (/^\d{9,10}$/.test(trimmed)) return Number(trimmed);
  if (/^\d{12,14}$/.test(trimmed)) return Number(trimmed) / 1000;
  const parsed = /^\d{4}-\d\d-\d\d/.test(trimmed) ? Date.parse(trimmed.replace(" ", "T")) : NaN;
  return Number.isNaN(parsed) ? null : parsed / 1000;
}

function round(at, unit, end) {
  const date = new Date(at * 1000);
  const fields = { s: 5, m: 4, h: 3, d: 2, w: 2, M: 1, y: 0 }[unit];
  const all = [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  const kept = all.map((value, i) => (i <= fields ? value : i === 2 ? 1 : 0));
  if (unit === "w") kept[2] -= (date.getDay() + 6) % 7;
  if (end) kept[unit === "w" ? 2 : fields] += unit === "w" ? 7 : 1;
  return new Date(...kept).getTime() / 1000 - (end ? 0.001 : 0);
}

const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800];

/** Seconds between points: about one for each pixel, a round number, and not less than the panel wants. */
export function stepFor(seconds, pixels, least = 30) {
  const wanted = seconds / Math.max(50, pixels);
  return Math.max(least, STEPS.reduce((best, step) => (Math.abs(step - wanted) < Math.abs(best - wanted) ? step : best)));
}

/** A range as a person says it. */
export function describe(from, to) {
  const preset = to === "now" && PRESETS.find(([start]) => start === from);
  if (preset) return preset[1];
  const relative = to === "now" && /^now-(\d+)([smhdwMy])$/.exec(from);
  if (relative) return `Last ${relative[1]} ${{ s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks", M: "months", y: "years" }[relative[2]]}`;
  const [start, stop] = [moment(from), moment(to, undefined, true)];
  const day = (at) => local(at).slice(0, 10);
  return `${local(start).slice(0, 16)} to ${day(start) === day(stop) ? local(stop).slice(11, 16) : local(stop).slice(0, 16)}`;
}

const two = (number) => String(number).padStart(2, "0");

/** Unix seconds → "2026-11-21 16:20:00" where the browser is. */
export function local(at) {
  const d = new Date(at * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

const TICKS = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];

/** Where a time axis has its ticks, and their texts: the clock, and the date where a day begins. */
export function timeTicks(from, to, pixels) {
  const most = Math.max(2, Math.floor(pixels / 72));
  const step = TICKS.find((seconds) => (to - from) / seconds <= most) ?? TICKS.at(-1);
  const shift = (at) => new Date(at * 1000).getTimezoneOffset() * 60;
  const values = [];
  for (let at = Math.ceil((from - shift(from)) / step) * step + shift(from); at <= to; at += step) {
    values.push(at - shift(from) + shift(at));  // a day may have 23 hours
  }
  const texts = values.map((at) => {
    const d = new Date(at * 1000);
    const midnight = d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0;
    if (step >= 86400 || (midnight && to - from > 43200)) return d.toLocaleDateString(undefined, { day: "numeric", month: "short" });
    return `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? `:${two(d.getSeconds())}` : ""}`;
  });
  return { values, texts };
}
