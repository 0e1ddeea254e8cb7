/* The live page: the 7-layer networks of chapter 04 run here, on a digit that the reader turns.

   A classic script, since a page opened from disk can load no module and fetch nothing. Its data,
   LIVE_DATA, come from weights.js (tools/live_page.py). The first half computes and is also read by
   node in the tests; the second half shows. Nothing is computed while nothing changes.

   Maps of a layer are flat: channel c, row i, column j of maps (C, side, side) lies at
   (c * side + i) * side + j. A transformation is {turns, dy, dx}: first quarter turns
   counterclockwise, then a shift in pixels, down and to the right. */
"use strict";

const SIDE = 28; // pixels of an image
const FLAT = 1e-5; // a map is constant if its deviation is at most this share of its rms
const HIGH_CHANCE = 0.95; // nothing can be said of a channel that scores more than this by chance
const NO_MATCH = 255;
const NO_SCORE = -32768;
const SCORES = 10000; // scores are stored as whole numbers of ten-thousandths
const ROWS = 4; // stored of each channel: invariance, its chance, equivariance, its chance

/* ---- Reading the data ---- */

function bytesOf(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
}

/* float16 -> numbers */
function halves(bytes) {
  const words = new Uint16Array(bytes.buffer);
  return Float64Array.from(words, word => {
    const exponent = (word >> 10) & 31, fraction = word & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    return word & 32768 ? -size : size;
  });
}

/* An entry of LIVE_DATA.networks, ready to run. Batch norm becomes a scale and an offset. */
function networkOf(entry, layers) {
  const values = halves(bytesOf(entry.weights));
  let at = 0;
  const take = count => values.subarray(at, (at += count));
  const width = 20, convolutions = [];
  for (let depth = 0; depth < 7; depth++) {
    const inputs = depth ? width : 1;
    const weights = take(width * inputs * 9); // (20, inputs, 3, 3)
    const [weight, bias, mean, variance] = [take(width), take(width), take(width), take(width)];
    const scale = weight.map((w, c) => w / Math.sqrt(variance[c] + 1e-5));
    const offset = bias.map((b, c) => b - mean[c] * scale[c]);
    convolutions.push({ inputs, outputs: width, weights, scale, offset });
  }
  const classes = entry.classes.length;
  const linear = { weights: take(classes * width), bias: take(classes) };
  return { entry, convolutions, linear, classes, layers, known: knownOf(entry, layers, classes) };
}

/* What was measured over the data set, for each layer and transformation:
   matches (C,), and rows of scores (C,) each, NaN where there is none. */
function knownOf(entry, layers, classes) {
  const scores = new Int16Array(bytesOf(entry.channels).buffer), matches = bytesOf(entry.matches);
  let at = 0;
  return layers.map((_, depth) => {
    const channels = depth === layers.length - 1 ? classes : 20;
    return entry.layers[depth].map(() => {
      const rows = Array.from({ length: ROWS }, (_, row) => {
        const from = (at * ROWS) + row * channels;
        return Array.from(scores.subarray(from, from + channels), stored);
      });
      const match = Array.from(matches.subarray(at, (at += channels)));
      return { own: rows[0], ownChance: rows[1], best: rows[2], bestChance: rows[3], match };
    });
  });
}

function stored(score) {
  return score === NO_SCORE ? NaN : score / SCORES;
}

/* ---- The network ---- */

/* maps (inputs, side, side) -> (20, side - 2, side - 2): 3 x 3 without padding, norm, ReLU */
function convolved(maps, side, { inputs, outputs, weights, scale, offset }) {
  const size = side - 2, out = new Float64Array(outputs * size * size);
  for (let o = 0; o < outputs; o++) {
    const plane = out.subarray(o * size * size, (o + 1) * size * size);
    for (let input = 0; input < inputs; input++) {
      const at = (o * inputs + input) * 9;
      addFiltered(plane, size, maps, input * side * side, side, weights.subarray(at, at + 9));
    }
    for (let k = 0; k < plane.length; k++) plane[k] = Math.max(0, plane[k] * scale[o] + offset[o]);
  }
  return out;
}

/* Add one map, filtered, to a plane; written out, since it takes nearly all of the time. */
function addFiltered(plane, size, maps, from, side, [a, b, c, d, e, f, g, h, i]) {
  for (let row = 0, to = 0; row < size; row++, from += side) {
    for (let p = from, q = from + side, r = q + side; p < from + size; p++, q++, r++) {
      plane[to++] += a * maps[p] + b * maps[p + 1] + c * maps[p + 2]
        + d * maps[q] + e * maps[q + 1] + f * maps[q + 2]
        + g * maps[r] + h * maps[r + 1] + i * maps[r + 2];
    }
  }
}

/* (C, side, side) -> (C, side / 2, side / 2) */
function maxPooled(maps, side) {
  const size = side / 2, channels = maps.length / side ** 2;
  const out = new Float64Array(channels * size * size);
  for (let row = 0, to = 0; row < channels * size; row++) {
    for (let j = 0; j < size; j++) {
      const from = 2 * row * side + 2 * j;
      const upper = Math.max(maps[from], maps[from + 1]);
      out[to++] = Math.max(upper, maps[from + side], maps[from + side + 1]);
    }
  }
  return out;
}

