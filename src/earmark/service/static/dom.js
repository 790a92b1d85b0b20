// Elements, and the few words that all parts of the page share. Text only ever becomes text, never markup.

/** Make an element: properties by name, `class`, `aria-…` and `data-…` as attributes, `on` for listeners. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name === "class" ? "class" : name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

let made = 0;

/** Return an id that no other element has, for labels. */
export const newId = (name) => `${name}-${++made}`;

/** Say something to those who do not see the page; `at once` replaces what has not been said yet. */
export function announce(text) {
  const news = byId("news");
  news.append(el("p", {}, text));
  while (news.childElementCount > 4) news.firstElementChild.remove();
}

/** Show a share as people read it; never 100 % or 0 % of what is not certain. */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  if (share > 0.9995 && share < 1) return "> 99.9 %";
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return `${(share * 100).toFixed(share >= 0.9995 || share === 0 ? 0 : 1)} %`;
}

/** Show a moment or length: 0.42 s, 12.4 s, 3:07. */
export function clock(seconds) {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Show a short time: 0.4 ms, 31 ms, 1.2 s. */
export function milliseconds(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export const hertz = (hz) => (hz >= 1000 ? `${+(hz / 1000).toFixed(2)} kHz` : `${hz} Hz`);

/** Say a number of things: 1 file, 2 files. */
export const count = (n, thing) => `${n} ${thing}${n === 1 ? "" : "s"}`;
