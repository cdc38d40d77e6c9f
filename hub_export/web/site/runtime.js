// Loads LiteRT.js and the network, and runs it: on the processor (WebAssembly) or the graphics card
// (WebGPU). Each file of the runtime must have the digest that page.json knows.

/** A network that is ready to run. */
export class Network {
  /**
   * @param {object} litert The module @litertjs/core.
   * @param {object} compiled Its compiled model.
   * @param {number[]} shape Shape of the input, a batch of one.
   * @param {string} place Where it runs, for people.
   */
  constructor(litert, compiled, shape, place) {
    Object.assign(this, {litert, compiled, shape, place});
  }

  /** Returns the probabilities of the classes for pixels in [0, 255]. */
  async run(pixels) {
    const input = new this.litert.Tensor(Float32Array.from(pixels), this.shape);
    const outputs = await this.compiled.run([input]);
    const probabilities = await outputs[0].data();
    for (const tensor of [input, ...outputs]) tensor.delete();
    return probabilities;
  }

  unload() {
    this.compiled.delete();
    this.litert.unloadLiteRt();
  }
}

/** Whether this browser has a graphics card that it lets pages compute on. */
export async function hasWebGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

/**
 * Loads the runtime and the network.
 *
 * @param {object} config The content of page.json.
 * @param {'wasm'|'webgpu'} accelerator Where the network shall run.
 * @return {Promise<Network>}
 */
export async function loadNetwork({runtime, model, input}, accelerator) {
  const litert = await importLiteRt();
  const variant = await chooseVariant(litert, accelerator, model.threads);
  const [script, binary, network] = await Promise.all([
    download(`${runtime.wasm}${variant}.js`, runtime.integrity[`${variant}.js`]),
    download(`${runtime.wasm}${variant}.wasm`, runtime.integrity[`${variant}.wasm`]),
    download(model.file, model.integrity),
  ]);
  // The threads' script, too, must come from this page's own address.
  const source = URL.createObjectURL(new Blob([script], {type: 'text/javascript'}));
  self.Module = {wasmBinary: binary, mainScriptUrlOrBlob: source, printErr: console.debug};
  const lib = await litert.loadLiteRt(`${source}#${variant}.js`);
  try {
    const compiled = await litert.loadAndCompile(
        new Uint8Array(network), {accelerator, gpuOptions: {precision: 'fp32'}});
    const place = describe(accelerator, lib.liteRtWasm.getThreadCount());
    const shape = [1, input.height, input.width, input.channels];
    const ready = new Network(litert, compiled, shape, place);
    // The first run takes longer than all others, and shows whether the network runs here at all.
    await ready.run(new Uint8Array(input.height * input.width * input.channels));
    return ready;
  } catch (error) {
    litert.unloadLiteRt();
    throw error;
  }
}

function describe(accelerator, threads) {
  if (accelerator === 'webgpu') return 'the graphics card (WebGPU)';
  return `the processor, ${threads} thread${threads === 1 ? '' : 's'} (WebAssembly)`;
}

async function importLiteRt() {
  try {
    return await import('@litertjs/core');
  } catch {
    throw new Error('LiteRT.js could not be loaded, or is not the file that this page expects.');
  }
}

/** Returns the name of the runtime's file for what the network, browser and server allow. */
async function chooseVariant(litert, accelerator, mayHaveThreads) {
  if (!await litert.supportsFeature('relaxedSimd')) return 'litert_wasm_compat_internal';
  if (accelerator === 'webgpu' && await litert.supportsFeature('jspi')) {
    return 'litert_wasm_jspi_internal';
  }
  const isolated = mayHaveThreads && self.crossOriginIsolated;
  if (accelerator === 'wasm' && isolated && await litert.supportsFeature('threads')) {
    return 'litert_wasm_threaded_internal';
  }
  return 'litert_wasm_internal';
}

async function download(url, integrity) {
  let response;
  try {
    response = await fetch(url, {integrity});
  } catch {
    throw new Error(`${url} could not be loaded, or is not the file that this page expects.`);
  }
  if (!response.ok) throw new Error(`${url} could not be loaded: status ${response.status}.`);
  return response.arrayBuffer();
}