/* A normalised image (28 x 28) -> the maps of the nine layers; the last are the logits. */
function forward(network, image) {
  const found = [];
  let maps = image, side = SIDE;
  for (let depth = 0; depth < network.convolutions.length; depth++) {
    maps = convolved(maps, side, network.convolutions[depth]);
    side -= 2;
    found.push(maps);
    if (depth === 1) [maps, side] = [maxPooled(maps, side), side / 2];
  }
  const cells = side * side, { weights, bias } = network.linear;
  const pooled = Float64Array.from({ length: maps.length / cells }, (_, c) =>
    maps.subarray(c * cells, (c + 1) * cells).reduce((sum, value) => sum + value, 0) / cells);
  const logits = Float64Array.from(bias, (b, o) =>
    pooled.reduce((sum, value, c) => sum + value * weights[o * pooled.length + c], b));
  return [...found, pooled, logits];
}

/* ---- Transformations: on images, and on maps ---- */

/* Turn maps (C, side, side) counterclockwise. */
function turned(maps, side, turns) {
  const out = new Float64Array(maps.length), end = side - 1, cells = side * side;
  // where the first cell of a turned map comes from, and the steps from there down and across
  const [first, down, across] = [
    [0, side, 1], [end, -1, side], [cells - 1, -side, -1], [end * side, 1, -side]][turns];
  for (let start = 0, to = 0; start < maps.length; start += cells) {
    for (let i = 0; i < side; i++) {
      let from = start + first + i * down;
      for (let j = 0; j < side; j++, from += across) out[to++] = maps[from];
    }
  }
  return out;
}

/* Shift an image; what comes in at the border is 0. */
function moved(image, dy, dx) {
  const inside = k => k >= 0 && k < SIDE;
  return image.map((_, at) => {
    const row = Math.floor(at / SIDE) - dy, column = (at % SIDE) - dx;
    return inside(row) && inside(column) ? image[row * SIDE + column] : 0;
  });
}

function transformed(image, t) {
  return moved(turned(image, SIDE, t.turns), t.dy, t.dx);
}

/* How one axis of a map is read under a shift: cells first .. first + count - 1 are compared, and
   cell i is read at i + low (share 1 - weight) and i + low + 1. null: no cell is left. */
function axis(size, stride, pixels) {
  const by = size > 1 ? pixels / stride : 0;
  const first = Math.max(0, Math.ceil(by)), last = Math.min(size - 1, size - 1 + Math.floor(by));
  const low = Math.floor(-by);
  return first > last ? null : { first, count: last - first + 1, low, weight: -by - low };
}

/* Which cells of a layer are compared: {rows, columns, side}, or null. */
function comparedCells({ side, stride }, t) {
  const rows = axis(side, stride, t.dy), columns = axis(side, stride, t.dx);
  return rows && columns && { rows, columns, side };
}

/* F: the maps (C, side, side) transformed, at the compared cells: (C, n). */
function readF(maps, t, { rows, columns, side }) {
  const from = turned(maps, side, t.turns), channels = maps.length / side ** 2;
  const out = new Float64Array(channels * rows.count * columns.count);
  const next = k => Math.min(k + 1, side - 1);
  const mix = (a, b, share) => a + share * (b - a);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let i = 0; i < rows.count; i++) {
      const row = rows.first + i + rows.low;
      const upper = (c * side + row) * side, lower = (c * side + next(row)) * side;
      for (let j = 0; j < columns.count; j++) {
        const left = columns.first + j + columns.low, right = next(left);
        const above = mix(from[upper + left], from[upper + right], columns.weight);
        const below = mix(from[lower + left], from[lower + right], columns.weight);
        out[to++] = mix(above, below, rows.weight);
      }
    }
  }
  return out;
}

/* G: the maps of the transformed image, at the compared cells: (C, n). */
function readG(maps, { rows, columns, side }) {
  const channels = maps.length / side ** 2;
  const out = new Float64Array(channels * rows.count * columns.count);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let i = 0; i < rows.count; i++) {
      const from = (c * side + rows.first + i) * side + columns.first;
      for (let j = 0; j < columns.count; j++) out[to++] = maps[from + j];
    }
  }
  return out;
}

/* ---- The measure ---- */

/* Maps (C, n), each centred and scaled to length 1; null where one is constant. */
function unitMaps(maps, channels) {
  const cells = maps.length / channels;
  const map = c => maps.slice(c * cells, (c + 1) * cells);
  return Array.from({ length: channels }, (_, c) => unitMap(map(c)));
}

function unitMap(map) {
  let sum = 0, squares = 0, varying = 0;
  for (const value of map) { sum += value; squares += value * value; }
  const centre = sum / map.length;
  for (const value of map) varying += (value - centre) ** 2;
  if (!(varying > FLAT ** 2 * squares)) return null;
  const scale = 1 / Math.sqrt(varying);
  for (let k = 0; k < map.length; k++) map[k] = (map[k] - centre) * scale;
  return map;
}

