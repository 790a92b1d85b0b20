// What a classifier answered: the label, how sure, the likeliest labels, and where in the sound.

import { el, hertz, milliseconds, percent, clock } from "./dom.js";
import { feedbackForm } from "./feedback.js";
import { Sound } from "./sound.js";

const N_SHOWN = 5;
const N_IN_TURN = 20;

/** Return the parts of a card for an answer of /v1/classify. */
export function classified(result, { file, labels }) {
  const headline = headlineOf(result);
  const sound = new Sound({
    file,
    name: file.name,
    durationS: result.audio.duration_s,
    rateHz: result.audio.rate_hz,
    regions: result.events.map((event) => ({
      startS: event.start_s,
      endS: event.end_s,
      text: `${event.label} · ${percent(event.probability)}`,
      name: `${event.label}, ${percent(event.probability)}`,
    })),
  });
  return {
    sound,
    spoken: `${headline.text}${headline.share ? `, ${headline.share}` : ""}${headline.doubt ? `. ${headline.doubt}` : ""}`,
    parts: [
      el(
        "div",
        { class: "answer" },
        el("p", { class: headline.text.length > 12 ? "label long" : "label" }, headline.text),
        headline.share && el("p", { class: "share number" }, headline.share),
        el("p", { class: `badge ${headline.kind}` }, headline.badge),
      ),
      headline.doubt && el("p", { class: "soft" }, headline.doubt),
      inTurn(result.events),
      facts(result),
      sound.element,
      bars(result),
      feedbackForm(result, labels, file),
    ],
  };
}

/** Say the answer: what is accepted, or that it is not, and why. */
function headlineOf({ label, probability, scores, accepted, accepted_labels: acceptedLabels, known }) {
  if (accepted) {
    // Where several labels may hold, thresholds differ: what is accepted need not be the likeliest.
    const share = acceptedLabels.length === 1 ? percent(scores[acceptedLabels[0]]) : "";
    return { text: acceptedLabels.join(", "), share, badge: "sure", kind: "good" };
  }
  const likeliest = `The likeliest is ${label} with ${percent(probability)}.`;
  const doubt = known
    ? `${likeliest} That is below the model's own threshold.`
    : `This does not sound like anything the model has learned. ${likeliest}`;
  return { text: "Not sure", badge: known ? "below the threshold" : "unknown sound", kind: "warning", doubt };
}

/** Name the labels in the order in which they are heard; nothing for one event, whose label is the answer. */
function inTurn(events) {
  if (events.length < 2) return null;
  const rest = events.length - N_IN_TURN;
  const labels = events.slice(0, N_IN_TURN).map(({ label }) => label).join(", ");
  return el("p", {}, `Heard in turn: ${labels}${rest > 0 ? ` and ${rest} more` : ""}`);
}

/** Return the line of small facts: model, sound, time taken. */
export function facts({ model, audio, timing_ms: timing }) {
  const channels = audio.n_channels === 1 ? "mono" : audio.n_channels === 2 ? "stereo" : `${audio.n_channels} channels`;
  const parts = Object.entries(timing).filter(([name]) => name !== "total").map(([name, ms]) => `${name} ${milliseconds(ms)}`);
  return el(
    "ul",
    { class: "facts" },
    el("li", {}, `${clock(audio.duration_s)}, ${hertz(audio.rate_hz)}, ${channels}`),
    el("li", { class: "latency" }, `answered in ${milliseconds(timing.total)} (${parts.join(", ")})`),
    el("li", {}, `${model.name} ${model.version}`),
  );
}

function bars({ scores, accepted_labels: accepted }) {
  const all = Object.entries(scores).sort((a, b) => b[1] - a[1]);
  const list = el("ol", { class: "bars", "aria-label": "Likeliest labels" });
  const show = (n) => list.replaceChildren(...all.slice(0, n).map(([label, share]) => bar(label, share, accepted.includes(label) ? "sure" : "")));
  show(N_SHOWN);
  if (all.length <= N_SHOWN) return list;
  const more = el("button", { type: "button", class: "plain", "aria-expanded": "false" }, `Show all ${all.length} labels`);
  more.addEventListener("click", () => {
    const open = more.getAttribute("aria-expanded") === "false";
    show(open ? all.length : N_SHOWN);
    more.setAttribute("aria-expanded", String(open));
    more.textContent = open ? `Show the first ${N_SHOWN}` : `Show all ${all.length} labels`;
  });
  return el("div", {}, list, more);
}

/** Return one line: name, bar, share. */
export function bar(name, share, kind = "") {
  const filled = el("span");
  filled.style.width = `${(share ?? 0) * 100}%`;
  return el(
    "li",
    { class: kind },
    el("span", { class: "name" }, name),
    el("span", { class: "bar", "aria-hidden": "true" }, filled),
    el("span", { class: "number" }, percent(share)),
  );
}
