// What the distortion model answered: which faults, how bad, where, and the evidence in sentences.

import { bar, facts } from "./classified.js";
import { clock, el, newId, percent } from "./dom.js";
import { Sound } from "./sound.js";

const NAMES = { clipping: "Clipping", compression: "Lossy compression", noise: "Noise", frequency: "Missing frequencies", phase: "Phase" };

const nameOf = (kind) => NAMES[kind] ?? kind;

/** Return the parts of a card for an answer of /v1/distortion. */
export function damage(report, { file }) {
  const kinds = Object.keys(report.types);
  const found = kinds.filter((kind) => report.types[kind].present).sort((a, b) => report.types[b].severity - report.types[a].severity);
  const sound = new Sound({
    file,
    name: file.name,
    durationS: report.duration_s,
    rateHz: report.rate_hz,
    lines: linesOf(report, kinds, found),
    regions: report.segments.map((segment) => ({
      startS: segment.start_s,
      endS: segment.end_s,
      text: `${nameOf(segment.type)} · ${percent(segment.severity)}`,
      name: `${nameOf(segment.type)}, severity ${percent(segment.severity)}`,
      kind: "bad",
    })),
  });
  const headline = headlineOf(report, found);
  return {
    sound,
    spoken: headline.text,
    parts: [
      el(
        "div",
        { class: "answer" },
        el("p", { class: "label long" }, headline.text),
        headline.badge && el("p", { class: `badge ${headline.kind}` }, headline.badge),
      ),
      facts(report),
      sound.element,
      severities(report, found),
      evidence(report, found),
      untold(report, kinds),
    ],
  };
}

function headlineOf(report, found) {
  if (report.has_distortion === null) return { text: "Could not be judged", badge: "no answer", kind: "warning" };
  if (!found.length) return { text: "No damage found", badge: `${percent(report.confidence)} sure`, kind: "good" };
  const names = found.map((kind, i) => (i ? nameOf(kind).toLowerCase() : nameOf(kind)));
  return { text: names.join(", "), badge: `severity ${percent(report.severity)}, ${percent(report.confidence)} sure`, kind: "bad" };
}

/** Return how bad each fault is that was found. */
function severities({ types }, found) {
  if (!found.length) return null;
  const id = newId("severity");
  const list = el("ul", { class: "bars" }, found.map((kind) => bar(nameOf(kind), types[kind].severity, "bad")));
  list.setAttribute("aria-labelledby", id);
  return el("div", {}, el("h4", { id }, "Severity"), list);
}

/** Return the time line second by second, the faults that were found first. */
function linesOf({ timeline, types, assessable }, kinds, found) {
  if (!timeline?.times_s?.length) return null;
  const shown = [...found, ...kinds.filter((kind) => !found.includes(kind) && assessable[kind]?.ok !== false)];
  return {
    times: timeline.times_s,
    rows: shown.map((kind) => ({
      name: nameOf(kind),
      share: percent(types[kind].probability),
      probabilities: timeline.probabilities[kind] ?? [],
      found: found.includes(kind),
    })),
  };
}

function evidence({ evidence: findings }, found) {
  if (!findings.length) return null;
  const id = newId("evidence");
  const list = el("ul", { class: "evidence" }, findings.map((finding) => el("li", { class: found.includes(finding.type) ? "" : "other" }, said(finding))));
  list.setAttribute("aria-labelledby", id);
  return el("div", {}, el("h4", { id }, "Evidence"), list);
}

/** Return a finding as a sentence that names its place. */
function said({ sentence, start_s: startS, end_s: endS }) {
  const placed = /\d:\d\d|\d s\b/.test(sentence) || typeof startS !== "number";
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1).replace(/\.$/, "");
  return placed ? `${text}.` : `${text} (${clock(startS)} to ${clock(endS)}).`;
}

function untold(report, kinds) {
  const reasons = kinds.filter((kind) => report.assessable[kind] && !report.assessable[kind].ok);
  if (!reasons.length) return null;
  return el(
    "ul",
    { class: "evidence", "aria-label": "What could not be judged" },
    reasons.map((kind) => el("li", { class: "other" }, `${nameOf(kind)} could not be judged: ${report.assessable[kind].reason}`)),
  );
}