/* S of every G with every F', as rows of G; NaN where one of the two is constant. */
function similarities(g, f) {
  return g.map(one => f.map(other => {
    if (!one || !other) return NaN;
    let sum = 0;
    for (let k = 0; k < one.length; k++) sum += one[k] * other[k];
    return Math.max(-1, Math.min(1, sum));
  }));
}

function mean(values) {
  const some = values.filter(value => !Number.isNaN(value));
  return some.length ? some.reduce((sum, value) => sum + value, 0) / some.length : NaN;
}

/* The number of the largest value, NO_MATCH where all are NaN. */
function largest(values) {
  let best = NO_MATCH;
  values.forEach((v, k) => { if (v > (best === NO_MATCH ? -2 : values[best])) best = k; });
  return best;
}

/* The score above chance: (s - c) / (1 - c) for each channel, then the mean. */
function corrected(scores, chances) {
  return mean(scores.map((s, c) => {
    return chances[c] <= HIGH_CHANCE ? (s - chances[c]) / (1 - chances[c]) : NaN;
  }));
}

/* One layer of one image: S, and for each channel invariance and equivariance. match: the channels
   that were chosen over the data set; null: the best one of this image. */
function scoredLayer(fx, gx, layer, t, match) {
  const channels = fx.length / layer.side ** 2, cells = comparedCells(layer, t);
  const nothing = Array(channels).fill(NaN);
  if (!cells) return { channels, cells, g: nothing.map(() => null), own: nothing, best: nothing,
                       match: nothing.map(() => NO_MATCH) };
  const g = unitMaps(readG(gx, cells), channels), f = unitMaps(readF(fx, t, cells), channels);
  const s = similarities(g, f), chosen = match || s.map(largest);
  const best = s.map((row, c) => chosen[c] === NO_MATCH ? NaN : row[chosen[c]]);
  return { channels, cells, g, s, own: s.map((row, c) => row[c]), best, match: chosen };
}

/* Chance for one image and layer: the same with F of other images, averaged over them. */
function chanceOf(scored, others, layer, t) {
  const own = [], best = [];
  for (const fx of scored.cells ? others : []) {
    const f = unitMaps(readF(fx, t, scored.cells), scored.channels);
    const s = similarities(scored.g, f);
    own.push(s.map((row, c) => row[c]));
    best.push(s.map(row => { const k = largest(row); return k === NO_MATCH ? NaN : row[k]; }));
  }
  const byChannel = lists => scored.own.map((_, c) => mean(lists.map(list => list[c])));
  return { ownChance: byChannel(own), bestChance: byChannel(best) };
}

/* The place of a transformation among those that were measured over the data set, or -1. */
function placeOf(t, names) {
  const still = t.dy === 0 && t.dx === 0;
  if (t.turns) return still ? names.indexOf(`rotation-${90 * t.turns}`) : -1;
  return t.dy === t.dx ? names.indexOf(`shift-${t.dy}`) : -1;
}

/* Pixels 0 .. 255 -> what the network takes. */
function normalised(ink, data) {
  return Float64Array.from(ink, value => (value / 255 - data.mean) / data.std);
}

/* ---- The page ---- */

const NAMES = { plain: "MNIST6", "rot-inv": "Rot-Inv", "rot-eq": "Rot-Eq" };
const STILL = { turns: 0, dy: 0, dx: 0 };
const FARTHEST = 27; // pixels; at 28 nothing of the image is left
const TRIES = { // what the buttons of the steps set
  turn: { t: { turns: 1, dy: 0, dx: 0 }, layer: 0, channel: null, task: "rot-eq", trained: true },
  partner: { t: { turns: 1, dy: 0, dx: 0 }, layer: 0, channel: "orbit", task: "rot-eq",
             trained: true, pooled: true },
  move: { t: { turns: 0, dy: 4, dx: 4 }, layer: 0, channel: null },
  deep: { t: { turns: 1, dy: 0, dx: 0 }, layer: 6, channel: null, trained: true, pooled: false },
  pooled: { t: { turns: 1, dy: 0, dx: 0 }, layer: 6, channel: null, trained: true, pooled: true },
  asked: { t: { turns: 1, dy: 0, dx: 0 }, task: "rot-inv", trained: true, pooled: true },
  untrained: { t: { turns: 1, dy: 0, dx: 0 }, task: "rot-inv", trained: false, pooled: true },
};

/* What the reader has chosen. ink: 28 x 28 values up to 255; channel: the one that was tapped. */
function firstState(data) {
  return { ink: digitOf(data, 0), digit: 0, t: { turns: 1, dy: 0, dx: 0 }, task: "rot-eq",
           trained: true, layer: 0, pooled: true, channel: null };
}

function digitOf(data, number) {
  const size = SIDE * SIDE;
  data.pixels = data.pixels || bytesOf(data.digits.pixels);
  return Float64Array.from(data.pixels.slice(number * size, (number + 1) * size));
}

