// Plays a file or a part of it; one sound at a time on the whole page.

let playing = null;

/** A player of one file; `onChange` hears of begin and end, `onTime` follows while it plays. */
export class Player {
  constructor(file, { onChange, onTime, onFail }) {
    Object.assign(this, { file, onChange, onTime, onFail, audio: null, endS: Infinity, following: 0 });
  }

  get isPlaying() {
    return playing === this;
  }

  get timeS() {
    return this.audio?.currentTime ?? 0;
  }

  /** Play from a moment on, to the end or to `endS`. */
  async play(startS, endS = Infinity) {
    if (playing && playing !== this) playing.pause();
    this.#open();
    this.endS = endS;
    if (startS !== undefined) this.audio.currentTime = startS;
    playing = this;
    try {
      await this.audio.play();
    } catch (error) {
      if (error.name === "AbortError") return; // paused before it began
      if (playing === this) playing = null;
      this.onFail();
      return;
    }
    this.onChange();
    cancelAnimationFrame(this.following);
    this.#follow();
  }

  pause() {
    if (playing === this) playing = null;
    this.audio?.pause();
    cancelAnimationFrame(this.following);
    this.onChange();
  }

  seek(timeS) {
    this.#open();
    this.endS = Infinity;
    this.audio.currentTime = timeS;
    this.onTime(timeS);
  }

  /** Forget the file. */
  close() {
    this.pause();
    if (this.audio) URL.revokeObjectURL(this.audio.src);
    this.audio = null;
  }

  #open() {
    if (this.audio) return;
    this.audio = new Audio(URL.createObjectURL(this.file));
    this.audio.addEventListener("ended", () => this.pause());
  }

  // A time of the element comes four times a second only: too coarse to stop at the end of a word.
  #follow() {
    if (playing !== this || !this.audio) return;
    this.onTime(this.audio.currentTime);
    if (this.audio.currentTime >= this.endS) this.pause();
    else this.following = requestAnimationFrame(() => this.#follow());
  }
}
