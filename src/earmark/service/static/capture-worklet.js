// Runs beside the page: hands on the microphone's samples, mono, in blocks of about 40 ms.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 25));
    this.filled = 0;
    this.open = true;
    this.port.onmessage = () => {
      this.#send();
      this.port.postMessage(null); // everything has been sent
      this.open = false;
    };
  }

  process([channels]) {
    if (!this.open) return false;
    const n = channels[0]?.length ?? 0;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled++] = sum / channels.length;
      if (this.filled === this.block.length) this.#send();
    }
    return true;
  }

  #send() {
    if (this.filled) this.port.postMessage(this.block.slice(0, this.filled));
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