/* Networks, and maps that do not change with the transformation, kept until they do. */
function memory(data) {
  const networks = new Map(), others = new Map();
  let last = {};
  return {
    network(task, trained) {
      const entry = data.networks.find(one => one.task === task && one.trained === trained);
      if (!networks.has(entry)) networks.set(entry, networkOf(entry, data.layers));
      return networks.get(entry);
    },
    untouched(network, ink) { // the maps of x
      if (last.network !== network || last.ink !== ink) {
        last = { network, ink, maps: forward(network, normalised(ink, data)) };
      }
      return last.maps;
    },
    others(network, name) { // the maps of one digit of each other class
      if (!others.has(network)) others.set(network, new Map());
      const known = others.get(network), { names } = data.digits;
      const firsts = names.map((_, k) => k).filter(k => names.indexOf(names[k]) === k);
      return firsts.filter(k => names[k] !== name).map(k => {
        if (!known.has(k)) known.set(k, forward(network, normalised(digitOf(data, k), data)));
        return known.get(k);
      });
    },
  };
}

/* Everything that the page shows for a state. */
function computed(state, data, kept) {
  const network = kept.network(state.task, state.trained), { t } = state;
  const place = placeOf(t, data.transforms), x = normalised(state.ink, data);
  const tx = transformed(x, t), fx = kept.untouched(network, state.ink), gx = forward(network, tx);
  const pooled = state.pooled && place >= 0;
  const empty = !state.ink.some(value => value > 0);
  const gone = !empty && !transformed(state.ink, t).some(value => value > 0);
  const layers = data.layers.map((layer, depth) => {
    const known = place >= 0 ? network.known[depth][place] : null;
    return scoredLayer(fx[depth], gx[depth], layer, t, pooled ? known.match : null);
  });
  const view = { network, place, pooled, empty, gone, tx, fx, gx, layers };
  return { ...view, shown: shownLayer(state, data, kept, view) };
}

/* The chosen layer: for each channel its two scores and their chance. */
function shownLayer(state, data, kept, { network, place, pooled, empty, gone, layers }) {
  const depth = state.layer, layer = data.layers[depth], scored = layers[depth];
  const known = place >= 0 ? network.known[depth][place] : null;
  if (layer.side === 1 && known) return { ...scored, ...known, single: true };
  const nothing = scored.own.map(() => NaN);
  if (empty || gone || layer.side === 1) {
    return { ...scored, own: nothing, best: nothing, ownChance: nothing, bestChance: nothing,
             match: nothing.map(() => NO_MATCH), single: layer.side === 1 };
  }
  if (pooled) return { ...scored, ownChance: known.ownChance, bestChance: known.bestChance };
  const name = state.digit === null ? null : data.digits.names[state.digit];
  const others = kept.others(network, name).map(maps => maps[depth]);
  return { ...scored, ...chanceOf(scored, others, layer, state.t) };
}

/* ---- Words ---- */

function number(value) {
  if (Number.isNaN(value) || value === null) return "–";
  return value.toFixed(2).replace(/^-(?=.*[1-9])/, "−").replace("-", "");
}

function layerWords(depth, layers) {
  return depth < 7 ? `layer ${depth + 1}` : depth < layers.length - 1 ? "pooling" : "final layer";
}

function transformWords({ turns, dy, dx }) {
  const parts = [];
  if (turns) parts.push(["", "a quarter to the left", "a half", "a quarter to the right"][turns]);
  const down = `px ${dy > 0 ? "down" : "up"}`, right = `px ${dx > 0 ? "right" : "left"}`;
  if (dy === dx && dy) parts.push(`${Math.abs(dy)} px ${dy > 0 ? "down, right" : "up, left"}`);
  else parts.push(dy ? `${Math.abs(dy)} ${down}` : "", dx ? `${Math.abs(dx)} ${right}` : "");
  return parts.filter(Boolean).join(", ") || "untouched";
}

function answerWords(logits, classes) {
  const top = largest(Array.from(logits));
  const sum = logits.reduce((total, value) => total + Math.exp(value - logits[top]), 0);
  const [digit, turn] = classes[top].split("-");
  const words = turn === undefined ? digit : `${digit}, turned by ${turn}°`;
  return `${words} (${Math.round(100 / sum)} %)`;
}

function warningWords(state, view, data) {
  const layer = data.layers[state.layer], { turns, dy, dx } = state.t;
  if (view.empty) return "The drawing is empty: pick a digit, or draw one on x.";
  if (view.gone) return "The digit was moved out of the image: nothing is left to compare.";
  if (layer.side === 1 && view.place < 0) {
    return "This layer has one cell for each channel, so that a correlation takes many images; "
      + "none were measured under this transformation.";
  }
  if (layer.side === 1) {
    return "This layer has one cell for each channel, so that a correlation takes many images: the "
      + "bars are those of the data set.";
  }
  if (!view.layers[state.layer].cells || view.shown.own.every(Number.isNaN)) {
    return "Nothing to compare: too few cells of this layer are left, or its maps are constant.";
  }
  if (!turns && !dy && !dx) return "Nothing is turned or moved: F and G are the same maps.";
  if (state.pooled && !view.pooled) {
    return "This transformation was not measured over the data set: "
      + "matches are those of this image.";
  }
  return "";
}

function sayWords(state, view, data) {
  const { own, best, bestChance, single } = view.shown, score = mean(best);
  const place = `${NAMES[state.task]}, ${state.trained ? "trained" : "untrained"}, `
    + `${layerWords(state.layer, data.layers)}, ${transformWords(state.t)}`;
  if (Number.isNaN(score)) return `${place}: no score.`;
  return `${place}${single ? ", over the data set" : ""}: invariance ${number(mean(own))}, `
    + `equivariance ${number(score)}, of which chance gives ${number(mean(bestChance))}; corrected `
    + `for it ${number(corrected(best, bestChance))}.`;
}

