// Everything that is asked of the server. What it refuses comes back as a sentence.

const KEY = "earmark-key";
const BROKEN_OFF = "The server broke off while the sound was sent; it may be larger than the server takes.";
const listeners = { key: null, contact: () => {} };
let asking = null;

/** A refusal in words: `status` 0 if the server did not answer at all. */
export class Refusal extends Error {
  constructor(message, status = 0, retryAfterS = null) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Name who asks the user for a key (a function that gives it, or null), and who hears whether the server answers. */
export function onServer({ key, contact }) {
  listeners.key = key;
  listeners.contact = contact;
}

export const storedKey = () => sessionStorage.getItem(KEY);

/** Have the user give a key, once for all requests that wait for it; Refusal if the user has none. */
export async function obtainKey() {
  const old = storedKey();
  asking ??= listeners.key(old !== null).finally(() => (asking = null));
  const key = await asking;
  if (!key) throw new Refusal("This server answers only with a key.", 401);
  sessionStorage.setItem(KEY, key);
}

function headers() {
  const key = storedKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Ask and return the JSON of the answer; throws Refusal, or AbortError if `signal` says so. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(path, { method, body, signal, headers: headers(), cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (body && (await isThere(signal))) throw new Refusal(BROKEN_OFF);
      listeners.contact(false);
      throw new Refusal("The server does not answer. It may have stopped, or the network is down.");
    }
    listeners.contact(true);
    if (response.status === 401) await obtainKey();
    else if (response.ok) return response.json();
    else throw await refusal(response);
  }
}

// A server that refuses a large body may close before the browser has read why.
async function isThere(signal) {
  try {
    return (await fetch("healthz", { signal, cache: "no-store" })).ok;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return false;
  }
}

async function refusal(response) {
  const after = Number.parseFloat(response.headers.get("Retry-After"));
  let text = `The server refused with status ${response.status}.`;
  try {
    const problem = await response.json();
    text = sentence(problem) || text;
  } catch {
    if (response.status === 413) text = "This file is larger than the server takes.";
  }
  return new Refusal(text, response.status, Number.isFinite(after) ? after : null);
}

/** Make one sentence of problem details, or of anything that looks like them. */
export function sentence(problem) {
  const title = typeof problem?.title === "string" ? problem.title.trim() : "";
  const detail = typeof problem?.detail === "string" ? problem.detail.trim() : "";
  const text = title && detail && !detail.toLowerCase().startsWith(title.toLowerCase()) ? `${title}: ${detail}` : detail || title;
  if (!text) return "";
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Return the address of the live stream, on this very server. */
export function streamAddress() {
  const address = new URL("v1/stream", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}

/** Ask again for as long as the server says that it will soon have time: at most `n_tries` times. */
export async function askPatiently(path, options, onWait, nTries = 6) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(path, options);
    } catch (error) {
      const wait = error.retryAfterS;
      if (!(error instanceof Refusal) || wait === null || wait > 60 || attempt === nTries) throw error;
      onWait(wait);
      await pause(Math.max(wait, 0.2), options.signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}

/** Return a name that tells the kind of file and nothing else: names of files are their owner's business. */
export function nameless(file) {
  const ending = /\.[a-z0-9]{1,5}$/i.exec(file.name);
  return `sound${ending ? ending[0].toLowerCase() : ""}`;
}
