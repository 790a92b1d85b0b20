// The page: what is chosen, what is given to it, and whether the server is there.

import { ask, onServer, Refusal } from "./api.js";
import { Card } from "./card.js";
import { announce, byId, count } from "./dom.js";
import { Live } from "./live.js";
import { obstacle } from "./microphone.js";
import { loadModels, showCard, showModels } from "./models.js";
import { Recorder } from "./recorder.js";

const AT_ONCE = 2;
const LOOK_AGAIN_S = 3;

let models = [];
let running = 0;
let isHere = true;
const waiting = [];

const recorder = new Recorder(byId("recorder"), {
  onFile: (file) => give([file]),
  onEnd: () => {
    enable();
    byId("record").focus();
  },
});
const live = new Live(byId("live-panel"), { onEnd: enable });

function chosen() {
  return models.find((model) => model.name === byId("model").value);
}

/** Give files to the chosen model: each has a card, the latest lot on top. */
function give(files) {
  const model = chosen();
  if (!model || !files.length) return;
  const cards = [...files].map((file) => new Card(file, model, { onRemove: removed }));
  byId("results").prepend(...cards.map((card) => card.element));
  announce(`${count(cards.length, "sound")} given to ${model.name}.`);
  waiting.push(...cards);
  for (let i = running; i < AT_ONCE; i++) work();
}

async function work() {
  running += 1;
  while (waiting.length) await waiting.shift().run();
  running -= 1;
}

function removed(card, next) {
  const at = waiting.indexOf(card);
  if (at >= 0) waiting.splice(at, 1);
  (next?.querySelector("button") ?? byId("choose")).focus();
}

/** Let be pressed what can be done now. */
function enable() {
  const model = chosen();
  const noMicrophone = obstacle();
  byId("choose").disabled = !model;
  byId("record").disabled = !model || noMicrophone !== "" || recorder.isOn;
  byId("live").disabled = !model || noMicrophone !== "" || model.isDistortion || live.isOn;
  if (model) showCard(model.card);
  const why = noMicrophone || (model?.isDistortion ? "This model judges files and recordings, not live sound." : "");
  byId("drop-note").textContent = `Sounds are heard and forgotten; they are kept only where you tick so. ${why}`.trim();
}

function state(text, kind) {
  const line = byId("state");
  if (line.textContent !== text) line.textContent = text;
  line.className = `state ${kind}`;
}

function ready() {
  if (models.length) state(`Ready, ${count(models.length, "model")}`, "good");
  else state("Connecting", "");
}

/** Ask for the models until they are there. */
async function connect() {
  try {
    const found = await loadModels();
    models = found.models;
    byId("gone").hidden = true;
    showModels(models);
    ready();
    if (found.isLoading) {
      state("Loading models", "warning");
      setTimeout(connect, LOOK_AGAIN_S * 1000);
    }
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) state("Needs a key", "warning");
    else if (error instanceof Refusal && error.status) refused(error.message);
    else if (!(error instanceof Refusal)) throw error;
    setTimeout(connect, (error.retryAfterS ?? LOOK_AGAIN_S) * 1000);
  }
  enable();
}

/** Show why the server has nothing for this page at all. */
function refused(text) {
  state("Refused", "bad");
  byId("gone").textContent = text;
  byId("gone").hidden = false;
}

/** Show whether the server answers; ask it until it does again. */
function contact(here) {
  const gone = byId("gone");
  if (here === isHere) return;
  isHere = here;
  gone.hidden = here;
  gone.textContent = here ? "" : "The server does not answer. This page looks for it every three seconds; what you see stays.";
  if (here) {
    ready();
    announce("The server answers again.");
  } else {
    state("Server gone", "bad");
    look();
  }
}

function look() {
  setTimeout(() => ask("healthz").catch(() => !isHere && look()), LOOK_AGAIN_S * 1000);
}

/** Ask the user for a key; resolves to it, or to null. */
function askForKey(wasWrong) {
  const form = byId("key-form");
  const input = byId("key");
  const before = document.activeElement;
  if (wasWrong) byId("key-note").textContent = "The server did not accept that key. Check it, or ask whoever runs the server for one.";
  byId("key-cancel").hidden = !models.length; // without models there is nothing to go back to
  form.hidden = false;
  input.value = "";
  input.focus();
  state("Needs a key", "warning");
  return new Promise((resolve) => {
    const end = (key) => {
      form.hidden = true;
      form.onsubmit = byId("key-cancel").onclick = null;
      if (before?.isConnected) before.focus();
      ready();
      resolve(key);
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      end(input.value.trim());
    };
    byId("key-cancel").onclick = () => end(null);
  });
}

function listen() {
  byId("choose").addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", (event) => {
    give(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });
  byId("model").addEventListener("change", enable);
  byId("record").addEventListener("click", () => {
    recorder.start();
    enable();
  });
  byId("live").addEventListener("click", () => {
    live.start(chosen().name);
    enable();
  });
  // Anywhere on the page counts: a file dropped beside the field would otherwise replace the page.
  const drop = byId("drop");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    give(event.dataTransfer.files);
  });
}

onServer({ key: askForKey, contact });
listen();
enable();
connect();
