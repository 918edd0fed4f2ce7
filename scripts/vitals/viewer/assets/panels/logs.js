// Log lines are in Elasticsearch, which a viewer of Prometheus does not ask.
import { h } from "../dom.js";

export async function render(body) {
  body.replaceChildren(h("div", { class: "empty" }, h("p", {}, "Log lines are shown by Grafana and Kibana (make up WITH=logs). This viewer reads Prometheus only; counts of the lines are in the other panels.")));
}
