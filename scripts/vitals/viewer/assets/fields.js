// A panel's field configuration: what of it holds for one field, and how a value of that field looks.
import { byName, classic, hex, shade } from "./colors.js";
import { format } from "./format.js";

const MATCHERS = {
  byName: (field, name) => field.name === name,
  byRegexp: (field, pattern) => regexp(pattern).test(field.name),
  byFrameRefID: (field, refId) => field.refId === refId,
  byType: (field, type) => (field.type ?? "number") === type,
  byNames: (field, { names = [], mode } = {}) => names.includes(field.name) !== (mode === "exclude"),
  numeric: (field) => (field.type ?? "number") === "number",
};
export const KNOWN_MATCHERS = Object.keys(MATCHERS);

function regexp(text) {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(text) ?? [null, `^${text}$`, ""];
  try { return new RegExp(body, flags.replace(/[gy]/g, "")); } catch { return /(?!)/; }
}

/** The configuration of one field ({name, refId, type}): the defaults, and over them every override that means it. */
export function configOf(panel, field) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const found = { ...defaults, custom: { ...defaults.custom } };
  for (const { matcher, properties } of overrides) {
    if (!MATCHERS[matcher.id]?.(field, matcher.options)) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) found.custom[id.slice(7)] = value;
      else found[id] = value;
    }
  }
  return found;
}

/** The step that a value has reached. A base step's value is null; percentages are of what min and max span. */
export function step(config, value) {
  const { steps = [], mode = "absolute" } = config.thresholds ?? {};
  const { min = 0, max = 100 } = config;
  const at = mode === "percentage" ? ((value - min) / (max - min || 1)) * 100 : value;
  return steps.reduce((found, one) => (one.value === null || one.value === undefined || at >= one.value ? one : found), steps[0]);
}

/** The mapping that takes a value: {text, color}, or undefined. */
export function mapping(config, value) {
  for (const { type, options = {} } of config.mappings ?? []) {
    if (type === "value" && String(value) in options) return options[String(value)];
    const inside = type === "range" && typeof value === "number" &&
      value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity);
    if (inside) return options.result;
    if (type === "regex" && regexp(options.pattern).test(String(value))) return options.result;
    if (type === "special" && SPECIAL[options.match]?.(value)) return options.result;
  }
  return undefined;
}

const empty = (value) => value === null || value === undefined;
const SPECIAL = {
  "null": empty, "nan": (v) => Number.isNaN(v), "null+nan": (v) => empty(v) || Number.isNaN(v),
  "true": (v) => v === true, "false": (v) => v === false, "empty": (v) => v === "",
};

/** How a value looks: {text, color}; color is undefined where the configuration has none for it. */
export function display(config, value) {
  const mapped = mapping(config, value);
  const colored = mapped?.color ?? (config.color?.mode === "fixed" ? config.color.fixedColor
    : typeof value === "number" ? step(config, value)?.color : undefined);
  const text = mapped?.text ?? (empty(value) ? config.noValue ?? "–"
    : typeof value === "number" ? format(value, config.unit, config.decimals) : String(value));
  return { text, color: colored ? hex(colored) : undefined };
}

/** Every series of a panel with its configuration and colour: [{...series, config, color}]. */
export function styled(panel, list, dark) {
  const all = list.map((one) => {
    const config = configOf(panel, one);
    return { ...one, config, name: config.displayName || one.name };
  });
  const names = byName(all.filter(({ config }) => !isFixed(config)).map(({ name }) => name));
  const shades = new Map();
  return all.map((one, index) => {
    const { mode = "palette-classic", fixedColor } = one.config.color ?? {};
    let color = classic(index);
    if (mode === "fixed") color = hex(fixedColor);
    else if (mode === "shades") {
      const nth = shades.get(fixedColor) ?? 0;
      shades.set(fixedColor, nth + 1);
      color = shade(fixedColor, nth, dark);
    } else if (mode === "palette-classic-by-name") color = names.get(one.name);
    else if (mode === "thresholds") color = hex(step(one.config, one.values.at(-1))?.color);
    return { ...one, color };
  });
}

/** Whether a field is kept out of the "legend", the "tooltip" or the whole "viz". */
export const hides = ({ config }, from) => Boolean(config.custom.hideFrom?.[from]);

const isFixed = ({ color }) => ["fixed", "shades", "thresholds"].includes(color?.mode);
