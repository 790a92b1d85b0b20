// Which models the server has, which of them is chosen, and what is known about it.

import { ask } from "./api.js";
import { byId, count, el, hertz, percent } from "./dom.js";

const SHOWN_LABELS = 60;

/** Return the models that serve and whether others are still being loaded. */
export async function loadModels() {
  const { models, loading } = await ask("v1/models");
  return {
    models: models.map((card) => ({ card, name: card.name, labels: card.labels, isDistortion: card.kind === "distortion" })),
    isLoading: loading.length > 0,
  };
}

/** Fill the choice of models; keeps the one that was chosen. */
export function showModels(models) {
  const select = byId("model");
  const before = select.value;
  select.replaceChildren(...models.map((model) => el("option", { value: model.name }, model.name)));
  if (models.some((model) => model.name === before)) select.value = before;
  select.disabled = models.length === 0;
}

/** Show what is known about a model: a line, and more for those who open it. */
export function showCard(card) {
  byId("model-note").textContent = summaryOf(card);
  byId("model-about").hidden = false;
  byId("model-facts").replaceChildren(
    ...[
      ["Version", card.version],
      [card.kind === "distortion" ? "Faults" : "Labels", labelsOf(card)],
      ["Measured", measuredOf(card.metrics)],
      ["Sample rate", `${hertz(card.spec.min_source_rate_hz)} or more`],
      ["Made from", licencesOf(card)],
    ].flatMap(([name, text]) => (text ? [el("dt", {}, name), el("dd", {}, text)] : [])),
  );
}

function summaryOf({ summary, labels, kind }) {
  const about = summary.replace(/\s*\(model card:[^)]*\)/, "");
  const size = kind === "distortion" ? `${labels.length} kinds of fault` : count(labels.length, "label");
  return about ? `${about} · ${size}` : size;
}

function labelsOf({ labels }) {
  const rest = labels.length - SHOWN_LABELS;
  return labels.slice(0, SHOWN_LABELS).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** Say the measure that a model was chosen by, with its interval and on what. */
function measuredOf({ primary, split, n_clips: nClips }) {
  if (!primary) return "";
  const interval = typeof primary.low === "number" ? ` (${percent(primary.low)} to ${percent(primary.high)})` : "";
  const on = [nClips ? `${nClips} clips` : "", split ?? ""].filter(Boolean).join(", ");
  return `${primary.metric.replaceAll("_", " ")} ${percent(primary.value)}${interval}${on ? `; ${on}` : ""}`;
}

function licencesOf({ licences }) {
  return licences
    .map(({ what, licence, non_commercial: nonCommercial }) => `${what} (${licence}${nonCommercial ? ", non-commercial use only" : ""})`)
    .join("; ");
}
