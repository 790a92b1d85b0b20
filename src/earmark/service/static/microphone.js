// The microphone as a stream of float32 blocks, and what stands in its way in a sentence.

/** Return why there can be no microphone here, or "". */
export function obstacle() {
  if (!window.isSecureContext) return "Browsers give the microphone only to pages of https:// or of this very machine.";
  if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) return "This browser has no access to a microphone.";
  return "";
}

/** Open the microphone and call `onBlock(Float32Array)` until `stop()`, which returns when the last block has come. */
export async function openMicrophone(onBlock, onLost = () => {}) {
  const wanted = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // they change the sound
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  } catch (error) {
    throw new Error(reason(error));
  }
  const context = new AudioContext({ latencyHint: "interactive" });
  try {
    await context.audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
    await context.resume();
  } catch {
    for (const track of stream.getTracks()) track.stop();
    context.close();
    throw new Error("The part of the page that reads the microphone could not be loaded. Load the page again.");
  }
  const source = context.createMediaStreamSource(stream);
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  let finished = () => {};
  capture.port.onmessage = ({ data }) => (data === null ? finished() : onBlock(data));
  source.connect(capture);
  stream.getAudioTracks()[0].addEventListener("ended", onLost);
  const stop = async () => {
    await new Promise((resolve) => {
      finished = resolve;
      capture.port.postMessage("stop");
      setTimeout(resolve, 500); // a suspended context answers nothing
    });
    source.disconnect();
    for (const track of stream.getTracks()) track.stop();
    await context.close();
  };
  return { rateHz: context.sampleRate, stop };
}

function reason(error) {
  if (error.name === "NotAllowedError") return "The browser was told not to give this page the microphone. Allow it in the address bar, then try again.";
  if (error.name === "NotFoundError") return "No microphone was found.";
  if (error.name === "NotReadableError") return "The microphone is in use by another program.";
  return `The microphone could not be opened (${error.name}).`;
}

/** Return the level of a block in dB of full scale, from -90. */
export function levelDb(block) {
  let sum = 0;
  for (const sample of block) sum += sample * sample;
  return Math.max(-90, 10 * Math.log10(sum / Math.max(1, block.length) + 1e-9));
}

/** Show a level on a meter made by `makeMeter`: -60 dB is nothing, 0 dB is all. */
export function showLevel(meter, db) {
  const share = Math.max(0, Math.min(1, 1 + db / 60));
  meter.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
  meter.classList.toggle("loud", db > -3);
  meter.setAttribute("aria-valuenow", Math.round(share * 100));
}
