// A dashboard's variables: what each can be, what is chosen in the address, and the scope that queries are filled with.
import { source } from "./source.js";
import { isBaked } from "./store.js";
import { interpolate, labelValues } from "./templating.js";

export const ALL = "$__all";

/** The variables in their order: {name, label, multi, includeAll, hidden, kind, options, chosen, problem}. */
export async function resolve(model, params, range, signal) {
  if (isBaked()) return source.variables(model.uid);
  const found = [];
  for (const variable of model.templating?.list ?? []) {
    if (variable.type === "datasource" || variable.type === "adhoc") continue;
    const scope = scopeOf(found, range, params);
    let [options, problem] = [[], ""];
    try {
      options = await choices(variable, scope, range, signal);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      problem = error.message;
    }
    found.push({ name: variable.name, label: variable.label || variable.name, multi: Boolean(variable.multi), kind: variable.type,
      includeAll: Boolean(variable.includeAll), allValue: variable.allValue || null, hidden: (variable.hide ?? 0) === 2, options, problem,
      chosen: chosen(variable, options, params.getAll(`var-${variable.name}`)) });
  }
  return found;
}

async function choices(variable, scope, range, signal) {
  if (variable.type !== "query") {
    if (variable.type === "constant" || variable.type === "textbox") return [String(variable.query ?? "")];
    return String(variable.query ?? "").split(",").map((text) => text.trim()).filter(Boolean);
  }
  const query = interpolate(variable.query?.query ?? variable.query ?? "", scope);
  const wanted = labelValues(query);
  if (!wanted) throw new Error(`the viewer knows label_values(…) only, not ${query}`);
  let values = await source.labelValues(wanted, range, signal);
  const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(variable.regex ?? "") ?? [];
  if (pattern) {
    const wants = new RegExp(pattern, flags);
    values = values.map((value) => wants.exec(value)).filter(Boolean).map((match) => match[1] ?? match[0]);
  }
  const order = { 1: 1, 2: -1, 3: 1, 4: -1, 5: 1, 6: -1 }[variable.sort ?? 0];
  return order ? [...new Set(values)].sort((a, b) => order * a.localeCompare(b, undefined, { numeric: true })) : values;
}

/** What the address says, else what the dashboard says, else the first, or all. */
function chosen(variable, options, given) {
  if (given.length) return given;
  const own = [variable.current?.value ?? []].flat().filter((value) => value === ALL || options.includes(value) || variable.type !== "query");
  if (own.length) return own;
  return variable.includeAll ? [ALL] : options.slice(0, 1);
}

/** What interpolation takes. */
export function scopeOf(variables, { from, to }, params) {
  const vars = Object.fromEntries(variables.map(({ name, multi, options, chosen: values, allValue }) => {
    const all = values.includes(ALL);
    if (all && allValue) return [name, { values: [allValue], multi: false, all }];
    return [name, { values: all ? options : values, multi: multi || all, all }];
  }));
  return { vars, from, to, links: { from: params.get("from") ?? "now-6h", to: params.get("to") ?? "now" } };
}

export const isAll = (values) => values.includes(ALL);
