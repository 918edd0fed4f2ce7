// The box that follows the pointer over a plot, and the one that explains a panel.
import { fill, h } from "./dom.js";

const box = h("div", { class: "tooltip", id: "tooltip" });
let pinned = false;

export function place(x, y) {
  if (!box.isConnected) document.body.append(box);
  const { width, height } = box.getBoundingClientRect();
  const left = x + 16 + width > innerWidth ? x - width - 16 : x + 16;
  box.style.setProperty("left", `${Math.max(4, left)}px`);
  box.style.setProperty("top", `${Math.max(4, Math.min(y + 12, innerHeight - height - 4))}px`);
}

/** Shows these nodes at a place of the window. A pinned box stays until it is closed. */
export function show(x, y, nodes, pin = false) {
  if (pinned && !pin) return;
  pinned = pin;
  box.classList.toggle("pinned", pin);
  fill(box, nodes, pin ? h("button", { type: "button", class: "close", onclick: () => hide(true) }, "Close") : null);
  box.hidden = false;
  place(x, y);
}

export function hide(also = false) {
  if (pinned && !also) return;
  pinned = false;
  box.hidden = true;
}

export const isPinned = () => pinned;

addEventListener("keydown", (event) => { if (event.key === "Escape") hide(true); });
addEventListener("pointerdown", (event) => { if (pinned && !box.contains(event.target)) hide(true); });
addEventListener("scroll", () => hide(true), { passive: true, capture: true });

/** Makes a button say a text when it is pointed at or has the focus. */
export function explains(button, text) {
  const tell = () => {
    const { left, bottom } = button.getBoundingClientRect();
    show(left - 12, bottom - 6, [h("p", { class: "text" }, text)]);
  };
  for (const kind of ["mouseenter", "focus", "click"]) button.addEventListener(kind, tell);
  for (const kind of ["mouseleave", "blur"]) button.addEventListener(kind, () => hide());
}
