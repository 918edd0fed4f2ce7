// A value that leads somewhere: its element becomes a link, by the first of its links that leads to a page.
import { h } from "../dom.js";
import { address, title } from "../links.js";

export function linked(element, one, { scope }) {
  const data = { labels: one.labels, name: one.name, value: one.values?.at(-1) };
  const found = (one.config.links ?? []).map((link) => ({ href: address(link.url, scope, data), text: title(link.title, scope, data) })).find(({ href }) => href);
  return found ? h("a", { class: `${element.className} linked`, href: found.href, title: found.text }, [...element.childNodes]) : element;
}
