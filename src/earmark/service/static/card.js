// One sound that was given: waiting, heard, answered or refused, in one card.

import { askPatiently, nameless } from "./api.js";
import { classified } from "./classified.js";
import { damage } from "./damage.js";
import { announce, el, newId } from "./dom.js";

/** A card of a file and the model that it is given to. */
export class Card {
  constructor(file, model, { onRemove }) {
    Object.assign(this, { file, model, stopping: new AbortController(), sound: null });
    const id = newId("result");
    this.body = el("div", {}, el("p", { class: "soft" }, "Waiting for its turn"));
    const remove = el("button", { type: "button", class: "plain", "aria-label": `Remove ${file.name}`, title: "Remove" }, "✕");
    remove.addEventListener("click", () => {
      const next = this.element.nextElementSibling ?? this.element.previousElementSibling;
      this.close();
      this.element.remove();
      onRemove(this, next);
    });
    this.element = el(
      "article",
      { class: "card result" },
      el("div", { class: "result-head" }, el("h3", { id }, file.name), remove),
      this.body,
    );
    this.element.setAttribute("aria-labelledby", id);
  }

  /** Have the sound heard, and show what was answered. */
  async run() {
    const { signal } = this.stopping;
    if (signal.aborted) return;
    const busy = el("p", { class: "busy" }, "Listening to it");
    this.body.replaceChildren(busy);
    this.element.setAttribute("aria-busy", "true");
    try {
      const path = this.model.isDistortion ? "v1/distortion" : "v1/classify";
      const options = { method: "POST", body: this.#form(), signal };
      const result = await askPatiently(`${path}?model=${encodeURIComponent(this.model.name)}`, options, (seconds) => {
        busy.textContent = `The server is busy; trying again in ${Math.ceil(seconds)} s`;
      });
      this.#show(result);
    } catch (error) {
      if (error.name !== "AbortError") this.#refuse(error);
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  /** Give up what is under way and let go of the sound. */
  close() {
    this.stopping.abort();
    this.sound?.close();
  }

  #form() {
    const form = new FormData();
    form.append("file", this.file, nameless(this.file));
    return form;
  }

  #show(result) {
    const show = this.model.isDistortion ? damage : classified;
    const { parts, sound, spoken } = show(result, { file: this.file, labels: this.model.labels });
    this.sound = sound;
    this.body.replaceChildren(...parts.filter(Boolean));
    announce(`${this.file.name}: ${spoken}`);
  }

  #refuse(error) {
    const again = el("button", { type: "button", on: { click: () => this.run() } }, "Try again");
    this.body.replaceChildren(el("p", { class: "notice bad" }, error.message), again);
    announce(`${this.file.name}: ${error.message}`);
  }
}
