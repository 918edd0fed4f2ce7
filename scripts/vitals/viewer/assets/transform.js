// Instant answers in table form, and Grafana's transformations of tables.
//   table: {fields: [{name, refId, type}], rows: [[value, …]]}

/** One table for each query: Time, its labels, its value ("Value" of a panel with one query, else "Value #A"). */
export function tables(list, targets) {
  return targets.map(({ refId }) => {
    const own = list.filter((one) => one.refId === refId);
    const labels = [...new Set(own.flatMap((one) => Object.keys(one.labels)))].sort();
    const fields = [{ name: "Time", type: "time" }, ...labels.map((name) => ({ name, type: "string" })),
      { name: targets.length > 1 ? `Value #${refId}` : "Value", type: "number" }].map((field) => ({ ...field, refId }));
    const rows = own.map((one) => [one.times.at(-1) * 1000, ...labels.map((name) => one.labels[name] ?? null), one.values.at(-1)]);
    return { fields, rows };
  });
}

const KINDS = {
  /** Rows of all tables; those that agree in every field that they share become one. */
  merge(all) {
    const names = new Map();
    for (const { fields } of all.filter(({ rows }) => rows.length)) {
      for (const field of fields) if (!names.has(field.name)) names.set(field.name, field);
    }
    const fields = [...names.values()];
    const keys = fields.filter(({ type }) => type === "string").map(({ name }) => name);
    const found = new Map();
    for (const table of all) {
      for (const row of table.rows) {
        const cells = Object.fromEntries(table.fields.map(({ name }, i) => [name, row[i]]));
        const key = JSON.stringify(keys.map((name) => cells[name] ?? null));
        found.set(key, { ...found.get(key), ...cells });
      }
    }
    return [{ fields, rows: [...found.values()].map((cells) => fields.map(({ name }) => cells[name] ?? null)) }];
  },
  organize: (all, { excludeByName = {}, includeByName = {}, indexByName = {}, renameByName = {} }) => all.map(({ fields, rows }) => {
    const only = Object.keys(includeByName).length > 0;
    const kept = fields.map((field, i) => ({ field, i, at: indexByName[field.name] ?? fields.length + i }))
      .filter(({ field }) => !excludeByName[field.name] && (!only || includeByName[field.name]))
      .sort((a, b) => a.at - b.at);
    return {
      fields: kept.map(({ field }) => ({ ...field, name: renameByName[field.name] || field.name })),
      rows: rows.map((row) => kept.map(({ i }) => row[i])),
    };
  }),
  sortBy: (all, { sort = [] }) => all.map((table) => sort.reduceRight((done, { field, desc }) => sorted(done, field, desc), table)),
  limit: (all, { limitField = 10 }) => all.map(({ fields, rows }) => ({ fields, rows: rows.slice(0, Number(limitField)) })),
};
export const KNOWN_TRANSFORMATIONS = Object.keys(KINDS);

/** The tables after a panel's transformations, and the ids of those that are unknown here. */
export function transformed(all, transformations = []) {
  const unknown = [];
  let done = all;
  for (const { id, options = {}, disabled } of transformations) {
    if (disabled) continue;
    if (KINDS[id]) done = KINDS[id](done, options);
    else unknown.push(id);
  }
  return { tables: done, unknown };
}

/** A table in the order of one column; what is empty or no number comes last. */
export function sorted({ fields, rows }, name, desc = false) {
  const column = fields.findIndex((field) => field.name === name);
  if (column < 0) return { fields, rows };
  const blank = (value) => value === null || value === undefined || Number.isNaN(value);
  return { fields, rows: [...rows].sort(([...a], [...b]) => {
    const [x, y] = [a[column], b[column]];
    if (blank(x) || blank(y)) return Number(blank(x)) - Number(blank(y));
    const order = typeof x === "number" && typeof y === "number" ? x - y
      : String(x).localeCompare(String(y), undefined, { numeric: true });
    return desc ? -order : order;
  }) };
}
