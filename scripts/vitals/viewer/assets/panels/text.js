// A text panel. Of Markdown: headings, lists, paragraphs, bold, code and links; markup is shown as it is written.
import { h } from "../dom.js";
import { address } from "../links.js";
import { interpolate } from "../templating.js";

export async function render(body, { panel, scope }) {
  const text = interpolate(String(panel.options?.content ?? ""), scope, "text");
  body.replaceChildren(h("div", { class: "prose" }, blocks(text, scope)));
}

function blocks(text, scope) {
  return text.split(/\n{2,}/).filter((block) => block.trim()).map((block) => {
    const [, marks, heading] = /^(#{1,6})\s+(.*)$/.exec(block.trim()) ?? [];
    if (marks) return h("h4", {}, inline(heading, scope));
    const lines = block.split("\n").filter((one) => one.trim());
    if (lines.every((one) => /^\s*([-*]|\d+\.)\s/.test(one))) {
      return h(/^\s*\d/.test(lines[0]) ? "ol" : "ul", {}, lines.map((one) => h("li", {}, inline(one.replace(/^\s*([-*]|\d+\.)\s+/, ""), scope))));
    }
    return h("p", {}, inline(lines.join(" "), scope));
  });
}

function inline(text, scope) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\))/).filter(Boolean).map((part) => {
    const [, name, url] = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part) ?? [];
    const href = name && address(url, scope);
    if (href) return h("a", { href }, name);
    if (/^\*\*.+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    return /^`.+`$/.test(part) ? h("code", {}, part.slice(1, -1)) : part;
  });
}
