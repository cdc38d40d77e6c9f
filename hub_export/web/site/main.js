// Connects the page's parts: a picture comes in, is cut, goes through the network, and is shown.

import {Camera} from './camera.js';
import {cut} from './cut.js';
import {readPicture} from './picture.js';
import {showClasses, showInput} from './results.js';
import {hasWebGpu, loadNetwork} from './runtime.js';

const find = (id) => document.getElementById(id);
const camera = new Camera(find('video'));
let config, labels, network;
let work = Promise.resolve(); // One picture, or one change of the runtime, after the other.

/** Does a piece of work when those before it are done, and shows its error as a sentence. */
function enqueue(doing, task) {
  work = work.then(async () => {
    say(doing);
    document.body.ariaBusy = 'true';
    try {
      say(await task());
    } catch (error) {
      say(error.message, true);
    } finally {
      document.body.ariaBusy = 'false';
    }
  });
}

function say(text, isError = false) {
  find('status').textContent = text;
  find('status').classList.toggle('error', isError);
}

/** Lets the browser paint before the network keeps it busy. */
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

function classify(name, read) {
  enqueue(`Reading ${name} …`, async () => {
    find('result').hidden = true;
    if (!network) throw new Error('There is no network to ask; load this page again.');
    const picture = await read();
    let pixels;
    try {
      pixels = cut(picture, config.input);
    } finally {
      picture.close();
    }
    showInput(find('input'), pixels, config.input);
    await painted();
    const start = performance.now();
    const probabilities = await network.run(pixels);
    const milliseconds = performance.now() - start;
    showClasses(find('classes'), probabilities, labels);
    find('result').hidden = false;
    return `${name}: ${milliseconds.toPrecision(3)} ms on ${network.place}.`;
  });
}

function takeFile(files) {
  const [file] = files;
  if (file) classify(file.name, () => readPicture(file, file.name));
}

async function useRuntime(accelerator) {
  network?.unload();
  network = undefined;
  try {
    network = await loadNetwork(config, accelerator);
  } catch (error) {
    if (accelerator === 'wasm') throw error;
    find('wasm').checked = true;
    network = await loadNetwork(config, 'wasm');
    return `This network does not run on the graphics card here; it runs on ${network.place}.`;
  }
  return `Ready. The network runs on ${network.place}.`;
}

async function readText(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} could not be loaded: status ${response.status}.`);
  return response.text();
}

async function start() {
  config = JSON.parse(await readText('page.json'));
  labels = config.labels ? (await readText(config.labels)).split('\n') : [];
  find('accelerator').hidden = !await hasWebGpu();
  find('camera').hidden = !Camera.isPossible;
  const ready = await useRuntime('wasm');
  find('choose').hidden = false;
  return ready;
}

async function toggleCamera() {
  await (camera.isOn ? camera.stop() : camera.start());
  showCamera();
  return camera.isOn ? 'The camera is on.' : 'The camera is off.';
}

async function takePicture() {
  const picture = await camera.take();
  showCamera();
  return picture;
}

function showCamera() {
  find('viewfinder').hidden = !camera.isOn;
  find('camera').textContent = camera.isOn ? 'Turn the camera off' : 'Use the camera';
}

find('file').addEventListener('change', ({target}) => {
  takeFile(target.files);
  target.value = ''; // So that the same file can be chosen again.
});
find('camera').addEventListener('click', () => enqueue('Asking for the camera …', toggleCamera));
find('take').addEventListener('click', () => classify('The picture', takePicture));
find('accelerator').addEventListener('change', ({target}) => {
  enqueue('Loading …', () => useRuntime(target.value));
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  find('choose').classList.add('over');
});
addEventListener('dragleave', () => find('choose').classList.remove('over'));
addEventListener('drop', (event) => {
  event.preventDefault();
  find('choose').classList.remove('over');
  takeFile(event.dataTransfer.files);
});

enqueue('Loading the network …', start);