/* ---- Pictures ---- */

const RAMP = [[16, 22, 46], [46, 110, 142], [250, 236, 170]]; // from nothing to strong

/* The ramp in 256 steps, each as the four bytes of an opaque pixel. */
const COLOURS = Array.from({ length: 256 }, (_, k) => {
  const at = k / 255 * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
  const mixed = RAMP[low].map((v, n) => Math.round(v + (at - low) * (RAMP[low + 1][n] - v)));
  return new Uint32Array(new Uint8Array([...mixed, 255]).buffer)[0];
});

/* Draw values (side x side) into a canvas of as many pixels; NaN is left empty. */
function paint(canvas, values, side, low, high) {
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d"), picture = context.createImageData(side, side);
  const pixels = new Uint32Array(picture.data.buffer), scale = 255 / (high - low || 1);
  for (let k = 0; k < pixels.length; k++) {
    const step = Math.round((values[k] - low) * scale);
    if (step === step) pixels[k] = COLOURS[Math.max(0, Math.min(255, step))]; // not NaN
  }
  context.putImageData(picture, 0, 0);
}

/* Compared cells (C, n) -> whole maps (C, side, side), NaN where nothing is compared. */
function whole(values, { rows, columns, side }, channels) {
  const out = new Float64Array(channels * side * side).fill(NaN);
  for (let c = 0, from = 0; c < channels; c++) {
    for (let i = 0; i < rows.count; i++) {
      const to = (c * side + rows.first + i) * side + columns.first;
      for (let j = 0; j < columns.count; j++) out[to + j] = values[from++];
    }
  }
  return out;
}

/* F and G as whole maps. */
function pictures(state, view, data) {
  const { side } = data.layers[state.layer], { channels, cells } = view.shown;
  const fx = view.fx[state.layer], gx = view.gx[state.layer];
  if (!cells) return { f: new Float64Array(fx.length).fill(NaN), g: gx, side };
  const f = whole(readF(fx, state.t, cells), cells, channels);
  return { f, g: whole(readG(gx, cells), cells, channels), side };
}

/* The smallest and largest value, at least from 0. */
function bounds(...lists) {
  let low = 0, high = 0;
  for (const list of lists) for (const v of list) { if (v < low) low = v; if (v > high) high = v; }
  return [low, high];
}

/* ---- The elements ---- */

