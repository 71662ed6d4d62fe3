"use strict";

// The page of a generator. It draws latents, runs the network and paints the image.
//
// runtime.js has ONNX Runtime Web, `ort`, with its two parts in RUNTIME. model.js has MODEL: the network, and
// what is known of it. Both hold their bytes as gzip in base64, because scripts are all that browsers load for
// a page that is opened as a file.

const SLIDER = { least: -3, most: 3, step: 0.1 };
const MOST_BUTTONS = 24; // more classes than these are a list
const SMALLEST_PICTURE = 512; // pixels of the longer side, where a whole number of times enlarges to it

const element = (id) => document.getElementById(id);

let session; // the network, once it is loaded
let busy = false;
let wanted = false;

/** Return the bytes of gzip in base64. */
async function unpacked(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Load the network. */
async function load() {
  if (typeof ort === "undefined" || typeof RUNTIME === "undefined") throw new Error("runtime.js is missing");
  if (typeof MODEL === "undefined") throw new Error("model.js is missing");
  const module = new Blob([await unpacked(RUNTIME.module)], { type: "text/javascript" });
  ort.env.wasm.wasmBinary = await unpacked(RUNTIME.wasm);
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(module) };
  ort.env.wasm.numThreads = 1; // more need headers that a file server does not send
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  session = await ort.InferenceSession.create(await unpacked(MODEL.onnx), options);
}

/** Return a function that gives uniform numbers in [0, 1), the same ones for the same seed (mulberry32). */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Return latents of the prior, block by block. */
function draw(seed) {
  const uniform = numbers(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const latents = [];
  for (const [kind, length] of MODEL.prior) {
    const place = kind === "one_hot" ? Math.floor(uniform() * length) : 0;
    for (let i = 0; i < length; i++) {
      if (kind === "normal") latents.push(normal());
      else if (kind === "uniform") latents.push(2 * uniform() - 1);
      else latents.push(i === place ? 1 : 0);
    }
  }
  return Float32Array.from(latents);
}

/**
 * Return an image as numbers in [-1, 1], row by row, the channels of a pixel together.
 *
 * @param {Float32Array} latents the latents.
 * @param {{label?: number, amounts?: number[], truncation?: number}} settings the class, how far to go along
 *   each direction, and the truncation; what the network does not take is left out.
 */
async function generate(latents, settings = {}) {
  const { label = 0, amounts = new Array(MODEL.directions).fill(0), truncation = MODEL.truncation } = settings;
  const feeds = { latents: new ort.Tensor("float32", latents, [1, latents.length]) };
  if (MODEL.classes) feeds.labels = new ort.Tensor("int32", Int32Array.of(label), [1]);
  if (MODEL.directions) feeds.amounts = new ort.Tensor("float32", Float32Array.from(amounts), [1, amounts.length]);
  if (MODEL.truncation) feeds.truncation = new ort.Tensor("float32", Float32Array.of(truncation), []);
  return (await session.run(feeds)).images.data;
}

/** Return the pixels of an image: gray, RGB, or the mean of any other number of channels. */
function pixels(values) {
  const [height, width, channels] = MODEL.shape;
  const picture = new ImageData(width, height);
  const bytes = picture.data; // an array that rounds and clips
  for (let i = 0; i < width * height; i++) {
    const pixel = values.subarray(i * channels, (i + 1) * channels);
    const gray = pixel.reduce((sum, value) => sum + value, 0) / channels;
    for (let c = 0; c < 3; c++) bytes[4 * i + c] = 127.5 * ((channels === 3 ? pixel[c] : gray) + 1);
    bytes[4 * i + 3] = 255;
  }
  return picture;
}

/** Paint an image onto the canvas, enlarged without smoothing. */
function paint(values) {
  const [height, width] = MODEL.shape;
  const small = document.createElement("canvas");
  [small.width, small.height] = [width, height];
  small.getContext("2d").putImageData(pixels(values), 0, 0);
  const times = Math.max(1, Math.floor(SMALLEST_PICTURE / Math.max(height, width)));
  const canvas = element("image");
  if (canvas.width !== width * times || canvas.height !== height * times) {
    [canvas.width, canvas.height] = [width * times, height * times];
  }
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Return what the controls say. */
function settings() {
  const chosen = document.querySelector("#classes input:checked, #classes select");
  const slider = document.querySelector("#truncation input");
  return {
    label: chosen ? Number(chosen.value) : 0,
    amounts: [...document.querySelectorAll("#directions input")].map((input) => Number(input.value)),
    truncation: slider ? Number(slider.value) : undefined,
  };
}

const seed = () => Math.max(0, Math.floor(Number(element("seed").value)) || 0);

/** Make and paint the image of the controls; calls during a run are one call after it. */
async function update() {
  wanted = true;
  if (busy) return;
  busy = true;
  try {
    while (wanted) {
      wanted = false;
      const given = settings();
      paint(await generate(draw(seed()), given));
      const kind = MODEL.classes ? ` of class ${MODEL.classes[given.label]}` : "";
      element("image").setAttribute("aria-label", `The image${kind} of seed ${seed()}`);
      await new Promise((done) => setTimeout(done)); // the browser shows it
    }
  } catch (error) {
    fail(error);
  } finally {
    busy = false;
  }
}

function fail(error) {
  document.body.dataset.state = "failed";
  element("status").textContent = `This page cannot run the network: ${error.message || error}.`;
}

/** Return a labeled slider that shows its value. */
function slider(name, least, most, step, value) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const output = document.createElement("output");
  const show = () => (output.textContent = input.value);
  label.className = "slider";
  Object.assign(input, { type: "range", min: least, max: most, step, value });
  input.addEventListener("input", show);
  input.addEventListener("input", update);
  show();
  label.append(name, input, output);
  return label;
}

/** Return buttons for classes, or a list where there are many. */
function choices(names) {
  if (names.length > MOST_BUTTONS) {
    const list = document.createElement("select");
    list.setAttribute("aria-label", "Class");
    names.forEach((name, value) => list.append(new Option(name, value)));
    return list;
  }
  const group = document.createElement("div");
  group.className = "choices";
  names.forEach((name, value) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "class", value, checked: value === 0 });
    label.append(input, name);
    group.append(label);
  });
  return group;
}

