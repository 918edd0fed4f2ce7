// A number and a unit → the text that Grafana writes.
import { UNITS } from "./units.js";

const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"];
const COUNT = ["", "K", "M", "B", "T"];
const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const SI_ONE = SI.indexOf("");
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SPANS = [[31536000, "year"], [604800, "week"], [86400, "day"], [3600, "hour"], [60, "min"], [1, "s"], [1e-3, "ms"],
  [1e-6, "µs"], [1e-9, "ns"]];
const WORDS = [[31536000, "year"], [2592000, "month"], [604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"],
  [1, "second"], [1e-3, "millisecond"]];

/** Decimals that leave three digits that say something; none for whole numbers. */
function digits(value) {
  if (value === 0 || value % 1 === 0) return 0;
  return Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(Number(Math.abs(value).toPrecision(3))))));
}

function fixed(value, decimals, trim) {
  const text = value.toFixed(decimals ?? digits(value));
  const tidy = trim && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return /^-0(\.0*)?$/.test(tidy) ? tidy.slice(1) : tidy;
}

/** How often the base divides the value, within the prefixes there are. */
function power(value, base, least, most) {
  if (value === 0) return 0;
  let found = Math.floor(Math.log(Math.abs(value)) / Math.log(base) + 1e-12);
  // 999.9996 is written as 1000 otherwise.
  if (Number(Math.abs(value / base ** found).toPrecision(3)) >= base) found += 1;
  return Math.min(most, Math.max(least, found));
}

const pad = (number, width = 2) => String(number).padStart(width, "0");

