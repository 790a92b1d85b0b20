// From samples to what is drawn: the extremes of each column of a waveform, the levels of a mel spectrogram.

const N_BANDS = 120;
const FLOOR_DB = -75;
const FRAMES_PER_COLUMN = 3;

/** Return a function that transforms (re, im), Float32Arrays of n numbers, in place; n is a power of two. */
export function makeFft(n) {
  const nBits = Math.log2(n);
  const swapped = Uint32Array.from({ length: n }, (_, i) => {
    let out = 0;
    for (let bit = 0; bit < nBits; bit++) out |= ((i >> bit) & 1) << (nBits - 1 - bit);
    return out;
  });
  const cosines = Float32Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sines = Float32Array.from({ length: n / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / n));
  return (re, im) => {
    for (let i = 0; i < n; i++) {
      const j = swapped[i];
      if (j > i) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let size = 2; size <= n; size *= 2) {
      const half = size / 2;
      const step = n / size;
      for (let start = 0; start < n; start += size) {
        for (let k = 0; k < half; k++) {
          const a = start + k;
          const b = a + half;
          const real = re[b] * cosines[k * step] - im[b] * sines[k * step];
          const imaginary = re[b] * sines[k * step] + im[b] * cosines[k * step];
          re[b] = re[a] - real;
          im[b] = im[a] - imaginary;
          re[a] += real;
          im[a] += imaginary;
        }
      }
    }
  };
}

// O'Shaughnessy's mel, as in the frontends of the package.
const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const unmel = (value) => 700 * (10 ** (value / 2595) - 1);

/** Where a frequency lies between bottom (0) and top (1) of the picture. */
export const heightOf = (hz, topHz) => mel(hz) / mel(topHz);

/** Return the lowest and highest sample of each of n columns. */
export function extremes(samples, nColumns) {
  const lows = new Float32Array(nColumns);
  const highs = new Float32Array(nColumns);
  for (let column = 0; column < nColumns; column++) {
    const end = Math.max(((column + 1) * samples.length) / nColumns, (column * samples.length) / nColumns + 1);
    let low = Infinity;
    let high = -Infinity;
    for (let i = Math.floor((column * samples.length) / nColumns); i < end && i < samples.length; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    lows[column] = low === Infinity ? 0 : low;
    highs[column] = high === -Infinity ? 0 : high;
  }
  return { lows, highs };
}

/** Return levels 0 to 1 (n_columns x nBands, from low to high) of a mel spectrogram over 75 dB. */
export async function spectrogram(samples, rateHz, nColumns) {
  const nFft = rateHz > 30_000 ? 1024 : rateHz > 12_000 ? 512 : 256;
  const fft = makeFft(nFft);
  const window = Float32Array.from({ length: nFft }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / nFft));
  const bands = bandsOf(nFft, rateHz);
  const levels = new Float32Array(nColumns * N_BANDS);
  const re = new Float32Array(nFft);
  const im = new Float32Array(nFft);
  const power = new Float32Array(nFft / 2 + 1);
  const width = samples.length / nColumns;
  const nFrames = Math.max(1, Math.min(FRAMES_PER_COLUMN, Math.round(width / nFft)));
  for (let column = 0; column < nColumns; column++) {
    power.fill(0);
    for (let frame = 0; frame < nFrames; frame++) {
      const start = Math.round((column + (frame + 0.5) / nFrames) * width - nFft / 2);
      for (let i = 0; i < nFft; i++) re[i] = (samples[start + i] ?? 0) * window[i];
      im.fill(0);
      fft(re, im);
      for (let bin = 0; bin < power.length; bin++) power[bin] += (re[bin] ** 2 + im[bin] ** 2) / nFrames;
    }
    for (let band = 0; band < N_BANDS; band++) levels[column * N_BANDS + band] = bands[band](power);
    if (column % 128 === 127) await new Promise((resolve) => setTimeout(resolve)); // let the page breathe
  }
  toShares(levels);
  return { levels, nColumns, nBands: N_BANDS, topHz: rateHz / 2 };
}

/** Return for each band how it is read from a power spectrum: between two bins, or the highest of several. */
function bandsOf(nFft, rateHz) {
  const top = mel(rateHz / 2);
  const binOf = (place) => (unmel(top * place) / rateHz) * nFft;
  return Array.from({ length: N_BANDS }, (_, band) => {
    const first = Math.ceil(binOf(band / N_BANDS));
    const last = Math.floor(binOf((band + 1) / N_BANDS));
    if (last > first) {
      return (power) => {
        let highest = 0;
        for (let bin = first; bin <= last; bin++) if (power[bin] > highest) highest = power[bin];
        return highest;
      };
    }
    const middle = Math.min(binOf((band + 0.5) / N_BANDS), nFft / 2);
    const below = Math.min(Math.floor(middle), nFft / 2 - 1);
    return (power) => power[below] * (1 - middle + below) + power[below + 1] * (middle - below);
  });
}

function toShares(levels) {
  let highest = 1e-12; // silence stays at the floor instead of being blown up
  for (const level of levels) if (level > highest) highest = level;
  for (let i = 0; i < levels.length; i++) {
    const db = 10 * Math.log10(Math.max(levels[i], 1e-20) / highest);
    levels[i] = highest <= 1e-12 ? 0 : Math.max(0, 1 - db / FLOOR_DB);
  }
}
