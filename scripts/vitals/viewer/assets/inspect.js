// A panel's questions as PromQL to copy, and its values as a table.
import { h } from "./dom.js";
import { CALCS, calc } from "./data.js";
import { display, styled } from "./fields.js";
import { address, title as linkTitle } from "./links.js";
import { isDark } from "./plot.js";

const VALUES = ["lastNotNull", "min", "max", "mean"];
const MOST = 200;

export function inspect({ panel, last }, scope) {
  const dialog = h("dialog", { class: "inspect", "aria-labelledby": "inspect-title" });
  const list = last ? styled(panel, last.raw, isDark()) : [];
  const query = ({ refId, expr, instant, step, problem, warnings = [] }) => h("div", { class: "query" },
    h("div", { class: "query-head" }, h("h3", {}, `Query ${refId}`), h("span", {}, instant ? "at one moment" : `every ${step} s`), copier(expr)),
    h("pre", { tabindex: "0" }, h("code", {}, expr)), [problem, ...warnings].filter(Boolean).map((text) => h("p", { class: "problem" }, text)));
  const values = h("div", { class: "table-box" }, h("table", { class: "data" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Series"), VALUES.map((name) => h("th", { scope: "col", class: "number" }, CALCS[name][0])), h("th", { scope: "col" }, "Links"))),
    h("tbody", {}, list.slice(0, MOST).map((one) => h("tr", {}, h("th", { scope: "row" }, h("span", { class: "key", style: { "--key": one.color } }), one.name),
      VALUES.map((name) => h("td", { class: "number" }, display(one.config, calc(name, one.values)).text)),
      h("td", { class: "links" }, (one.config.links ?? []).map((link) => ({ href: address(link.url, scope, one), text: linkTitle(link.title, scope, one) })).filter(({ href }) => href).map(({ href, text }) => h("a", { href, onclick: () => dialog.close() }, text))))))));
  dialog.append(h("header", {}, h("h2", { id: "inspect-title" }, panel.title), h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")),
    panel.description ? h("p", {}, panel.description) : "", ...(last?.asked ?? []).map(query),
    list.length ? h("h3", {}, `Values of ${list.length} series${list.length > MOST ? `, the first ${MOST}` : ""}`) : "", list.length ? values : "");
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}

function copier(text) {
  const button = h("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {  // not allowed here: mark it, so that Ctrl-C copies it
      getSelection().selectAllChildren(button.closest(".query").querySelector("code"));
      button.textContent = "Press Ctrl-C";
    }
  } }, "Copy");
  return button;
}
