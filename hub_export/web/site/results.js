// Shows what the network sees and what it says.

const TOP = 5;
const PERCENT = new Intl.NumberFormat('en', {style: 'percent', minimumFractionDigits: 2});

/** Draws the network's input, so that everyone sees what was cut off. */
export function showInput(canvas, pixels, {height, width, channels}) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels === 1 ? 0 : c)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** Lists the most probable classes in an `<ol>`, with bars. */
export function showClasses(list, probabilities, labels) {
  const order = Array.from(probabilities.keys())
      .sort((a, b) => probabilities[b] - probabilities[a]).slice(0, TOP);
  list.replaceChildren(...order.map((index) => {
    const name = document.createElement('span');
    name.textContent = labels[index] ?? `class ${index}`;
    const share = document.createElement('data');
    share.value = probabilities[index];
    share.textContent = PERCENT.format(probabilities[index]);
    const item = document.createElement('li');
    item.style.setProperty('--share', probabilities[index]);
    item.append(name, ' ', share);
    return item;
  }));
}
