// "Correct" and "wrong, it is ...": tells the server, with the sound only where its owner agrees.

import { ask, nameless } from "./api.js";
import { clock, el, newId } from "./dom.js";

const NONE = "none";
const OTHER = "other";

/** Return the form below a result of classification. */
export function feedbackForm(result, labels, file) {
  const id = newId("feedback");
  const question = result.accepted ? "Is that right?" : "Is it really none of the labels?";
  const form = el("fieldset", { class: "feedback" }, el("legend", {}, question));
  const keep = el("input", { type: "checkbox", id: `${id}-keep` });
  const right = el("button", { type: "button" }, result.accepted ? "Correct" : "Yes, none of them");
  const wrong = el("button", { type: "button", "aria-expanded": "false", "aria-controls": `${id}-wrong` }, result.accepted ? "Wrong, it is …" : "No, it is …");
  const place = el("div", { id: `${id}-wrong`, hidden: true });
  let details = null; // made when it is wanted: a model may have thousands of labels
  const said = el("p", { role: "status" });
  form.append(
    el(
      "label",
      { class: "tick", htmlFor: keep.id },
      keep,
      el("span", {}, "Send the sound along. It is then kept on this server, to train better models with. Without the tick, only your answer is kept."),
    ),
    el("div", { class: "row" }, right, wrong),
    place,
    said,
  );

  const send = async (fields) => {
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    said.className = "soft";
    said.textContent = "Sending";
    try {
      const answer = await ask("v1/feedback", { method: "POST", body: bodyOf(result, fields, keep.checked ? file : null) });
      const text = answer.audio_kept ? "Thank you. Your answer and the sound are kept." : "Thank you. Your answer is kept, the sound is not.";
      form.replaceChildren(el("p", { class: "done", tabIndex: -1 }, text));
      form.firstElementChild.focus();
    } catch (error) {
      for (const button of buttons) button.disabled = false;
      said.className = "failed";
      said.textContent = `This was not kept. ${error.message}`;
    }
  };
  right.addEventListener("click", () => send({ verdict: "correct" }));
  wrong.addEventListener("click", () => {
    if (details === null) {
      details = wrongFields(id, result, labels);
      details.element.addEventListener("submit", (event) => {
        event.preventDefault();
        send({ verdict: "wrong", ...details.read() });
      });
      place.append(details.element);
    }
    place.hidden = !place.hidden;
    wrong.setAttribute("aria-expanded", String(!place.hidden));
    if (!place.hidden) details.choice.focus();
  });
  return form;
}

/** Return the fields of a correction, and how they are read. */
function wrongFields(id, result, labels) {
  const events = result.events ?? [];
  // What was told for the whole can be right for a part of it.
  const told = result.accepted && events.length < 2 ? result.label : null;
  const choice = el(
    "select",
    { id: `${id}-label`, required: true },
    el("option", { value: "" }, "Choose"),
    labels.filter((label) => label !== told).map((label) => el("option", { value: `label:${label}` }, label)),
    result.accepted || events.length ? el("option", { value: NONE }, "none of these") : null,
    el("option", { value: OTHER }, "something else …"),
  );
  const other = el("input", { id: `${id}-other`, type: "text", maxLength: 200, disabled: true, required: true });
  const otherField = field("What it is", other);
  otherField.hidden = true;
  choice.addEventListener("change", () => {
    otherField.hidden = other.disabled = choice.value !== OTHER;
    if (!other.disabled) other.focus();
  });
  const part = partChoice(id, events);
  const recording = el("input", { id: `${id}-recording`, type: "text", maxLength: 200 });
  const comment = el("input", { id: `${id}-comment`, type: "text", maxLength: 1000 });
  const element = el(
    "form",
    {},
    el(
      "div",
      { class: "fields" },
      field("It is", choice),
      otherField,
      part && field("This holds for", part),
      field("Recording or speaker it comes from, if you know", recording, true),
      field("Comment", comment, true),
    ),
    el("button", { type: "submit", class: "main" }, "Send"),
  );
  const read = () => {
    const { value } = choice;
    const label = value === OTHER ? other.value.trim() : value === NONE ? "" : value.slice("label:".length);
    const [startS, endS] = part?.value ? part.value.split(" ") : [];
    return { label, recording: recording.value.trim(), comment: comment.value.trim(), start_s: startS, end_s: endS };
  };
  return { element, choice, read };
}

function field(name, input, wide = false) {
  return el("div", { class: wide ? "field wide" : "field" }, el("label", { htmlFor: input.id }, name), input);
}

/** Offer to correct one of several events; one event is the whole sound. */
function partChoice(id, events) {
  if (events.length < 2) return null;
  return el(
    "select",
    { id: `${id}-part` },
    el("option", { value: "" }, "the whole sound"),
    events.map(({ start_s: startS, end_s: endS, label }) =>
      el("option", { value: `${startS} ${endS}` }, `${label}, ${clock(startS)} to ${clock(endS)}`),
    ),
  );
}

/** Return what is posted; the sound only if `file` is given. */
function bodyOf(result, fields, file) {
  const body = new FormData();
  body.append("result", JSON.stringify(result));
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && (value !== "" || name === "label")) body.append(name, value);
  }
  body.append("consent", String(file !== null));
  if (file !== null) body.append("audio", file, nameless(file));
  return body;
}
