// Grafana's colour names, a palette for what has none, and what can be read on what.

const NAMED = {
  "red": ["#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"],
  "orange": ["#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"],
  "yellow": ["#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"],
  "green": ["#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"],
  "blue": ["#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"],
  "purple": ["#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"],
};
const SHADES = ["super-light", "light", "", "semi-dark", "dark"];

// Told apart in both themes; none is red, which means trouble. The first ten differ most: others come in only when a panel
// has more lines than that.
const PALETTE = ["#5794F2", "#FF9830", "#3CB8A9", "#B877D9", "#E0B400", "#73BF69", "#EE7FB5", "#B0793E", "#8496A9", "#6FC7EC",
  "#7C7FE0", "#A8B545", "#D0604C", "#2F9E6E", "#CFA2EE", "#C7A77B"];
const FIRST = 10;

/** A colour as #rrggbb (names of Grafana, hex, rgb(…)); grey for what is none. */
export function hex(color) {
  if (!color) return "#8e8e8e";
  const [, shade = "", hue] = /^(?:(super-light|light|semi-dark|dark)-)?([a-z]+)$/.exec(color) ?? [];
  if (NAMED[hue]) return NAMED[hue][SHADES.indexOf(shade)];
  if (color === "transparent") return "#00000000";
  if (color === "text") return getComputedStyle(document.documentElement).getPropertyValue("--text").trim();
  if (/^#[0-9a-f]{6}$/i.test(color)) return color;
  if (/^#[0-9a-f]{3}$/i.test(color)) return `#${[...color.slice(1)].map((c) => c + c).join("")}`;
  const rgb = /^rgba?\((\d+),\s*(\d+),\s*(\d+)/.exec(color);
  if (rgb) return `#${rgb.slice(1, 4).map((n) => Number(n).toString(16).padStart(2, "0")).join("")}`;
  return { white: "#ffffff", black: "#000000", gray: "#8e8e8e", grey: "#8e8e8e" }[color] ?? "#8e8e8e";
}

const parts = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

export function alpha(color, opacity) {
  return `rgba(${parts(hex(color)).join(",")},${opacity})`;
}

export function mix(color, other, share) {
  const [a, b] = [parts(hex(color)), parts(hex(other))];
  return `#${a.map((n, i) => Math.round(n + (b[i] - n) * share).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(color) {
  const [r, g, b] = parts(color).map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG's contrast of two colours, 1 to 21. */
export function contrast(a, b) {
  const [x, y] = [luminance(hex(a)), luminance(hex(b))].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

/** The colour, made darker or lighter until it can be read on a background (AA: 4.5, large text 3). */
export function readable(color, background, wanted = 4.5) {
  const towards = luminance(hex(background)) > 0.2 ? "#000000" : "#ffffff";
  for (let share = 0; share < 1; share += 0.05) {
    const found = mix(color, towards, share);
    if (contrast(found, background) >= wanted) return found;
  }
  return towards;
}

/** Black or white, whichever is easier to read on this. */
export function textOn(background) {
  return contrast(background, "#111217") >= contrast(background, "#ffffff") ? "#111217" : "#ffffff";
}

function hash(text) {
  let found = 0;
  for (const char of text) found = (found * 31 + char.codePointAt(0)) | 0;
  return Math.abs(found);
}

/** name → colour for the names of one panel: the same name has the same colour everywhere, unless two of them would clash. */
export function byName(names) {
  const found = new Map();
  const taken = new Set();
  for (const name of [...new Set(names)].sort()) {
    const among = taken.size < FIRST ? FIRST : PALETTE.length;
    let at = hash(name) % among;
    for (let tries = 0; taken.has(at) && tries < among; tries += 1) at = (at + 1) % among;
    taken.add(at);
    found.set(name, PALETTE[at]);
  }
  return found;
}

export const classic = (index) => PALETTE[index % PALETTE.length];

/** The nth of several shades of one colour. */
export function shade(color, index, dark) {
  if (index === 0) return hex(color);
  const share = Math.min(0.65, 0.22 * Math.ceil(index / 2));
  return mix(color, (index % 2 === 1) === dark ? "#ffffff" : "#000000", index % 2 === 1 ? share : share * 0.7);
}

// From little to much, as Plotly takes them; dark turns a scale round, so that little stays near the background.
const SCALES = {
  Oranges: ["#fff5eb", "#fdd0a2", "#fd8d3c", "#d94801", "#7f2704"],
  Blues: ["#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b"],
  Greens: ["#f7fcf5", "#c7e9c0", "#74c476", "#238b45", "#00441b"],
  Reds: ["#fff5f0", "#fcbba1", "#fb6a4a", "#cb181d", "#67000d"],
  Spectral: ["#5e4fa2", "#66c2a5", "#ffffbf", "#f46d43", "#9e0142"],
};

export function scale(name, dark) {
  const colors = SCALES[name] ?? SCALES.Oranges;
  const turned = dark ? [...colors].reverse() : colors;
  return turned.map((color, i) => [i / (turned.length - 1), color]);
}
