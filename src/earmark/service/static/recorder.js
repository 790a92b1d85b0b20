// Record in the browser: a WAV file, so that the server needs nothing but its own decoder.

import { announce, clock, el } from "./dom.js";
import { levelDb, openMicrophone, showLevel } from "./microphone.js";
import { wavFile } from "./wav.js";

const LONGEST_S = 300;

/** Return a meter of a level; `name` is what it is the level of. */
export function makeMeter(name) {
  const meter = el("div", { class: "meter" }, el("span"));
  for (const [key, value] of Object.entries({ role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 })) {
    meter.setAttribute(key, value);
  }
  return meter;
}

/** A recorder in `place`; `onFile` gets what was recorded, `onEnd` hears that it is over. */
export class Recorder {
  constructor(place, { onFile, onEnd }) {
    Object.assign(this, { place, onFile, onEnd, microphone: null, number: 0, isOn: false });
  }

  /** Record until stopped, discarded or too long. */
  async start() {
    this.isOn = true;
    this.blocks = [];
    this.nSamples = 0;
    this.meter = makeMeter("Level of the microphone");
    this.time = el("span", { class: "number" }, "0.0 s");
    this.stopButton = el("button", { type: "button", class: "main", disabled: true, on: { click: () => this.finish() } }, "Stop and send");
    const discard = el("button", { type: "button", on: { click: () => this.discard() } }, "Discard");
    this.place.replaceChildren(
      el("div", { class: "recorder row", role: "group", "aria-label": "Recording" }, el("strong", {}, "Recording"), this.time, this.meter, this.stopButton, discard),
    );
    this.place.hidden = false;
    try {
      this.microphone = await openMicrophone((block) => this.#take(block), () => this.finish());
    } catch (error) {
      this.isOn = false;
      this.place.replaceChildren(el("p", { class: "notice bad", role: "alert" }, error.message));
      this.onEnd();
      return;
    }
    if (!this.place.contains(this.stopButton)) {
      await this.#close(); // discarded while the browser still asked for leave
      return;
    }
    this.stopButton.disabled = false;
    this.stopButton.focus();
    announce("Recording.");
  }

  /** End, and hand the recording on. */
  async finish() {
    if (!this.microphone) return;
    const { rateHz } = this.microphone;
    this.stopButton.disabled = true;
    await this.#close();
    this.#leave();
    if (!this.nSamples) {
      this.place.replaceChildren(el("p", { class: "notice warning", role: "alert" }, "The microphone gave no sound."));
      this.place.hidden = false;
      return;
    }
    this.number += 1;
    this.onFile(wavFile(this.blocks, rateHz, `Recording ${this.number}.wav`));
  }

  async discard() {
    this.#leave();
    await this.#close();
    announce("Recording discarded.");
  }

  #take(block) {
    this.blocks.push(block);
    this.nSamples += block.length;
    const seconds = this.nSamples / (this.microphone?.rateHz ?? 48_000);
    this.time.textContent = seconds < 60 ? `${seconds.toFixed(1)} s` : clock(seconds);
    showLevel(this.meter, levelDb(block));
    if (seconds > LONGEST_S) this.finish();
  }

  #leave() {
    this.isOn = false;
    this.place.replaceChildren();
    this.place.hidden = true;
    this.onEnd();
  }

  async #close() {
    const { microphone } = this;
    this.microphone = null;
    await microphone?.stop();
  }
}
