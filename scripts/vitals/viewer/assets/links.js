// Links of dashboards and alerts: what their variables stand for, and which of them lead somewhere one may go.
import { href } from "./store.js";
import { interpolate } from "./templating.js";

const known = new Set();

/** Which dashboards there are: links to them, of whatever Grafana, stay within this page. */
export function know(uids) {
  for (const uid of uids) known.add(uid);
}

/** An address that leads to a page, on this page where that can be; null for what leads nowhere one may go. */
export function destination(url) {
  const { uid, search } = dashboard(url) ?? {};
  return known.has(uid) ? href(`/d/${uid}${search}`) : safe(url);
}

/**
 * The address of a link. ``data`` is what it hangs on: {labels, name, value, row}; values of data are encoded, as they
 * may hold anything. null where the result leads elsewhere than to a page.
 */
export function address(url, scope, data = {}) {
  const encode = (value) => encodeURIComponent(value ?? "");
  const filled = String(url ?? "")
    .replace(/\$\{__url_time_range(?::\w+)?\}|\$__url_time_range\b/g, () => `from=${encode(scope.links?.from ?? "now-6h")}&to=${encode(scope.links?.to ?? "now")}`)
    .replace(/\$\{__all_variables(?::\w+)?\}|\$__all_variables\b/g, () => Object.entries(scope.vars ?? {})
      .flatMap(([name, { values, all }]) => (all ? ["$__all"] : values).map((value) => `var-${name}=${encode(value)}`)).join("&"))
    .replace(/\$\{__field\.labels(?:\.(\w+)|\["([^"]+)"\])(?::\w+)?\}/g, (_, a, b) => encode(data.labels?.[a ?? b]))
    .replace(/\$\{__data\.fields(?:\.([^}:[\]]+)|\["?([^"\]]+)"?\])(?:\.(?:text|numeric))?(?::\w+)?\}/g, (_, a, b) => encode(data.row?.[a ?? b]))
    .replace(/\$\{__(?:series|field)\.name(?::\w+)?\}/g, () => encode(data.name))
    .replace(/\$\{__value\.(?:raw|numeric|text)(?::\w+)?\}/g, () => encode(data.value))
    .replace(/\$\{datasource(?::\w+)?\}|\$\{logs(?::\w+)?\}/g, "");
  return destination(interpolate(filled, scope, "percentencode").replace(/&{2,}/g, "&").replace(/\?&/, "?").replace(/[?&]$/, ""));
}

/** A link's title: the same variables, not encoded. */
export function title(text, scope, data = {}) {
  const filled = String(text ?? "")
    .replace(/\$\{__field\.labels\.(\w+)\}/g, (_, label) => data.labels?.[label] ?? "")
    .replace(/\$\{__(?:series|field)\.name\}/g, () => data.name ?? "")
    .replace(/\$\{__data\.fields\.([^}]+)\}/g, (_, name) => data.row?.[name] ?? "");
  return interpolate(filled, scope, "text");
}

/** http, https, and addresses on this site; null for all others (javascript:, data:, …). */
export function safe(url) {
  const text = String(url ?? "").trim();
  if (/^https?:\/\/[^/\s]/i.test(text)) return text;
  return /^\/(?![/\\])/.test(text) ? text : null;
}

/** {uid, search} of an address that leads to a dashboard (of whatever Grafana), else null. */
export function dashboard(url) {
  const [, uid, search = ""] = /^(?:https?:\/\/[^/]+)?(?:\/[\w-]+)*?\/d\/([\w-]+)(?:\/[^?#]*)?(\?[^#]*)?/.exec(safe(url) ?? "") ?? [];
  return uid ? { uid, search } : null;
}