function element(name, attributes, ...children) {
  const svg = ["svg", "line", "polyline", "text", "rect"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function canvas() {
  return element("canvas", { width: 1, height: 1, "aria-hidden": "true" });
}

function bar(kind) {
  return element("span", { class: `live-score live-${kind}` },
    element("span", { class: "live-words" }, element("span", {}), element("span", {})),
    element("span", { class: "live-bar" }, element("i", {}), element("b", {})));
}

/* The cards of a layer's channels, each a button with two maps and two bars. */
function buildCards(box, channels) {
  const lines = element("svg", { class: "live-line", "aria-hidden": "true" },
    element("line", { hidden: "" }));
  const cards = Array.from({ length: channels }, (_, c) => {
    const head = element("span", { class: "live-head" }, element("span", {}), element("span", {}));
    const maps = element("span", { class: "live-maps" },
      element("span", {}, canvas(), "F"), element("span", {}, canvas(), "G"));
    return element("button", { type: "button", class: "live-card", "data-channel": c },
      head, maps, bar("own"), bar("best"));
  });
  box.replaceChildren(...cards, lines);
}

/* Where a score lies on a bar from -0.5 to 1, in percent. */
function along(score) {
  return `${Math.max(0, Math.min(100, (score + 0.5) / 1.5 * 100))}%`;
}

/* One score of a channel: with which F, how much, and a bar with the mark of chance. */
function setScore(box, partner, score, chance) {
  const [words, bar] = box.children, [fill, mark] = bar.children;
  const zero = 100 / 3, end = parseFloat(along(score)), none = Number.isNaN(score);
  words.firstChild.textContent = partner;
  words.lastChild.textContent = none ? "undefined" : number(score);
  bar.classList.toggle("live-undefined", none);
  fill.hidden = none;
  mark.hidden = none || Number.isNaN(chance);
  fill.style.left = `${Math.min(zero, end)}%`;
  fill.style.width = `${Math.abs(end - zero)}%`;
  mark.style.left = along(chance);
}

/* Which group a channel is in: {letter, kind, members} or undefined. */
function groupsOf(network, name) {
  return (network.entry.orbits[name] || []).map((group, k) =>
    ({ ...group, letter: String.fromCharCode(65 + k), hue: k % 6 }));
}

/* Show the channels of the chosen layer. */
function showCards(box, state, view, data) {
  const { shown, network } = view, { f, g, side } = pictures(state, view, data);
  if (box.querySelectorAll(".live-card").length !== shown.channels) buildCards(box, shown.channels);
  const groups = groupsOf(network, data.layers[state.layer].name), cells = side * side;
  const all = shown.single ? bounds(f, g) : null, names = channelNames(network, state, shown);
  box.querySelectorAll(".live-card").forEach((card, c) => {
    const maps = [f, g].map(of => of.subarray(c * cells, (c + 1) * cells));
    const [low, high] = all || bounds(...maps);
    card.querySelectorAll("canvas").forEach((of, k) => paint(of, maps[k], side, low, high));
    const group = groups.find(one => one.members.includes(c));
    card.dataset.hue = group ? group.hue : "";
    const [title, letter] = card.querySelector(".live-head").children;
    title.textContent = state.layer === 8 ? names[c] : `channel ${c}`;
    letter.textContent = group ? group.letter : "";
    showScores(card, shown, c, names, group);
  });
}

/* What channels are called: those of the final layer by their class. */
function channelNames(network, state, { channels }) {
  if (state.layer < 8) return Array.from({ length: channels }, (_, c) => String(c));
  return network.entry.classes.map(name => `“${name.replace(/-(\d+)/, ", $1°")}”`);
}

function showScores(card, { own, best, ownChance, bestChance, match }, c, names, group) {
  const [first, second] = card.querySelectorAll(".live-score");
  const to = match[c] === NO_MATCH ? "" : `F ${names[match[c]]}`;
  setScore(first, `F ${names[c]}`, own[c], ownChance[c]);
  setScore(second, to, best[c], bestChance[c]);
  const words = [`channel ${names[c]}`, `G with its own F ${number(own[c])}`,
    `with its match ${to} ${number(best[c])}`, `chance ${number(bestChance[c])}`,
    group ? `${group.kind} ${group.letter}` : ""];
  card.setAttribute("aria-label", words.filter(Boolean).join(", "));
  card.dataset.match = match[c];
}

/* Light up a channel and its match, with a line from G to F; null: none. */
function showMatch(box, channel) {
  const cards = box.querySelectorAll(".live-card"), line = box.querySelector("line");
  const from = channel === null ? undefined : cards[channel];
  const to = from && cards[from.dataset.match];
  cards.forEach(card => {
    card.classList.toggle("live-from", card === from);
    card.classList.toggle("live-to", card === to);
  });
  line.toggleAttribute("hidden", !to);
  if (!to) return;
  const frame = box.getBoundingClientRect();
  const centre = (card, k) => card.querySelectorAll("canvas")[k].getBoundingClientRect();
  [centre(from, 1), centre(to, 0)].forEach((place, k) => {
    line.setAttribute(`x${k + 1}`, place.x + place.width / 2 - frame.x);
    line.setAttribute(`y${k + 1}`, place.y + place.height / 2 - frame.y);
  });
}

function showGroups(box, network, layer) {
  const groups = groupsOf(network, layer.name);
  box.textContent = groups.length
    ? "Found in this layer over the data set, channels that a quarter turn leads to one another: "
    : "No orbits were found in this layer over the data set.";
  groups.forEach(({ kind, members, letter, hue }) => {
    const round = (members.length > 1 ? [...members, members[0]] : members).join(" → ");
    box.append(element("span", { "data-hue": hue }, `${letter}: ${kind} ${round}`), " ");
  });
}

/* ---- The table and the chart ---- */

function showTable(root, state, view) {
  const { own, best, ownChance, bestChance, single } = view.shown;
  const stored = view.place < 0 ? [] : view.network.entry.layers[state.layer][view.place];
  const here = (scores, chances) =>
    single ? [NaN, NaN, NaN] : [mean(scores), mean(chances), corrected(scores, chances)];
  const from = view.pooled ? 3 : 6; // equivariance, matched over the data set or per image
  const rows = [[...here(own, ownChance), ...stored.slice(0, 3)],
                [...here(best, bestChance), ...stored.slice(from, from + 3)]];
  root.querySelectorAll("tbody tr").forEach((row, r) => {
    row.querySelectorAll("td").forEach((cell, k) => {
      const value = rows[r][k] ?? NaN;
      cell.textContent = number(value);
      cell.style.setProperty("--share", k === 1 || k === 4 || !(value > 0) ? 0 : value);
    });
  });
}

const COLUMN = 40, TOP = 10, BOTTOM = 110; // of the chart, in its own units

function chartLine(values, kind) {
  const y = value => BOTTOM - (BOTTOM - TOP) * (value + 0.25) / 1.25;
  const runs = [[]];
  values.forEach((value, k) => {
    if (value === null || Number.isNaN(value)) runs.push([]);
    else runs[runs.length - 1].push(`${COLUMN * (k + 0.5)},${y(Math.max(-0.25, value))}`);
  });
  return runs.filter(run => run.length).map(run => element("polyline", {
    points: run.length > 1 ? run.join(" ") : `${run[0]} ${run[0]}`, class: `live-${kind}` }));
}

/* The profile by layer; the chosen layer has a ground. */
function showChart(svg, state, view, data) {
  const stored = column => view.network.entry.layers.map(of =>
    view.place < 0 ? null : of[view.place][column]);
  const { pooled } = view, count = data.layers.length;
  const scale = [0, 0.5, 1].flatMap(value => {
    const y = BOTTOM - (BOTTOM - TOP) * (value + 0.25) / 1.25;
    return [element("line", { x1: 0, x2: COLUMN * count, y1: y, y2: y, class: "live-grid" }),
            element("text", { x: 2, y: y - 2 }, String(value))];
  });
  const hidden = view.empty || view.gone;
  const here = kind => hidden ? [] : view.layers.map(layer => mean(layer[kind]));
  svg.replaceChildren(
    element("rect", { x: COLUMN * state.layer, y: 0, width: COLUMN, height: 120 }), ...scale,
    ...chartLine(stored(pooled ? 4 : 7), "chance"), ...chartLine(stored(pooled ? 3 : 6), "set"),
    ...chartLine(here("own"), "own"), ...chartLine(here("best"), "best"));
}

/* ---- What the reader does ---- */

function turnedBy(t, turns) {
  // what was moved before is turned along, so that four quarter turns lead back to the start
  let { dy, dx } = t;
  for (let k = 0; k < turns; k++) [dy, dx] = [-dx, dy];
  return { turns: (t.turns + turns) % 4, dy: dy + 0, dx: dx + 0 };
}

function movedBy(t, dy, dx) {
  const kept = value => Math.max(-FARTHEST, Math.min(FARTHEST, value));
  return { turns: t.turns, dy: kept(t.dy + dy), dx: kept(t.dx + dx) };
}

const MOVES = {
  left: t => turnedBy(t, 1), right: t => turnedBy(t, 3),
  back: t => movedBy(t, -1, -1), on: t => movedBy(t, 1, 1), start: () => STILL,
};
const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "back", ArrowDown: "on", Home: "start",
};
const SHIFTED = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/* A round pen of about two pixels, from one place of the image to another. */
function stroke(ink, from, to) {
  const out = ink.slice(), steps = Math.ceil(2 * Math.hypot(to[0] - from[0], to[1] - from[1])) + 1;
  for (let k = 0; k <= steps; k++) {
    const [row, column] = from.map((v, i) => v + (to[i] - v) * k / steps);
    out.forEach((value, at) => {
      const away = Math.hypot(Math.floor(at / SIDE) - row, (at % SIDE) - column);
      out[at] = Math.max(value, 255 * Math.max(0, Math.min(1, 1.9 - away)));
    });
  }
  return out;
}

/* Call begin and go on with the pixel [row, column] while a pointer is down on a canvas. */
function dragging(canvas, begin, goOn) {
  let down = false;
  const place = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientY - box.y) / box.height * SIDE - 0.5,
            (event.clientX - box.x) / box.width * SIDE - 0.5];
  };
  canvas.addEventListener("pointerdown", event => {
    down = true;
    canvas.setPointerCapture(event.pointerId);
    begin(place(event));
  });
  canvas.addEventListener("pointermove", event => { if (down) goOn(place(event)); });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { down = false; });
  }
}

