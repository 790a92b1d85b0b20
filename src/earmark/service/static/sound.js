// The picture of one sound with what was heard in it; plays the whole, a part, or from where it is clicked.
// Two canvases and real buttons instead of wavesurfer.js: its regions have no keyboard, and it needs inline styles and
// workers from blobs, which the policy of the page forbids.

import { announce, clock, el, hertz } from "./dom.js";
import { paintLine, paintSpectrum, paintWave } from "./paint.js";
import { Player } from "./player.js";
import { extremes, heightOf, spectrogram } from "./spectrum.js";

const N_COLUMNS = 800;
const LONG_S = 90;
const EVENT_PX = 52;

/**
 * Return the element of a sound.
 * regions: {startS, endS, text, name, kind} each with a button that plays it.
 * lines: {times, rows: [{name, probabilities, share, found}]} or null, one strip for each row.
 */
export class Sound {
  constructor({ file, name, durationS, rateHz, regions = [], lines = null }) {
    Object.assign(this, { file, name, durationS, rateHz, regions, lines, shape: null, spectrum: null });
    this.player = new Player(file, {
      onChange: () => this.#showState(),
      onTime: (timeS) => this.#showTime(timeS),
      onFail: () => this.#cannotPlay(),
    });
    this.#build();
    this.resizes = new ResizeObserver(() => this.#paint());
    this.resizes.observe(this.element);
    this.sight = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.sight.disconnect();
      this.#look();
    }, { rootMargin: "200px" });
    this.sight.observe(this.element);
    this.theme = window.matchMedia("(prefers-color-scheme: dark)");
    this.repaint = () => this.#paint();
    this.theme.addEventListener("change", this.repaint);
  }

  /** Stop, and let go of everything. */
  close() {
    this.player.close();
    this.resizes.disconnect();
    this.sight.disconnect();
    this.theme.removeEventListener("change", this.repaint);
  }

  #build() {
    this.wave = el("canvas", { class: "wave" });
    this.spectrumCanvas = el("canvas", { class: "spectrum" });
    this.marks = this.regions.map((region) => this.#mark(region));
    this.head = el("div", { class: "head", hidden: true });
    this.over = el("div", { class: "over" }, this.marks, this.head);
    this.picture = el(
      "div",
      { class: "picture", on: { click: (event) => this.#playFrom(event) } },
      this.wave,
      this.spectrumCanvas,
      this.over,
    );
    // Keyboard and screen readers have the slider and the buttons below; the canvases are one picture.
    this.picture.setAttribute("role", "img");
    this.picture.setAttribute("aria-label", `Waveform and spectrogram of ${this.name}, ${clock(this.durationS)}`);
    this.axis = el("div", { class: "axis", "aria-hidden": "true" });
    this.buttons = this.regions.map((region, i) => this.#button(region, i));
    this.events = el("div", { class: "events", role: "group", "aria-label": "Play what was heard", hidden: !this.regions.length }, this.buttons);
    this.element = el("div", { class: "sound" }, this.picture, this.axis, this.#strips(), this.events, this.#transport());
  }

  #mark({ startS, endS, kind }) {
    const isWhole = endS - startS > 0.97 * this.durationS; // a wash over everything shows nothing
    const mark = el("div", { class: `region ${isWhole ? "whole" : (kind ?? "")}` });
    mark.style.left = `${(startS / this.durationS) * 100}%`;
    mark.style.width = `${(Math.min(endS - startS, this.durationS - startS) / this.durationS) * 100}%`;
    return mark;
  }

  #button({ startS, endS, text, name, kind }, i) {
    const label = `Play ${name ?? text}, from ${clock(startS)} to ${clock(endS)}`;
    const play = () => {
      this.marks.forEach((mark, j) => mark.classList.toggle("playing", j === i));
      this.player.play(startS, endS);
    };
    return el("button", { type: "button", class: kind ?? "", "aria-label": label, title: label, on: { click: play } }, text);
  }

  #strips() {
    if (!this.lines) return null;
    this.strips = this.lines.rows.map((row) => ({ row, canvas: el("canvas", { "aria-hidden": "true" }) }));
    return el(
      "div",
      { class: "lines" },
      this.strips.map(({ row, canvas }) => [
        el("p", { class: row.found ? "found" : "" }, el("span", {}, row.name), el("span", { class: "number" }, row.share)),
        canvas,
      ]),
    );
  }

  #transport() {
    this.words = el("span", { class: "words" }, "Play");
    this.playButton = el(
      "button",
      { type: "button", "aria-label": `Play ${this.name}`, on: { click: () => this.#toggle() } },
      el("span", { class: "icon", "aria-hidden": "true" }),
      this.words,
    );
    this.slider = el("input", {
      type: "range", min: 0, max: this.durationS, step: Math.max(this.durationS / 500, 0.01), value: 0,
      "aria-label": `Position in ${this.name}`, "aria-valuetext": clock(0),
      on: { input: () => this.player.seek(Number(this.slider.value)) },
    });
    this.time = el("span", { class: "number" }, `${clock(0)} / ${clock(this.durationS)}`);
    return el("div", { class: "transport" }, this.playButton, this.slider, this.time);
  }

  #toggle() {
    if (this.player.isPlaying) this.player.pause();
    else this.player.play(this.player.timeS >= this.durationS - 0.02 ? 0 : undefined);
  }

  #playFrom(event) {
    const box = this.picture.getBoundingClientRect();
    this.player.play(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.durationS);
  }

  #showState() {
    const playing = this.player.isPlaying;
    this.playButton.classList.toggle("playing", playing);
    this.words.textContent = playing ? "Pause" : "Play";
    this.playButton.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.name}`);
    if (!playing) for (const mark of this.marks) mark.classList.remove("playing");
  }

  #showTime(timeS) {
    this.head.hidden = false;
    this.head.style.left = `${Math.min(1, timeS / this.durationS) * 100}%`;
    this.slider.value = timeS;
    this.slider.setAttribute("aria-valuetext", clock(timeS));
    this.time.textContent = `${clock(timeS)} / ${clock(this.durationS)}`;
  }

  #cannotPlay() {
    this.playButton.disabled = true;
    this.#note("This browser cannot play this kind of file; the result stands.");
  }

  #note(text) {
    this.element.append(el("p", { class: "soft small" }, text));
    announce(text);
  }

  /** Decode, and draw for the first time. */
  async #look() {
    try {
      const samples = await decode(this.file, this.durationS > LONG_S ? 16_000 : this.rateHz);
      this.shape = extremes(samples.values, N_COLUMNS);
      this.spectrum = await spectrogram(samples.values, samples.rateHz, N_COLUMNS);
      this.#pitches();
    } catch {
      this.wave.hidden = this.spectrumCanvas.hidden = true;
      this.picture.hidden = !this.regions.length;
      this.picture.classList.add("blank");
      this.#note("This browser cannot draw this kind of file; the result stands.");
    }
    this.#paint();
  }

  #pitches() {
    const { topHz } = this.spectrum;
    const waveShare = this.wave.offsetHeight / this.picture.clientHeight;
    for (const hz of [500, 1000, 2000, 4000, 8000, 16_000]) {
      const place = heightOf(hz, topHz);
      if (place > 0.94 || place < 0.12 || (hz < 1000 && topHz > 12_000)) continue;
      const mark = el("span", { class: "pitch" }, hertz(hz));
      mark.style.top = `${(waveShare + (1 - waveShare) * (1 - place)) * 100}%`;
      this.over.append(mark);
    }
  }

  #paint() {
    const width = this.picture.clientWidth || this.element.clientWidth;
    if (!width) return;
    if (this.shape) paintWave(this.wave, this.shape, this.#tints());
    if (this.spectrum) paintSpectrum(this.spectrumCanvas, this.spectrum);
    for (const { row, canvas } of this.strips ?? []) paintLine(canvas, this.lines.times, row.probabilities, this.durationS, row.found);
    this.#ticks(width);
    this.#arrange(width);
  }

  /** Wash each second by the probability of the worst fault that was found; the strips below show all of them. */
  #tints() {
    const worst = this.lines?.rows.find((row) => row.found);
    if (!worst) return [];
    return this.lines.times.map(([begin, end], i) => ({
      begin: begin / this.durationS,
      end: end / this.durationS,
      strength: worst.probabilities[i] ?? 0,
    }));
  }

  #ticks(width) {
    const step = niceStep(this.durationS, Math.max(2, Math.floor(width / 80)));
    const ticks = [];
    for (let i = 0; i * step < this.durationS * (1 - 75 / width); i++) {
      const tick = el("span", { class: i ? "" : "first" }, i ? clockShort(i * step, step) : "0");
      tick.style.left = `${((i * step) / this.durationS) * 100}%`;
      ticks.push(tick);
    }
    const last = el("span", { class: "last" }, clock(this.durationS));
    last.style.left = "100%";
    this.axis.replaceChildren(...ticks, last);
  }

  /** Put each button below its part, in the first row where it does not cover another. */
  #arrange(width) {
    const ends = [];
    this.regions.forEach(({ startS, endS }, i) => {
      const wide = Math.max(((endS - startS) / this.durationS) * width, EVENT_PX, Math.min(this.regions[i].text.length * 8 + 26, width));
      const left = Math.max(0, Math.min((startS / this.durationS) * width, width - wide));
      let lane = ends.findIndex((end) => end <= left);
      if (lane < 0) lane = ends.length;
      ends[lane] = left + wide + 4;
      Object.assign(this.buttons[i].style, { left: `${left}px`, width: `${wide}px`, top: `${lane * 48}px` });
    });
    this.events.style.height = `${ends.length * 48}px`;
  }
}

/** Return mono samples at about the rate of the file. */
async function decode(file, rateHz) {
  // Browsers promise 8 to 96 kHz; no display needs more than 48.
  const wanted = Math.max(8000, Math.min(48_000, rateHz || 48_000));
  const context = new OfflineAudioContext(1, 1, wanted);
  const buffer = await context.decodeAudioData(await file.arrayBuffer());
  const values = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel++) {
    const other = buffer.getChannelData(channel);
    for (let i = 0; i < values.length; i++) values[i] += other[i];
  }
  if (buffer.numberOfChannels > 1) for (let i = 0; i < values.length; i++) values[i] /= buffer.numberOfChannels;
  return { values, rateHz: buffer.sampleRate };
}

function niceStep(durationS, nTicks) {
  const rough = durationS / nTicks;
  const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
  return steps.find((step) => step >= rough) ?? 1200;
}

const clockShort = (seconds, step) => (seconds >= 60 ? clock(seconds) : seconds.toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0));
