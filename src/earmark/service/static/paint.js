// Canvases: waveform, spectrogram and time lines, in the colours of the page.

/** Return a colour token of the page as it is now, in light or dark. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Give a canvas as many pixels as the screen has for it and return its context with its size. */
function ready(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return { context, width, height, scale };
}

/** Draw the extremes of each column; `tints` are stretches {begin, end, strength} (shares) washed in the warning colour. */
export function paintWave(canvas, { lows, highs }, tints = []) {
  const { context, width, height, scale } = ready(canvas);
  context.fillStyle = colour("bad");
  for (const { begin, end, strength } of tints) {
    context.globalAlpha = 0.3 * strength;
    context.fillRect(begin * width, 0, (end - begin) * width, height);
  }
  context.globalAlpha = 1;
  const middle = height / 2;
  context.fillStyle = colour("line");
  context.fillRect(0, Math.round(middle), width, scale);
  // Quiet recordings are enlarged to be seen, but never so far that hiss looks loud.
  let peak = 0.1;
  for (let i = 0; i < lows.length; i++) peak = Math.max(peak, highs[i], -lows[i]);
  const unit = (middle * 0.94) / peak;
  context.beginPath();
  context.moveTo(0, middle - highs[0] * unit);
  for (let i = 0; i < highs.length; i++) context.lineTo(((i + 0.5) / highs.length) * width, middle - highs[i] * unit - scale / 2);
  for (let i = lows.length - 1; i >= 0; i--) context.lineTo(((i + 0.5) / lows.length) * width, middle - lows[i] * unit + scale / 2);
  context.closePath();
  context.fillStyle = colour("accent");
  context.fill();
}

/** Draw a spectrogram with low frequencies below. */
export function paintSpectrum(canvas, spectrum) {
  const { context, width, height } = ready(canvas);
  const { levels, nColumns, nBands } = spectrum;
  const small = document.createElement("canvas");
  Object.assign(small, { width: nColumns, height: nBands });
  const pixels = new ImageData(nColumns, nBands);
  const table = colourTable();
  for (let column = 0; column < nColumns; column++) {
    for (let band = 0; band < nBands; band++) {
      const from = Math.round(levels[column * nBands + band] * 255) * 3;
      const to = ((nBands - 1 - band) * nColumns + column) * 4;
      pixels.data[to] = table[from];
      pixels.data[to + 1] = table[from + 1];
      pixels.data[to + 2] = table[from + 2];
      pixels.data[to + 3] = 255;
    }
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, width, height);
}

/** Return 256 colours through the five of the page, equally far apart. */
function colourTable() {
  const stops = [0, 1, 2, 3, 4].map((i) => channels(colour(`level-${i}`)));
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) table[i * 3 + c] = stops[below][c] + (stops[below + 1][c] - stops[below][c]) * (place - below);
  }
  return table;
}

const channels = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** Draw probabilities second by second; what could not be told stays empty. */
export function paintLine(canvas, times, probabilities, durationS, found) {
  const { context, width, height } = ready(canvas);
  context.fillStyle = colour("wash");
  context.fillRect(0, 0, width, height);
  context.fillStyle = colour(found ? "bad" : "soft");
  times.forEach(([begin, end], i) => {
    if (probabilities[i] === null) return;
    context.globalAlpha = 0.06 + 0.94 * probabilities[i] ** 1.5;
    context.fillRect((begin / durationS) * width, 0, ((end - begin) / durationS) * width + 0.5, height);
  });
  context.globalAlpha = 1;
}
