// Where answers come from: the viewer's server, which asks Prometheus; or the folder that they were written into.
import { isBaked } from "./store.js";

const AT_ONCE = 6;

/** An error with Prometheus' own words; ``away`` when nobody answered at all. */
export class Refused extends Error {
  constructor(message, away = false) {
    super(message);
    this.away = away;
  }
}

let running = 0;
const waiting = [];
const shared = new Map();
export const health = new EventTarget();

function tell(error) {
  health.dispatchEvent(new CustomEvent("answer", { detail: error }));
}

/** Runs some tasks at a time; those whose panel nobody looks at any more are never begun. */
function queued(task, signal) {
  return new Promise((resolve, reject) => {
    const start = () => {
      if (signal?.aborted) return reject(signal.reason);
      running += 1;
      return task().then(resolve, reject).finally(() => { running -= 1; next(); });
    };
    waiting.push({ start, signal });
    next();
  });
}

function next() {
  while (running < AT_ONCE && waiting.length) waiting.shift().start();
}

async function fetched(path, params, signal) {
  let response;
  try {
    const body = new URLSearchParams(params ?? {});
    response = await fetch(path, params ? { method: "POST", body, signal } : { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const refused = new Refused("the viewer's own server does not answer", true);
    tell(refused);
    throw refused;
  }
  let document;
  try {
    document = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(`the answer is not JSON (status ${response.status})`);
  }
  if (document?.status === "error") {
    const refused = new Refused(String(document.error ?? "no reason given"), document.errorType === "unreachable");
    tell(refused.away ? refused : null);
    throw refused;
  }
  if (!response.ok) throw new Refused(`the server answers ${response.status}`);
  tell(null);
  return document;
}

const live = {
  boards: () => fetched("/boards.json"),
  board: (uid) => fetched(`/boards/${encodeURIComponent(uid)}.json`),
  get: async (path, signal) => (await queued(() => fetched(path, null, signal), signal)).data,

  /** {data, warnings} of a query: {expr, instant, from, to, step}. The same one asked twice is asked once. */
  query({ expr, instant, from, to, step }, signal) {
    const params = instant ? { query: expr, time: to } : { query: expr, start: from, end: to, step };
    const key = JSON.stringify(params);
    if (!shared.has(key)) {
      const answer = queued(() => fetched(`/api/v1/${instant ? "query" : "query_range"}`, params, signal), signal);
      shared.set(key, answer);
      const forget = () => shared.delete(key);
      answer.then(() => setTimeout(forget, 1000), forget);
    }
    return shared.get(key);
  },
  labelValues: async ({ match, label }, { from, to }, signal) => {
    const search = new URLSearchParams({ start: from, end: to });
    if (match) search.append("match[]", match);
    return live.get(`/api/v1/label/${label}/values?${search}`, signal);
  },
};

// --- from a folder: each file hands over what it holds by calling vitalsBaked(name, data)

const handed = new Map();
const expected = new Map();
globalThis.vitalsBaked = (name, data) => {
  handed.set(name, data);
  expected.get(name)?.(data);
};

function loaded(name) {
  if (handed.has(name)) return Promise.resolve(handed.get(name));
  return new Promise((resolve, reject) => {
    expected.set(name, resolve);
    const script = document.createElement("script");
    script.src = `data/${encodeURIComponent(name)}.js`;
    script.onerror = () => reject(new Refused(`data/${name}.js is not in this folder`));
    document.head.append(script);
  });
}

/** A series as it is kept (first time, step, values; null where there is none) → as Prometheus gives it. */
function samples({ from, step, values }) {
  return values.map((value, i) => [from + i * step, String(value)]).filter((_, i) => values[i] !== null);
}

const folder = {
  boards: () => loaded("index"),
  board: async (uid) => (await loaded(uid)).model,
  query: async ({ board, key }) => {
    const { asked, answers } = await loaded(board);
    if (!asked[key]) throw new Refused("this was not asked when the folder was made");
    const { expr, step, answer } = asked[key];
    const { error, result } = answers[answer];
    if (error) throw new Refused(error);
    return { expr, step, data: { resultType: "matrix", result: result.map((one) => ({ metric: one.metric, values: samples(one) })) } };
  },
  variables: async (uid) => (await loaded(uid)).variables,
  get: async (path) => {
    const answer = (await loaded("index")).answers[path];
    if (!answer) throw new Refused("this was not asked when the folder was made");
    return answer;
  },
};

export const source = isBaked() ? folder : live;
