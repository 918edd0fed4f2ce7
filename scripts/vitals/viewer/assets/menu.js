// A menu that hangs on a button: arrow keys, Escape, and a click elsewhere do what one expects.
import { fill, h } from "./dom.js";

const menu = h("div", { class: "menu", role: "menu", hidden: true });
let owner = null;

/** ``entries``: [{text, action}] or [{text, href}]. */
export function openMenu(button, entries) {
  if (owner === button) return close();
  if (!menu.isConnected) document.body.append(menu);
  owner = button;
  const items = entries.map(({ text, action, href }) => (href
    ? h("a", { role: "menuitem", href, tabindex: "-1" }, text)
    : h("button", { type: "button", role: "menuitem", tabindex: "-1", onclick: () => { close(true); action(); } }, text)));
  fill(menu, items);
  menu.hidden = false;
  const { right, bottom } = button.getBoundingClientRect();
  menu.style.setProperty("left", `${Math.max(4, right - menu.offsetWidth)}px`);
  menu.style.setProperty("top", `${Math.min(bottom + 2, innerHeight - menu.offsetHeight - 4)}px`);
  button.setAttribute("aria-expanded", "true");
  items[0]?.focus();
  return undefined;
}

export function close(back = false) {
  if (!owner) return;
  owner.setAttribute("aria-expanded", "false");
  if (back) owner.focus();
  owner = null;
  menu.hidden = true;
}

menu.addEventListener("keydown", (event) => {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); items.at(to % items.length).focus(); }
  if (event.key === "Escape") close(true);
  if (event.key === "Tab") close();
});
addEventListener("pointerdown", (event) => { if (owner && !menu.contains(event.target) && !owner.contains(event.target)) close(); });
addEventListener("scroll", () => close(), { passive: true, capture: true });
