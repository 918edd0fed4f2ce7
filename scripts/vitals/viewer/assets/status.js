// What fires and what is down, as Prometheus tells; and whether Prometheus answers at all.
import { fill, h, sign } from "./dom.js";
import { fromNow } from "./format.js";
import { destination } from "./links.js";
import { health, source } from "./source.js";
import { href, isBaked } from "./store.js";
import { local } from "./time.js";

const SEVERITIES = ["critical", "warning", "info"];
const EVERY_MS = 15000;
const RETRY_MS = 5000;
const WATCHDOG = "Watchdog";  // fires always, so that its silence is noticed

const rank = ({ labels }) => (SEVERITIES.indexOf(labels.severity) + SEVERITIES.length + 1) % (SEVERITIES.length + 1);

export const told = { alerts: null, targets: null, problem: "" };
const listeners = new Set();
export const onStatus = (listener) => { listeners.add(listener); return () => listeners.delete(listener); };

export async function ask() {
  try {
    const [{ alerts }, { activeTargets }] = await Promise.all([source.get("/api/v1/alerts"), source.get("/api/v1/targets?state=active")]);
    told.alerts = alerts.filter(({ labels }) => labels.alertname !== WATCHDOG)
      .sort((a, b) => rank(a) - rank(b) || a.labels.alertname.localeCompare(b.labels.alertname) || JSON.stringify(a.labels).localeCompare(JSON.stringify(b.labels)));
    told.targets = [...activeTargets].sort((a, b) => (a.health === "up") - (b.health === "up") || (a.labels.job ?? "").localeCompare(b.labels.job ?? ""));
    told.problem = "";
  } catch (error) {
    told.problem = error.message;
  }
  for (const listener of listeners) listener();
}

export function watch() {
  ask();
  if (!isBaked()) setInterval(() => { if (!document.hidden) ask(); }, EVERY_MS);
}

/** The link in the navigation: how many fire, and how many targets are down. */
export function badge() {
  const count = h("span", { class: "count" });
  const link = h("a", { href: href("/alerts"), class: "alerts-link" }, sign("bell"), h("span", {}, "Alerts, targets"), count);
  onStatus(() => {
    const firing = (told.alerts ?? []).filter(({ state }) => state === "firing");
    const down = (told.targets ?? []).filter((one) => one.health === "down").length;
    count.className = `count ${firing.length ? SEVERITIES.find((name) => firing.some(({ labels }) => labels.severity === name)) ?? "info" : down ? "warning" : "none"}`;
    fill(count, told.alerts ? `${firing.length}` : "?", h("span", { class: "hidden" }, ` firing, ${down} targets down`));
  });
  return link;
}

/** The page of alerts and targets; gives what ends its updates. */
export function statusPage(root) {
  const draw = () => {
    const at = (state) => (told.alerts ?? []).filter((alert) => alert.state === state);
    const down = (told.targets ?? []).filter((one) => one.health !== "up");
    fill(root, told.problem ? h("p", { class: "problem" }, told.problem) : null,
      h("section", { "aria-labelledby": "firing" }, h("h2", { id: "firing" }, `Firing (${at("firing").length})`), alerts(at("firing"), told.alerts ? "Nothing fires." : "Not asked yet.")),
      at("pending").length ? h("section", { "aria-labelledby": "pending" }, h("h2", { id: "pending" }, `Pending (${at("pending").length})`), h("p", { class: "note" }, "These conditions hold, but not for long enough yet."), alerts(at("pending"), "")) : null,
      h("section", { "aria-labelledby": "targets" }, h("h2", { id: "targets" }, `Targets (${(told.targets ?? []).length - down.length} of ${(told.targets ?? []).length} up)`), targets(told.targets ?? [])));
  };
  draw();
  return onStatus(draw);
}

function alerts(list, none) {
  if (!list.length) return h("p", { class: "note" }, none);
  return h("div", { class: "table-box" }, h("table", { class: "data alerts" }, h("thead", {}, h("tr", {}, ["Severity", "Alert", "What", "App", "Since", "More"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, list.map(({ labels, annotations, activeAt }) => {
      const since = Date.parse(activeAt);
      const links = [["Runbook", annotations.runbook_url], ["Dashboard", annotations.dashboard_url]].map(([text, url]) => [text, destination(url)]).filter(([, to]) => to);
      return h("tr", {}, h("td", {}, h("span", { class: `severity ${SEVERITIES.includes(labels.severity) ? labels.severity : ""}` }, labels.severity ?? "–")), h("th", { scope: "row" }, labels.alertname),
        h("td", { class: "wide" }, h("div", {}, annotations.summary ?? ""), annotations.description ? h("small", {}, annotations.description) : null), h("td", {}, labels.job ?? "–"),
        h("td", { title: local(since / 1000) }, fromNow(since)), h("td", { class: "links" }, links.map(([text, to]) => h("a", { href: to }, text))));
    }))));
}

function targets(list) {
  return h("div", { class: "table-box" }, h("table", { class: "data" }, h("thead", {}, h("tr", {}, ["State", "Job", "Instance", "Last asked", "Error"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, list.map((one) => h("tr", {}, h("td", {}, h("span", { class: `severity ${one.health === "up" ? "good" : one.health === "down" ? "critical" : ""}` }, one.health)),
      h("th", { scope: "row" }, one.labels.job ?? ""), h("td", {}, one.labels.instance ?? ""), h("td", {}, Date.parse(one.lastScrape) > 0 ? fromNow(Date.parse(one.lastScrape)) : "never"), h("td", { class: "wide" }, one.lastError ?? ""))))));
}

/** Says when nobody answers, asks again every few seconds, and calls when somebody does. */
export function banner(recovered) {
  const element = h("div", { class: "banner", role: "alert", hidden: true });
  let timer = null;
  health.addEventListener("answer", ({ detail }) => {
    if (detail && element.hidden) {
      element.hidden = false;
      fill(element, sign("warn"), h("span", {}, `${detail.message}. What you see is old; asking again every ${RETRY_MS / 1000} s.`));
      timer = setInterval(() => source.get("/api/v1/status/buildinfo").catch(() => {}), RETRY_MS);
    } else if (!detail && !element.hidden) {
      element.hidden = true;
      clearInterval(timer);
      recovered();
    }
  });
  return element;
}
