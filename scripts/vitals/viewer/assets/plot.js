// Plotly, fetched once and when it is needed; its colours from the page; and what plots over time share: the hair cross.
import { isBaked } from "./store.js";
import { h } from "./dom.js";
import { hide } from "./tooltip.js";

const MAPS_STYLE = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";
let library;

export function plotly() {
  library ??= new Promise((resolve, reject) => {
    // Plotly puts the style of its maps, which are not used, into every page that has nothing of this name; the page's
    // policy would refuse it, and the browser complain.
    const script = h("script", { id: MAPS_STYLE, src: isBaked() ? "assets/plotly.min.js" : "/assets/plotly.min.js" });
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => { library = undefined; reject(new Error("the drawing library could not be loaded")); };
    document.head.append(script);
  });
  return library;
}

export const FONT_SIZE = 11;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const colors = () => ({ text: css("--muted"), strong: css("--text"), grid: css("--grid"), panel: css("--panel"), accent: css("--accent") });
export const isDark = () => document.documentElement.dataset.theme !== "light";

const ruler = document.createElement("canvas").getContext("2d");
export function textWidth(text, size = FONT_SIZE, weight = 400) {
  ruler.font = `${weight} ${size}px system-ui, sans-serif`;
  return ruler.measureText(text).width;
}

/** Texts that Plotly takes for markup are made plain. */
export const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false, showAxisDragHandles: false };

/** The layout that every plot begins with. */
export function layout(width, height, margin, more = {}) {
  const { text } = colors();
  return { width, height, margin: { ...margin, pad: 0, autoexpand: false }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: FONT_SIZE, color: text }, showlegend: false, hovermode: false, dragmode: false, ...more };
}

/** Draws, or draws anew what is there. An element that has left the page meanwhile is let be. */
export async function draw(element, traces, wanted, config = {}) {
  const library = await plotly();
  if (!element.isConnected) return;
  await library.react(element, traces, wanted, { ...CONFIG, ...config });
}

/** Calls ``zoom(from, to)`` with the stretch of time that somebody drags over. */
export function onZoom(plot, zoom) {
  plot.on?.("plotly_relayout", (event) => {
    const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (from !== undefined && to - from >= 1) { hide(true); zoom(from, to); }
  });
}

/** What the pointer is at: the time, how far down between the margins (0 to 1), and its pixels on the plot. */
export function under(event, plot, range, width, height, margin) {
  const frame = plot.getBoundingClientRect();
  const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
  return { x, y, at: range.from + ((x - margin.l) / (width - margin.l - margin.r)) * (range.to - range.from),
    down: (y - margin.t) / (height - margin.t - margin.b) };
}

export function purge(element) {
  for (const plot of element.querySelectorAll(".js-plotly-plot")) globalThis.Plotly?.purge(plot);
}

// --- one time on all plots

const crossed = new Set();

/** ``show(time | null)`` is called whenever the pointer is over some plot. Gives what takes it away again. */
export function joinCross(show) {
  crossed.add(show);
  return () => crossed.delete(show);
}

export function moveCross(time) {
  for (const show of crossed) show(time);
}