/* Draw on x, and move T x, by mouse, pen or finger. */
function listenCanvases(find, state, change) {
  let last, start;
  const draw = to => {
    change({ ink: stroke(state.ink, last, to), digit: null });
    last = to;
  };
  dragging(find("x"), at => { last = at; draw(at); }, draw);
  dragging(find("tx"), at => { start = { at, t: state.t }; }, to => {
    const [dy, dx] = to.map((value, k) => Math.round(value - start.at[k]));
    change({ t: movedBy(start.t, dy, dx) });
  });
}

function digitButtons(box, data, change) {
  data.digits.names.forEach((name, number) => {
    const picture = canvas(), button = element("button", { type: "button",
      "aria-label": `digit ${name}`, "data-value": number }, picture);
    paint(picture, digitOf(data, number), SIDE, 0, 255);
    button.addEventListener("click", () => change({ ink: digitOf(data, number), digit: number }));
    box.append(button);
  });
  const empty = element("button", { type: "button", class: "live-empty" }, "empty");
  const ink = new Float64Array(SIDE * SIDE);
  empty.addEventListener("click", () => change({ ink, digit: null }));
  box.append(empty);
}

function press(box, value) {
  box.querySelectorAll("button").forEach(button =>
    button.setAttribute("aria-pressed", String(button.dataset.value === String(value))));
}

/* A group of buttons of which one is pressed. */
function choice(box, change, of) {
  box.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (button) change(of(button.dataset.value));
  });
}

/* What a step's button sets; "orbit" is a channel of the layer's first orbit. */
function tried(values, data) {
  if (values.channel !== "orbit") return values;
  const { task, trained, layer } = values;
  const entry = data.networks.find(one => one.task === task && one.trained === trained);
  const groups = entry.orbits[data.layers[layer].name] || [];
  const group = groups.find(one => one.kind === "orbit") || groups[0];
  return { ...values, channel: group ? group.members[0] : 0 };
}

