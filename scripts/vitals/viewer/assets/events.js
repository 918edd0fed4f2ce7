// Annotations: what Prometheus knows to have happened, and when it began and ended.
import { series } from "./data.js";
import { source } from "./source.js";
import { interpolate, legend } from "./templating.js";
import { duration, stepFor } from "./time.js";

const MOST = 200;

export const kinds = (model) => (model.annotations?.list ?? []).filter((one) => one.enable !== false && (one.target?.expr || one.expr));

/** [{from, to, title, text, color, kind}], in the order they began. ``without``: names of kinds that are switched off. */
export async function events(model, { range, scope, signal }, without) {
  const found = await Promise.all(kinds(model).filter(({ name }) => !without.has(name)).map((kind) => ask(model, kind, range, scope, signal)));
  return found.flat().sort((a, b) => a.from - b.from).slice(-MOST);
}

async function ask(model, kind, range, scope, signal) {
  const step = stepFor(range.to - range.from, 400, duration(kind.target?.interval ?? kind.step ?? "") ?? 60);
  const align = (at) => Math.floor(at / step) * step;
  const answer = await source.query({ expr: interpolate(kind.target?.expr ?? kind.expr, { ...scope, step }), instant: false, from: align(range.from), to: align(range.to), step,
    board: model.uid, key: `annotation:${kind.name}` }, signal);
  const apart = answer.step ?? step;
  return series(answer.data, { refId: "Anno", step: apart }).flatMap(({ labels, times }) => {
    const runs = [];
    for (const at of times) {
      const open = runs.at(-1);
      if (open && at - open.to <= apart * 1.5) open.to = at;
      else runs.push({ from: at, to: at });
    }
    return runs.map((run) => ({ ...run, kind: kind.name, color: kind.iconColor, title: legend(kind.titleFormat || "{{alertname}}", labels), text: legend(kind.textFormat || " ", labels) }));
  });
}
