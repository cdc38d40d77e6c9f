// Cuts the network's input out of a picture as the model's evaluation does: the shorter side is
// resized, the centre cropped. The arithmetic is that of resize in Pillow 13: two passes in 8 bits,
// with fixed-point weights, so that the same pixels give the same input.

const WEIGHT_BITS = 22;
const STRIP_PIXELS = 1 << 22; // Some phones refuse a canvas of more than four times as many.
const MOST_PIXELS = 1 << 27;

const FILTERS = {
  bilinear: {radius: 1, weight: (x) => Math.max(0, 1 - Math.abs(x))},
  bicubic: {radius: 2, weight: bicubic},
};

/**
 * Returns the network's input.
 *
 * @param {ImageBitmap} bitmap The picture.
 * @param {{height: number, width: number, channels: number, crop: number, interpolation: string}}
 *     input How the network wants it.
 * @return {Uint8ClampedArray} Pixels (height, width, channels).
 */
export function cut(bitmap, {height, width, channels, crop, interpolation}) {
  const [columns, rows] = coveringSize(bitmap, Math.floor(width / crop), Math.floor(height / crop));
  if (columns * rows > MOST_PIXELS) {
    throw new RangeError(
        `The picture is too narrow: ${bitmap.width} x ${bitmap.height} pixels. Crop it first.`);
  }
  const left = roundHalfToEven((columns - width) / 2);
  const top = roundHalfToEven((rows - height) / 2);
  const filter = FILTERS[interpolation];
  const across = tapsOf(bitmap.width, columns, filter).slice(left, left + width);
  const down = tapsOf(bitmap.height, rows, filter).slice(top, top + height);

  const pixels = pixelsOf(bitmap, channels);
  // Pillow begins with the height if that loses more than twice as many pixels as the width.
  const lost = bitmap.height - rows;
  if (lost > 0 && lost > 2 * (bitmap.width - columns)) {
    const low = resample(pixels, 1, bitmap.height, bitmap.width * channels, down);
    return resample(low, height, bitmap.width, channels, across);
  }
  const narrow = resample(pixels, bitmap.height, bitmap.width, channels, across);
  return resample(narrow, 1, bitmap.height, width * channels, down);
}

/** Returns the smallest size that covers the least one and keeps the picture's shape. */
function coveringSize({width, height}, leastWidth, leastHeight) {
  if (width * leastHeight < height * leastWidth) {
    return [leastWidth, Math.floor(leastWidth * height / width)];
  }
  return [Math.floor(leastHeight * width / height), leastHeight];
}

function roundHalfToEven(x) {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + floor % 2 : Math.round(x);
}

function bicubic(x) {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
}

/** Returns for each pixel of a resized line the first pixel that it is made of, and the weights. */
function tapsOf(size, resized, {radius, weight}) {
  const scale = size / resized;
  const stretch = Math.max(scale, 1);
  const support = radius * stretch;
  return Array.from({length: resized}, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), size);
    const weights = Array.from(
        {length: end - first}, (_, j) => weight((j + first - centre + 0.5) * (1 / stretch)));
    const sum = weights.reduce((total, value) => total + value, 0);
    return {first, weights: Int32Array.from(weights, (value) => toFixedPoint(value / sum))};
  });
}

function toFixedPoint(weight) {
  return Math.trunc(weight * (1 << WEIGHT_BITS) + (weight < 0 ? -0.5 : 0.5));
}

/** Returns the picture's pixels (height, width, channels), read some lines at a time. */
function pixelsOf(bitmap, channels) {
  const {width, height} = bitmap;
  const pixels = new Uint8ClampedArray(height * width * channels);
  const lines = Math.min(Math.ceil(STRIP_PIXELS / width), height);
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width, height: lines});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  for (let first = 0; first < height; first += lines) {
    context.clearRect(0, 0, width, lines);
    context.drawImage(bitmap, 0, -first);
    const strip = context.getImageData(0, 0, width, Math.min(lines, height - first)).data;
    const start = first * width * channels;
    for (let i = start, j = 0; j < strip.length; j += 4) {
      if (channels === 1) {
        // The luma, as Pillow computes it.
        pixels[i++] = (19595 * strip[j] + 38470 * strip[j + 1] + 7471 * strip[j + 2] + 0x8000) >> 16;
      } else {
        for (let c = 0; c < 3; c++) pixels[i++] = strip[j + c];
      }
    }
  }
  return pixels;
}

/** Resizes the middle axis of numbers (outer, size, inner). */
function resample(numbers, outer, size, inner, taps) {
  const out = new Uint8ClampedArray(outer * taps.length * inner);
  let o = 0;
  for (let n = 0; n < outer; n++) {
    for (const {first, weights} of taps) {
      for (let c = 0; c < inner; c++) {
        let sum = 1 << (WEIGHT_BITS - 1);
        for (let k = 0, i = (n * size + first) * inner + c; k < weights.length; k++, i += inner) {
          sum += numbers[i] * weights[k];
        }
        out[o++] = sum >> WEIGHT_BITS;
      }
    }
  }
  return out;
}
