// What is shown is told by the address: board, variables, time range. A link to it can be shared.
//   Served: /d/<uid>?var-job=…&from=…&to=…&refresh=…, as Grafana has it. From a folder: the same behind a #.

const baked = location.protocol === "file:" || document.documentElement.dataset.baked !== undefined;
const listeners = new Set();

/** {page: "board" | "alerts" | "", uid, params: URLSearchParams} of the present address. */
export function current() {
  const text = baked ? location.hash.slice(1) || "/" : location.pathname + location.search;
  const [path, search = ""] = text.split("?");
  const [, uid] = /^\/d\/([^/?]+)/.exec(path) ?? [];
  return { page: uid ? "board" : path === "/alerts" ? "alerts" : "", uid: uid ? decodeURIComponent(uid) : null,
    params: new URLSearchParams(search) };
}

/** An address within this page, as an href. */
export const href = (path) => (baked ? `#${path}` : path);

export function boardPath(uid, params) {
  const search = params?.toString();
  return `/d/${encodeURIComponent(uid)}${search ? `?${search}` : ""}`;
}

/** Goes there; ``replace``: without a step back. */
export function go(path, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", href(path));
  for (const listener of listeners) listener();
}

/** Changes some of the present parameters: a value, several, or null for none. */
export function change(changes, replace = false) {
  const { uid, page, params } = current();
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const one of Array.isArray(value) ? value : value === null ? [] : [value]) params.append(name, one);
  }
  go(page === "board" ? boardPath(uid, params) : `/alerts?${params}`, replace);
}

export function onChange(listener) {
  listeners.add(listener);
}

addEventListener("popstate", () => { for (const listener of listeners) listener(); });
addEventListener("hashchange", () => { for (const listener of listeners) listener(); });

/** What of the present address goes on to another board: the time range, and the variables. */
export function carried(names = null) {
  const { params } = current();
  const kept = new URLSearchParams();
  for (const [name, value] of params) {
    const variable = name.startsWith("var-") && (names === null || names.includes(name.slice(4)));
    if (["from", "to", "refresh"].includes(name) || variable) kept.append(name, value);
  }
  return kept;
}

export const isBaked = () => baked;