/** Show the controls that the network has. */
function build() {
  document.title = MODEL.title;
  element("title").textContent = MODEL.title;
  element("about").textContent = MODEL.about;
  if (MODEL.classes) {
    element("classes").append(choices(MODEL.classes));
    element("classes").hidden = false;
    element("classes").addEventListener("change", update);
  }
  if (MODEL.truncation) {
    const step = MODEL.truncation / 100;
    element("truncation").append(slider("Truncation", 0, MODEL.truncation, step, MODEL.truncation));
    element("truncation").hidden = false;
  }
  for (let i = 1; i <= MODEL.directions; i++) {
    const added = slider(`Direction ${i}`, SLIDER.least, SLIDER.most, SLIDER.step, 0);
    element("middle").parentElement.before(added);
    element("directions").hidden = false;
  }
  element("again").addEventListener("click", () => {
    element("seed").value = seed() + 1;
    update();
  });
  element("seed").addEventListener("change", update);
  element("middle").addEventListener("click", () => {
    for (const input of document.querySelectorAll("#directions input")) {
      input.value = 0;
      input.nextElementSibling.textContent = input.value;
    }
    update();
  });
  element("download").addEventListener("click", download);
  element("controls").addEventListener("submit", (event) => event.preventDefault());
}

/** Save the picture as a PNG file. */
function download() {
  element("image").toBlob((file) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${MODEL.title}-${seed()}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
}

async function start() {
  try {
    await load();
  } catch (error) {
    return fail(error);
  }
  build();
  await update();
  if (document.body.dataset.state === "failed") return;
  for (const control of document.querySelectorAll("button, fieldset, #seed")) control.disabled = false;
  element("status").textContent = "";
  document.body.dataset.state = "ready";
}

start();
