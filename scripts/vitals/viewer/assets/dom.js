// Elements by a call. Texts are text nodes: nothing that comes from elsewhere is ever read as HTML.

/** h("p", {class: "a", onclick: f, style: {...}, data: {...}}, "text", child, …) → element. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...there(children));
  return element;
}

const there = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Puts these in the place of everything that is in the element. */
export function fill(element, ...children) {
  element.replaceChildren(...there(children));
  return element;
}

/** Drawn signs, as paths in a square of 16. */
const SIGNS = {
  menu: "M2 4h12M2 8h12M2 12h12",
  more: "M8 3v.01M8 8v.01M8 13v.01",
  info: "M8 7v5M8 4.2v.01M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1",
  down: "M4 6l4 4 4-4",
  refresh: "M13 4v3h-3M13 7a5.5 5.5 0 1 0 .3 3",
  clock: "M8 4v4l3 2M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  bell: "M3 12h10l-1.500-2V7a3.500 3.500 0 0 0-7 0v3zM6.500 14h3",
  warn: "M8 2L1.500 14h13zM8 6.500v3.500M8 12v.01",
  link: "M6 3H3v10h10v-3M9 2h5v5M14 2L7.500 8.500",
};

export function sign(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of [["viewBox", "0 0 16 16"], ["class", "sign"], ["aria-hidden", "true"]]) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SIGNS[name]);
  svg.append(path);
  return svg;
}