function listen(root, state, change, find, data) {
  choice(find("task"), change, task => ({ task }));
  choice(find("trained"), change, value => ({ trained: value === "yes" }));
  choice(find("match"), change, value => ({ pooled: value === "dataset" }));
  choice(find("layer"), change, value => ({ layer: Number(value), channel: null }));
  find("chart").addEventListener("click", event => {
    const box = find("chart").getBoundingClientRect(), count = find("layer").children.length;
    const layer = Math.floor((event.clientX - box.x) / box.width * count);
    change({ layer: Math.max(0, Math.min(count - 1, layer)), channel: null });
  });
  root.querySelectorAll("[data-move]").forEach(button => button.addEventListener("click", () =>
    change({ t: MOVES[button.dataset.move](state.t) })));
  root.querySelectorAll("[data-try]").forEach(button => button.addEventListener("click", () => {
    change(tried(TRIES[button.dataset.try], data));
    root.querySelector(".live-top").scrollIntoView({ block: "nearest" }); // on a phone it is below
  }));
  root.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = event.shiftKey && SHIFTED[event.key], move = MOVES[KEYS[event.key]];
    if (!step && !move) return;
    event.preventDefault();
    event.stopPropagation(); // the book may have keys of its own
    change({ t: step ? movedBy(state.t, ...step) : move(state.t) });
  });
}

/* Hovering or focusing a channel shows its match, tapping keeps it. */
function listenCards(box, state, change) {
  const of = event => {
    const card = event.target.closest && event.target.closest(".live-card");
    return card ? Number(card.dataset.channel) : null;
  };
  for (const kind of ["pointerover", "focusin"]) {
    box.addEventListener(kind, event => showMatch(box, of(event) ?? state.channel));
  }
  for (const kind of ["pointerleave", "focusout"]) {
    box.addEventListener(kind, () => showMatch(box, state.channel));
  }
  box.addEventListener("click", event => {
    const channel = of(event);
    if (channel !== null) change({ channel: channel === state.channel ? null : channel });
  });
  window.addEventListener("resize", () => showMatch(box, state.channel));
}

function aboutWords(data, { entry }) {
  const { about } = data, share = (100 * entry.accuracy).toFixed(1);
  return `These networks are those of profile ${about.profile}, whichever profile this book was `
    + `made with: trained on ${about.train_images} images of ${about.data.toUpperCase()} (digits `
    + `2, 3, 4, 5, 7, 9) for ${about.epochs} epochs, seed ${about.seed}. “Data set” is `
    + `${about.images} test images of the network's own task, of which this one names ${share} % `
    + "rightly. Weights are rounded to 16 bits. An untrained network has random weights, and batch "
    + "norm fitted to the images.";
}

/* What the browser or the book lacks, in words; "" where all is there. */
function lacking() {
  if (typeof LIVE_DATA === "undefined") {
    return "The networks of this page are missing: python tools/live_page.py makes them.";
  }
  const there = window.PointerEvent && Element.prototype.replaceChildren
    && document.createElement("canvas").getContext;
  return there ? "" : "This browser lacks what the live page needs; a newer one has it.";
}

function start() {
  const find = name => document.getElementById(`live-${name}`), lack = lacking();
  if (lack) find("none").textContent = lack;
  else run(document.getElementById("live"), find, LIVE_DATA);
}

function run(root, find, data) {
  const state = firstState(data), kept = memory(data);
  let waiting = false;
  const update = () => {
    const began = performance.now();
    waiting = false;
    show(root, find, state, computed(state, data, kept), data);
    root.dataset.ms = (performance.now() - began).toFixed(1);
  };
  const change = values => { // several before the next frame are shown together
    Object.assign(state, values);
    if (!waiting) { waiting = true; requestAnimationFrame(update); }
  };
  layerButtons(find("layer"), data);
  digitButtons(find("digits"), data, change);
  listenCanvases(find, state, change);
  listen(root, state, change, find, data);
  listenCards(find("channels"), state, change);
  find("none").hidden = true;
  root.hidden = false;
  update();
}

function layerButtons(box, data) {
  data.layers.forEach((_, depth) => box.append(element("button", {
    type: "button", "data-value": depth, "aria-label": layerWords(depth, data.layers) },
    depth < 7 ? String(depth + 1) : ["pool", "final"][depth - 7])));
}

function show(root, find, state, view, data) {
  const { t } = state, back = Array.from(view.tx, v => (v * data.std + data.mean) * 255);
  paint(find("x"), state.ink, SIDE, 0, 255);
  paint(find("tx"), back, SIDE, 0, 255);
  find("transform").textContent = transformWords(t);
  find("answer").textContent = view.empty || view.gone ? "–"
    : answerWords(view.gx[view.gx.length - 1], view.network.entry.classes);
  find("say").textContent = sayWords(state, view, data);
  find("warn").textContent = warningWords(state, view, data);
  find("about").textContent = aboutWords(data, view.network);
  press(find("task"), state.task);
  press(find("trained"), state.trained ? "yes" : "no");
  press(find("match"), state.pooled ? "dataset" : "image");
  press(find("layer"), state.layer);
  press(find("digits"), state.digit);
  showTable(root, state, view);
  showChart(find("chart"), state, view, data);
  showCards(find("channels"), state, view, data);
  showMatch(find("channels"), state.channel);
  showGroups(find("groups"), view.network, data.layers[state.layer]);
}

if (typeof module !== "undefined") {
  module.exports = { bytesOf, networkOf, forward, normalised, transformed, scoredLayer, corrected,
                     chanceOf, mean, placeOf };
} else start();
