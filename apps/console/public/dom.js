// Builds elements from plain values. Text only ever enters as text nodes: log lines are hostile.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes] null, undefined and false leave the attribute out
 * @param {...Child} children
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  append(element, children);
  return element;
}

/** @param {string} tag @param {Attributes} [attributes] @param {...Child} children */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  set(element, attributes);
  append(element, children);
  return element;
}

/** The element of the page with this id. @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** @param {Element} element @param {Attributes} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Element} element @param {Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Keeps the children of `parent` those of the items last given, in order. An item that did not change
 * keeps its element; a changed one keeps which of its details were open and where the focus was, and waits
 * while the reader holds some of its text selected.
 * @template Item
 * @param {Element} parent
 * @param {(item: Item) => string} keyOf unique within the list
 * @param {(item: Item) => HTMLElement} render
 * @returns {(items: readonly Item[]) => void}
 */
export function keyedList(parent, keyOf, render) {
  /** @type {Map<string, { element: HTMLElement, version: string }>} */
  let shown = new Map();
  return (items) => {
    const next = new Map();
    /** @type {HTMLElement | null} */
    let previous = null;
    for (const item of items) {
      const key = keyOf(item);
      const version = JSON.stringify(item);
      const old = shown.get(key);
      const keep = old !== undefined && (old.version === version || isSelected(old.element));
      const element = keep ? old.element : render(item);
      if (old !== undefined && old.element !== element) replace(old.element, element);
      /** @type {Element | null} */
      const place = previous === null ? parent.firstElementChild : previous.nextElementSibling;
      if (place !== element) parent.insertBefore(element, place);
      next.set(key, { element, version: keep ? old.version : version });
      previous = element;
    }
    for (const [key, { element }] of shown) if (!next.has(key)) element.remove();
    shown = next;
  };
}

/** True while the reader holds text of it selected, to copy it. @param {Element} element */
function isSelected(element) {
  const selection = getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(element, true);
}

/** @param {Element} old @param {Element} element */
function replace(old, element) {
  const hadDetails = old.querySelectorAll("details");
  element.querySelectorAll("details").forEach((details, index) => {
    const was = hadDetails[index];
    if (was !== undefined) details.open = was.open;
  });
  const focusable = "a, button, summary, [tabindex]";
  const focused = [...old.querySelectorAll(focusable)].indexOf(document.activeElement ?? old);
  old.replaceWith(element);
  const heir = focused < 0 ? undefined : element.querySelectorAll(focusable)[focused];
  if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
}

/** Silhouettes that tell states apart without colour; each fits a box of 16 by 16. */
const SHAPES = {
  octagon: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM7.2 4v5h1.600V4zM7.2 10.500v1.700h1.600v-1.700z",
  diamond: "M8 .5 15.5 8 8 15.5.5 8zM7.2 4.500v4.300h1.600V4.500zM7.2 10v1.700h1.600V10z",
  triangle: "M8 1l7.5 14H.5zM7.2 6v4.500h1.600V6zM7.2 11.700v1.600h1.600v-1.600z",
  info: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM7.2 7v5h1.600V7zM7.2 4v1.700h1.600V4z",
  check: "M6.2 13.3 1 8.100l1.9-1.9 3.3 3.3 7-7L15 4.500z",
  ring: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3z",
  half: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 2a5 5 0 1 1 0 10z",
  dots: "M1 6.500h3v3H1zM6.5 6.500h3v3h-3zM12 6.500h3v3h-3z",
  dash: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4 7h8v2H4z",
  cross:
    "M3.4 1.5 8 6.100l4.6-4.6 1.9 1.900L9.9 8l4.6 4.6-1.9 1.900L8 9.900l-4.6 4.6-1.9-1.900L6.1 8 1.5 3.400z",
};

/**
 * A state as a shape and a word.
 * @param {keyof typeof SHAPES} shape
 * @param {string} word
 * @param {string} tone critical, error, warning, info, good or dull
 */
export function badge(shape, word, tone) {
  const attributes = { viewBox: "0 0 16 16", "aria-hidden": "true", "fill-rule": "evenodd" };
  const picture = svg("svg", attributes, svg("path", { d: SHAPES[shape] }));
  return el("span", { class: `badge tone-${tone}` }, picture, word);
}

/**
 * Bars, oldest first; a value outside the expected band stands out, a gap means nothing is known.
 * @param {readonly (number | null)[]} values
 * @param {{ label: string, low?: number, high?: number }} options
 */
export function bars(
  values,
  { label, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY },
) {
  const width = 240;
  const height = 48;
  const slots = Math.max(values.length, 30);
  const bandTop = Number.isFinite(high) ? high : 0;
  const top = Math.max(...values.map((value) => value ?? 0), bandTop, Number.MIN_VALUE);
  const y = (/** @type {number} */ value) => height - 1 - (Math.max(0, value) / top) * (height - 4);
  const picture = svg("svg", {
    class: "bars",
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
  });
  if (Number.isFinite(high)) {
    const [upper, lower] = [y(high), y(Number.isFinite(low) ? low : 0)];
    const band = {
      class: "band",
      x: 0,
      width,
      y: fixed(upper),
      height: fixed(Math.max(1, lower - upper)),
    };
    picture.append(svg("rect", band));
  }
  const step = width / slots;
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) return;
    const barTop = Math.min(y(value), height - 2);
    picture.append(
      svg("rect", {
        class: value > high || value < low ? "bar out" : "bar",
        x: fixed((slots - values.length + index) * step + step * 0.1),
        y: fixed(barTop),
        width: fixed(step * 0.8),
        height: fixed(height - barTop),
      }),
    );
  });
  return picture;
}

/** @param {number} value */
function fixed(value) {
  return value.toFixed(1);
}
