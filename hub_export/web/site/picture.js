// Turns a file of the user's into pixels, or says in a sentence why it can't.

const MOST_PIXELS = 100e6;

/**
 * Returns the picture in a file, upright, in its own colours.
 *
 * @param {Blob} file What was chosen, dropped or taken by the camera.
 * @param {string} name What to call it.
 * @return {Promise<ImageBitmap>}
 */
export async function readPicture(file, name) {
  const {width, height} = await sizeOf(file, name);
  // Checked before it is decoded, for which a browser may take gigabytes.
  if (width * height > MOST_PIXELS) {
    throw new RangeError(`${name} has ${width} x ${height} pixels; choose a picture of at most ` +
        `${MOST_PIXELS / 1e6} million.`);
  }
  try {
    return await createImageBitmap(file, {
      imageOrientation: 'from-image',
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
  } catch {
    throw new TypeError(`${name} is damaged, or no picture that this browser can read.`);
  }
}

async function sizeOf(file, name) {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
      image.src = url;
    });
    return {width: image.naturalWidth, height: image.naturalHeight};
  } catch {
    throw new TypeError(
        `${name} is no picture that this browser can read; choose a JPEG, PNG or WebP file.`);
  } finally {
    URL.revokeObjectURL(url);
  }
}
