// Live: the microphone to the server over a websocket, what was told back, and how late it came.

import { obtainKey, sentence, storedKey, streamAddress } from "./api.js";
import { announce, byId, clock, el, milliseconds, percent } from "./dom.js";
import { levelDb, openMicrophone, showLevel } from "./microphone.js";
import { makeMeter } from "./recorder.js";
import { toPcm16 } from "./wav.js";

const SHOWN = 100;
const LATEST_BYTES = 1_000_000; // so much unsent: the network does not keep up

/** The live panel in `place`; `onEnd` hears that it is over. */
export class Live {
  constructor(place, { onEnd }) {
    Object.assign(this, { place, onEnd, socket: null, microphone: null, sentS: 0 });
    this.#build();
  }

  get isOn() {
    return this.socket !== null;
  }

  /** Connect, then open the microphone once the server is ready for it. */
  start(model) {
    this.model = model;
    this.sentS = 0;
    this.told.replaceChildren();
    this.big.textContent = "…";
    this.place.hidden = false;
    this.#say("Waiting for the microphone");
    this.title.textContent = `Listening live with ${model}`;
    this.toggle.textContent = "Stop";
    this.#connect();
    this.toggle.focus();
  }

  /** Let the server answer what it has heard, then end. */
  async stop() {
    await this.#closeMicrophone();
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "stop" }));
    else this.#end("Stopped.");
  }

  #build() {
    this.title = el("h2", { id: "live-title" }, "Listening live");
    this.big = el("p", { class: "big", "aria-hidden": "true" }, "…");
    this.meter = makeMeter("Level of the microphone");
    this.state = el("p", { class: "badge" }, "");
    this.toggle = el("button", { type: "button", class: "main", on: { click: () => this.#onToggle() } }, "Stop");
    this.leave = el("button", { type: "button", on: { click: () => this.#close() } }, "Close");
    this.told = el("ol", { class: "told", tabIndex: 0 });
    this.told.setAttribute("aria-label", "What was heard, the latest first");
    this.trouble = el("p", { class: "notice bad", role: "alert", hidden: true });
    this.place.replaceChildren(
      this.title,
      el("div", { class: "live-now" }, this.big, el("div", { class: "meters" }, this.meter, el("div", {}, this.state)), el("div", { class: "row" }, this.toggle, this.leave)),
      this.trouble,
      this.told,
    );
  }

  #onToggle() {
    if (this.isOn) this.stop();
    else this.start(this.model);
  }

  async #close() {
    if (this.isOn) await this.stop();
    this.place.hidden = true;
    byId("live").focus();
  }

  // The microphone first: its rate is told to the server, and a server does not wait while somebody ponders a prompt.
  async #connect() {
    this.trouble.hidden = true;
    this.ready = false;
    const socket = (this.socket = { close() {} }); // until there is one: shows that this attempt is the current one
    let microphone;
    try {
      microphone = await openMicrophone((block) => this.#take(block), () => this.stop());
    } catch (error) {
      this.#fail(error.message);
      return;
    }
    if (this.socket !== socket) {
      await microphone.stop();
      return;
    }
    this.microphone = microphone;
    this.rateHz = microphone.rateHz;
    this.#say("Connecting");
    this.#openSocket();
  }

  #openSocket() {
    const socket = (this.socket = new WebSocket(streamAddress()));
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      // Answers that are not accepted are told, too: a list that stays empty looks broken.
      const start = { type: "start", model: this.model, rate_hz: this.rateHz, format: "s16le", options: { force_emit: true } };
      const key = storedKey();
      socket.send(JSON.stringify(key ? { ...start, key } : start));
    });
    socket.addEventListener("message", ({ data }) => this.socket === socket && this.#hear(JSON.parse(data)));
    socket.addEventListener("close", () => this.socket === socket && this.#lost());
  }

  #take(block) {
    showLevel(this.meter, levelDb(block));
    if (this.ready && this.socket?.readyState === WebSocket.OPEN) this.#send(this.socket, block);
  }

  #send(socket, block) {
    if (socket.bufferedAmount > LATEST_BYTES) {
      this.#fail("The network is too slow for the sound of the microphone.");
      return;
    }
    socket.send(toPcm16(block));
    this.sentS += block.length / this.rateHz;
  }

  #hear(message) {
    if (message.type === "ready") {
      this.ready = true;
      this.#say("Listening", "good");
      announce("Listening.");
    } else if (message.type === "status") {
      this.#say(message.speaking ? "Sound" : "Quiet", message.speaking ? "good" : "");
    } else if (message.type === "emission") this.#tell(message);
    else if (message.type === "end") this.#end(`Stopped after ${clock(message.heard_s ?? this.sentS)}.`);
    else if (message.type === "error") this.#refused(message);
  }

  #tell({ start_s: startS, end_s: endS, label, probability, accepted, compute_ms: computeMs }) {
    const lateMs = Math.max(0, (this.sentS - endS) * 1000);
    const name = accepted ? label : `not sure, perhaps ${label}`;
    this.big.textContent = accepted ? label : "?";
    const late = this.microphone ? `${milliseconds(lateMs)} after it ended` : `computed in ${milliseconds(computeMs)}`;
    this.told.prepend(
      el(
        "li",
        {},
        el("span", { class: "number soft" }, clock(startS)),
        el("span", { class: accepted ? "name" : "name unsure" }, name),
        el("span", { class: "number" }, percent(probability)),
        el("span", { class: "number soft late", title: `${milliseconds(computeMs)} of it computing` }, late),
      ),
    );
    while (this.told.childElementCount > SHOWN) this.told.lastElementChild.remove();
    announce(`${name}, ${percent(probability)}`);
  }

  async #refused(problem) {
    if (problem.status !== 401) {
      this.#fail(sentence(problem) || "The server ended the stream.");
      return;
    }
    await this.#closeMicrophone();
    this.socket = null;
    try {
      await obtainKey();
      await this.#connect();
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #lost() {
    this.#fail("The connection to the server broke off.");
  }

  #say(text, kind = "") {
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.className = `badge ${kind}`;
  }

  #fail(text) {
    this.#end("Stopped");
    this.trouble.textContent = text;
    this.trouble.hidden = false;
  }

  #end(text) {
    const { socket } = this;
    this.socket = null;
    socket?.close();
    this.#closeMicrophone();
    this.#say(text); // no live region: "Sound" and "Quiet" would be read out over the answers
    announce(text);
    this.toggle.textContent = "Start again";
    showLevel(this.meter, -90);
    this.onEnd();
  }

  async #closeMicrophone() {
    const { microphone } = this;
    this.microphone = null;
    await microphone?.stop();
  }
}