export function iso(ms) {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}` +
    `:${pad(at.getSeconds())}`;
}

/** 90 → "1 minute", as Grafana rounds: to the largest word, and as many smaller ones as there are decimals. */
function words(seconds, decimals = 0) {
  let rest = Math.abs(seconds);
  if (rest < 1e-3) return "0 seconds";
  const parts = [];
  for (const [size, word] of WORDS) {
    const count = Math.floor(rest / size + 1e-9);
    if (count > 0 || parts.length) {
      if (count > 0) parts.push(`${count} ${word}${count === 1 ? "" : "s"}`);
      rest -= count * size;
      if (parts.length > decimals) break;
    }
  }
  return parts.join(", ") + (seconds < 0 ? " ago" : "");
}

/** "3 minutes ago", "in 2 days". */
export function fromNow(ms, now = Date.now()) {
  const apart = (ms - now) / 1000;
  if (Math.abs(apart) < 45) return apart > 0 ? "in a few seconds" : "a few seconds ago";
  const [size, word] = WORDS.find(([seconds]) => Math.abs(apart) >= seconds * 0.9) ?? WORDS.at(-1);
  const count = Math.max(1, Math.round(Math.abs(apart) / size));
  const span = `${count} ${word}${count === 1 ? "" : "s"}`;
  return apart > 0 ? `in ${span}` : `${span} ago`;
}

const WRITERS = {
  fixed: (value, [, suffix, factor = 1], decimals, trim) => fixed(Number((value * factor).toPrecision(15)), decimals, trim) + suffix,
  short(value, unit, decimals, trim) {
    const by = power(value, 1000, 0, SHORT.length - 1);
    return fixed(value / 1000 ** by, decimals, trim) + SHORT[by];
  },
  count(value, [, suffix], decimals, trim) {
    const by = power(value, 1000, 0, COUNT.length - 1);
    return `${fixed(value / 1000 ** by, decimals, trim)}${COUNT[by]} ${suffix}`;
  },
  currency(value, [, symbol], decimals, trim) {
    const by = power(value, 1000, 0, COUNT.length - 1);
    return `${value < 0 ? "-" : ""}${symbol}${fixed(Math.abs(value) / 1000 ** by, decimals, trim)}${COUNT[by]}`;
  },
  si(value, [, suffix, from = 0], decimals, trim) {
    const by = power(value, 1000, -SI_ONE - from, SI.length - 1 - SI_ONE - from);
    return `${fixed(value / 1000 ** by, decimals, trim)} ${SI[SI_ONE + from + by]}${suffix}`.trimEnd();
  },
  iec(value, [, suffix, from = 0], decimals, trim) {
    const by = power(value, 1024, 0, IEC.length - 1 - from);
    return `${fixed(value / 1024 ** by, decimals, trim)} ${IEC[from + by]}${suffix}`;
  },
  time(value, [, factor], decimals, trim) {
    if (value === 0) return `0 ${(SPANS.find(([size]) => size === factor) ?? [1, "s"])[1]}`;
    const seconds = value * factor;
    const [size, word] = SPANS.find(([least]) => Math.abs(seconds) >= least * 0.9995) ?? SPANS.at(-1);
    const count = fixed(Number((seconds / size).toPrecision(15)), decimals, trim);
    return `${count} ${word}${size > 60 && count !== "1" && count !== "-1" ? "s" : ""}`;
  },
  words: (value, [, factor], decimals) => words(value * factor, decimals),
  clock(value, [, factor, days]) {
    const seconds = Math.floor(Math.abs(value * factor));
    const inside = days ? seconds % 86400 : seconds;
    const text = `${pad(Math.floor(inside / 3600))}:${pad(Math.floor(inside / 60) % 60)}:${pad(inside % 60)}`;
    return (value < 0 ? "-" : "") + (days && seconds >= 86400 ? `${Math.floor(seconds / 86400)} d ${text}` : text);
  },
  date: (value, [, form]) => ({ "iso": () => iso(value), "from now": () => fromNow(value),
    "local": () => new Date(value).toLocaleString(), "us": () => new Date(value).toLocaleString("en-US") })[form](),
  locale: (value, unit, decimals) => value.toLocaleString(undefined, { maximumFractionDigits: decimals ?? digits(value) }),
  sci: (value, unit, decimals) => value.toExponential(decimals),
  bool: (value, [, yes, no]) => (value ? yes : no),
};

/** The text of a number. ``decimals``: null lets three digits decide; ``trim`` leaves no zeros at the end (axes). */
export function format(value, unit = "none", decimals = undefined, trim = false) {
  if (value === null || value === undefined) return "";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const known = UNITS[unit || "none"];
  if (known) return WRITERS[known[0]](value, known, decimals ?? undefined, trim);
  const [, kind, text] = /^(suffix|prefix|currency|si|time):(.*)$/.exec(unit) ?? [null, "suffix", ` ${unit}`];
  if (kind === "prefix") return text + fixed(value, decimals, trim);
  if (kind === "currency") return WRITERS.currency(value, [null, text], decimals, trim);
  if (kind === "si") return WRITERS.si(value, [null, text.replace(/^[kMGTP]/, ""), " kMGTP".indexOf(text[0]) > 0 ? " kMGTP".indexOf(text[0]) : 0], decimals, trim);
  return fixed(value, decimals, trim) + text;
}

/** Round values for an axis between two: [low, high, [values]]. Steps suit the unit: powers of two for bytes, minutes for spans. */
export function axis(low, high, count, unit = "none", fixedLow = false, fixedHigh = false) {
  if (!(high > low)) [low, high] = [fixedLow ? low : low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2];
  const [kind, a] = UNITS[unit] ?? ["fixed"];
  const factor = kind === "time" || kind === "words" ? a : 1;
  const step = roundStep(((high - low) / Math.max(1, count)) * factor, kind) / factor;
  const from = fixedLow ? low : Math.floor(low / step + 1e-9) * step;
  const to = fixedHigh ? high : Math.ceil(high / step - 1e-9) * step;
  const values = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-6; i += 1) values.push(Number((i * step).toPrecision(12)));
  return [from, to, values];
}

/** Texts of an axis' values: as short as they can be and still differ. */
export function tickTexts(values, unit) {
  for (let decimals; decimals === undefined || decimals < 8; decimals = (decimals ?? 0) + 1) {
    const texts = values.map((value) => format(value, unit, decimals, decimals === undefined));
    if (new Set(texts).size === texts.length) return texts;
  }
  return values.map(String);
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

function roundStep(raw, kind) {
  if (kind === "iec") {
    const by = Math.max(0, Math.floor(Math.log(raw) / Math.log(1024)));
    return 1024 ** by * 2 ** Math.max(0, Math.ceil(Math.log2(raw / 1024 ** by)));
  }
  if ((kind === "time" || kind === "words") && raw > 0.5) {
    return SECONDS.find((step) => step >= raw) ?? 604800 * Math.ceil(raw / 604800);
  }
  const scale = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].find((step) => step * scale >= raw * 0.999) * scale;
}
