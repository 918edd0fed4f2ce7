// The value now as a bar, one for each series.
import { h } from "../dom.js";
import { calc } from "../data.js";
import { alpha, hex, readable } from "../colors.js";
import { display } from "../fields.js";
import { linked } from "./linked.js";
import { colors } from "../plot.js";

export async function render(body, context) {
  const { panel, series } = context;
  const { displayMode = "gradient", reduceOptions, valueMode = "color" } = panel.options ?? {};
  const values = series.map((one) => calc(reduceOptions?.calcs?.[0] ?? "lastNotNull", one.values));
  const finite = values.filter(Number.isFinite);
  const { panel: background, strong } = colors();
  body.replaceChildren(h("div", { class: "bars" }, series.map((one, i) => {
    const { config } = one;
    const low = config.min ?? Math.min(0, ...finite);
    const high = config.max ?? Math.max(...finite, low + 1e-9);
    const share = Math.max(0, Math.min(1, (values[i] - low) / (high - low || 1))) || 0;
    const { text, color = one.color } = display(config, values[i]);
    const fill = displayMode === "basic" ? color : gradient(config, low, high, share, color);
    return linked(h("div", { class: "bar" }, h("span", { class: "name", title: one.name }, one.name),
      h("span", { class: "track", role: "meter", "aria-label": one.name, "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": Number.isFinite(values[i]) ? Math.min(high, Math.max(low, values[i])) : low, "aria-valuetext": text },
        h("span", { class: "filled", style: { width: `${share * 100}%`, background: fill } })),
      h("span", { class: "value", style: { color: valueMode === "text" ? strong : readable(color, background) } }, text)), one, context);
  })));
}

/** The colours of the steps that the bar passes. */
function gradient(config, low, high, share, color) {
  const steps = (config.thresholds?.steps ?? []).filter(({ value }, i) => i === 0 || (value - low) / (high - low) < share);
  if (steps.length < 2 || !share) return `linear-gradient(90deg, ${alpha(color, 0.55)}, ${color})`;
  const stops = steps.map(({ value, color: own }, i) => `${hex(own)} ${Math.max(0, i ? ((value - low) / (high - low) / share) * 100 : 0)}%`);
  return `linear-gradient(90deg, ${stops.join(", ")}, ${color} 100%)`;
}
