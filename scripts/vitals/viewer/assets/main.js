// Where it begins: the frame of the page, and which page of it is shown.
import { openBoard } from "./board.js";
import { eventKinds, every, times, variable } from "./controls.js";
import { fill, h, sign } from "./dom.js";
import { destination, know, title as linkTitle } from "./links.js";
import { ask, badge, banner, statusPage, watch } from "./status.js";
import { source } from "./source.js";
import { local } from "./time.js";
import { boardPath, carried, current, go, href, isBaked, onChange } from "./store.js";

const FOCUSABLE = "summary, button, select, input, a";
const app = document.getElementById("app");
const heading = h("h1", {}, "Agent Vitals");
const about = h("p", { class: "about" });
const bar = h("div", { class: "controls" });
const filters = h("div", { class: "filters" });
const content = h("main", { id: "content", tabindex: "-1" });
const status = badge();
const nav = h("nav", { id: "nav", "aria-label": "Dashboards" });
const burger = h("button", { type: "button", class: "icon burger", "aria-label": "Dashboards", "aria-controls": "nav", "aria-expanded": "false", onclick: () => fold(!document.body.classList.contains("nav-open")) }, sign("menu"));
let index = null;
let board = null;
let leave = () => {};
let timer = null;
let known = null;  // the variables and the board that the bar was last asked to show

function fold(open) {
  document.body.classList.toggle("nav-open", open);
  burger.setAttribute("aria-expanded", String(open));
}

function frame() {
  const place = isBaked() ? `${index.prometheus}, as it was at ${local(index.made)}` : index.prometheus;
  fill(app, nav, h("div", { class: "page" }, h("header", { class: "top" }, banner(() => { ask(); board?.refresh(); }), h("div", { class: "title" }, burger, h("div", {}, heading, about), bar), filters), content,
    h("footer", {}, h("p", {}, `The built-in viewer of Agent Vitals, on Prometheus ${place}. It is not Grafana: it shows the dashboards of this bundle${isBaked() ? " at one time range, with the variables as they were chosen then" : ""}, does not edit or save any, has no users, no Explore, no log lines, no alert editor, and knows no other data sources, panel types and transformations than these dashboards use.`))));
}

function navigation() {
  const { uid, page } = current();
  const folders = [...new Set(index.boards.map(({ folder }) => folder))];
  const link = ({ uid: to, title, text }) => h("li", {}, h("a", { href: href(boardPath(to, to === uid ? current().params : carried())), title: text, "aria-current": to === uid ? "page" : undefined }, title));
  page === "alerts" ? status.setAttribute("aria-current", "page") : status.removeAttribute("aria-current");
  fill(nav, h("div", { class: "brand" }, h("img", { src: isBaked() ? "assets/icon.svg" : "/assets/icon.svg", alt: "", width: "24", height: "24" }), h("span", {}, "Agent Vitals"),
    h("button", { type: "button", class: "icon", "aria-label": "Switch between dark and light", title: "Dark or light", onclick: () => globalThis.vitalsSwitchTheme() }, sign("sun"))),
  status, folders.map((folder) => h("section", {}, h("h2", {}, folder), h("ul", {}, index.boards.filter((one) => one.folder === folder).map(link)))),
  index.problems?.length ? h("p", { class: "problem" }, index.problems.join("; ")) : null);
  ask();
}

/** The bar of a board, each time its variables are known anew. What somebody has open, or has not changed, is let be. */
function controls(variables, shown) {
  const { model } = shown;
  const defaults = { from: model.time?.from ?? "now-6h", to: model.time?.to ?? "now", refresh: model.refresh };
  known = [variables, shown];
  const { params } = current();
  renew(bar, [shown.uid, params.get("from"), params.get("to"), params.get("refresh")], () => times(shown, defaults, () => shown.refresh().catch(failed)));
  const others = (model.links ?? []).filter(({ type, url }) => type === "link" && url && !index.boards.some(({ uid }) => url.startsWith(`/d/${uid}`)))
    .map(({ title, url, tooltip }) => ({ title: linkTitle(title, shown.generation().scope), tooltip, href: destination(url) })).filter((one) => one.href);
  renew(filters, [shown.uid, variables, others], () => [variables.filter(({ hidden }) => !hidden).map(variable), h("span", { class: "events", role: "group", "aria-label": "Events on the plots" }, isBaked() ? null : eventKinds(shown)),
    others.map((one) => h("a", { href: one.href, title: one.tooltip, class: "out" }, sign("link"), one.title))]);
  clearTimeout(timer);
  const seconds = isBaked() ? 0 : every(defaults);
  if (seconds) timer = setTimeout(tick, seconds * 1000);
}

/** Fills a bar when what it tells has changed, and gives the focus back to where it was. */
function renew(element, what, content) {
  const key = JSON.stringify(what);
  if (element.dataset.key === key || element.querySelector("details[open]")) return;
  const focused = element.contains(document.activeElement) ? [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement) : -1;
  fill(element, content());
  element.dataset.key = key;
  if (focused >= 0) element.querySelectorAll(FOCUSABLE)[focused]?.focus();
}

addEventListener("vitals-closed", () => { if (known && known[1] === board) controls(...known); });

function tick() {
  if (document.hidden) timer = setTimeout(tick, 1000);
  else board?.refresh().catch(failed);
}

function failed(error) {
  fill(content, h("div", { class: "failed" }, h("p", { class: "problem" }, error.message), h("button", { type: "button", onclick: () => { board = null; route(); } }, "Try again")));
}

async function route() {
  const { page, uid } = current();
  if (!page) { go(boardPath(index.home, current().params), true); return; }
  navigation();
  if (page === "board" && board?.uid === uid) { await board.refresh(false); return; }
  const moved = content.hasChildNodes();
  leave();
  clearTimeout(timer);
  board = null;
  fold(false);
  scrollTo(0, 0);
  for (const one of [bar, filters]) { fill(one); delete one.dataset.key; }
  const root = h("div", { class: page });
  fill(content, root);
  if (moved) content.focus({ preventScroll: true });
  if (page === "alerts") {
    show("Alerts and targets", isBaked() ? `What fired and what was read when this folder was made: ${local(index.made)}.` : "What fires now, and what Prometheus reads.");
    leave = statusPage(root);
    return;
  }
  const entry = index.boards.find((one) => one.uid === uid);
  show(entry?.title ?? uid, entry?.text ?? "");
  try {
    if (!entry) throw new Error(`There is no dashboard ${uid}; the navigation has those that there are.`);
    const opened = await openBoard(root, uid, controls);
    if (current().uid !== uid) { opened.close(); return; }
    board = opened;
    leave = () => opened.close();
    await opened.refresh();
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  }
}

function show(title, text) {
  heading.textContent = title;
  about.textContent = text;
  document.title = `${title} · Agent Vitals`;
}

/** Links within this page do not load it anew. */
addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;
  const to = link?.getAttribute("href") ?? "";
  if (!link || !plain || isBaked() || !(to.startsWith("/d/") || to.startsWith("/alerts"))) return;
  event.preventDefault();
  go(to);
});
addEventListener("vitals-theme", () => board?.redraw());

async function start() {
  try {
    index = await source.boards();
  } catch (error) {
    fill(app, h("main", { id: "content" }, h("h1", {}, "Agent Vitals"), h("p", { class: "problem" }, error.message), h("button", { type: "button", onclick: start }, "Try again")));
    return;
  }
  know(index.boards.map(({ uid }) => uid));
  frame();
  onChange(() => route().catch(failed));
  watch();
  await route();
}

start();
