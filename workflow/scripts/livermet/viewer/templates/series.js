// Draws a series and what lies over it. Places are [slice, row, column] of the whole CT: slices from
// the feet to the head, rows from the front to the back, columns from the patient's right to the left.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const { shape, spacing, step } = data;
  const [[top, bottom], [left, right]] = data.box;
  const [first, last] = [[0, top, left], [shape[0], bottom, right]];
  // Pixels of the small copy, by slice, row and column.
  const pixels = [shape[0], Math.ceil((bottom - top) / step), Math.ceil((right - left) / step)];
  const voxels = [1, step, step];
  const LESION = 2;
  const COLOURS = { reference: ["#56b4e9", "#e69f00"], prediction: ["#9fe0c0", "#f4a6cf"] };
  // Which axis a plane goes across, and which run to the right and down; slices run up.
  const PLANES = {
    axial: { across: 0, u: 2, v: 1, edges: ["R", "L", "A", "P"] },
    coronal: { across: 1, u: 2, v: 0, edges: ["R", "L", "H", "F"] },
    sagittal: { across: 2, u: 1, v: 0, edges: ["A", "P", "H", "F"] },
  };
  const picture = at("picture");
  const context = picture.getContext("2d");
  const small = document.createElement("canvas");
  const volume = new Uint8Array(pixels[0] * pixels[1] * pixels[2]);
  const there = new Uint8Array(shape[0]);
  const masks = {};
  const probabilities = {};
  let point = shape.map((count, axis) => Math.floor((first[axis] + last[axis]) / 2));
  let chosen = -1;

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const value = (id) => (at(id) ? at(id).value : "");
  const ticked = (id) => Boolean(at(id) && at(id).checked);
  const model = () => data.models.find((one) => one.key === value("model"));
  const lesions = () => (model() ? model().lesions : data.lesions);
  const plane = () => PLANES[value("plane")];

  async function unzipped(packed) {
    const zipped = new Blob([bytes(packed.values)]).stream();
    const stream = zipped.pipeThrough(new DecompressionStream("gzip"));
    return { ...packed, values: new Uint8Array(await new Response(stream).arrayBuffer()) };
  }

  // A value of a packed array; outside of its box there is nothing.
  function reader(packed) {
    const [[z0, r0, c0], [depth, height, width]] = [packed.start, packed.size];
    return (place) => {
      const [z, r, c] = [place[0] - z0, place[1] - r0, place[2] - c0];
      if (z < 0 || r < 0 || c < 0 || z >= depth || r >= height || c >= width) return 0;
      return packed.values[(z * height + r) * width + c];
    };
  }

  async function decode(number) {
    const blob = new Blob([bytes(data.images[number])], { type: "image/jpeg" });
    const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(pixels[2], pixels[1]);
    const drawn = canvas.getContext("2d", { willReadFrequently: true });
    drawn.drawImage(image, 0, 0);
    const found = drawn.getImageData(0, 0, pixels[2], pixels[1]).data;
    const offset = number * pixels[1] * pixels[2];
    for (let i = 0; i < pixels[1] * pixels[2]; i += 1) volume[offset + i] = found[4 * i];
    there[number] = 1;
    data.images[number] = null;
  }

  // Slices are read from the one in view outwards, so that it is there at once.
  async function decodeAll() {
    for (let left = shape[0]; left > 0; left -= 1) {
      let next = -1;
      for (let away = 0; away < shape[0] && next < 0; away += 1) {
        next = [point[0] - away, point[0] + away].find((n) => there[n] === 0) ?? -1;
      }
      await decode(next);
      if (plane().across === 0 ? next === point[0] : left % 16 === 1) draw();
    }
    document.body.dataset.decoded = "all";
    draw();
  }

  // From a place to the picture: mm from the corner of the shown box, then pixels of the screen.
  function geometry() {
    const { u, v } = plane();
    const mm = [u, v].map((axis) => (last[axis] - first[axis]) * spacing[axis]);
    const zoom = Number(value("zoom"));
    const scale = Math.min(picture.width / mm[0], picture.height / mm[1]) * zoom;
    const here = [u, v].map((axis) => (point[axis] - first[axis] + 0.5) * spacing[axis]);
    if (v === 0) here[1] = mm[1] - here[1];
    const centre = zoom > 1 ? here : mm.map((length) => length / 2);
    return { mm, scale, shift: [picture.width / 2 - centre[0] * scale, picture.height / 2 - centre[1] * scale] };
  }

  function drawCt({ mm, scale, shift }) {
    const { across, u, v } = plane();
    const [wide, high] = [pixels[u], pixels[v]];
    const [low, upper] = value("window").split(" ").map(Number);
    const [darkest, brightest] = data.range;
    const grey = new Uint8ClampedArray(256).map((_, n) => {
      const hu = darkest + (n / 255) * (brightest - darkest);
      return Math.round(((hu - low) / (upper - low)) * 255);
    });
    const strides = [pixels[1] * pixels[2], pixels[2], 1];
    const start = Math.min(pixels[across] - 1, Math.floor((point[across] - first[across]) / voxels[across])) * strides[across];
    small.width = wide;
    small.height = high;
    const drawn = small.getContext("2d");
    const image = drawn.createImageData(wide, high);
    for (let j = 0; j < high; j += 1) {
      const row = start + (v === 0 ? high - 1 - j : j) * strides[v];
      for (let i = 0; i < wide; i += 1) {
        const shade = grey[volume[row + i * strides[u]]];
        const k = 4 * (j * wide + i);
        image.data[k] = image.data[k + 1] = image.data[k + 2] = shade;
        image.data[k + 3] = 255;
      }
    }
    drawn.putImageData(image, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, picture.width, picture.height);
    const size = [wide * voxels[u] * spacing[u], high * voxels[v] * spacing[v]];
    context.drawImage(small, shift[0], shift[1], size[0] * scale, size[1] * scale);
  }

  // Lines between voxels inside and outside, as far as the plane cuts the array's box.
  function outline(packed, inside, colour, dashed, { mm, scale, shift }) {
    const { across, u, v } = plane();
    const read = reader(packed);
    const place = [...point];
    const is = (i, j) => {
      place[u] = i;
      place[v] = j;
      return inside(read(place));
    };
    const across0 = packed.start[across];
    if (place[across] < across0 || place[across] >= across0 + packed.size[across]) return;
    const x = (i) => shift[0] + (i - first[u]) * spacing[u] * scale;
    const y = (j) => {
      const down = (j - first[v]) * spacing[v];
      return shift[1] + (v === 0 ? mm[1] - down : down) * scale;
    };
    context.beginPath();
    for (let j = packed.start[v]; j < packed.start[v] + packed.size[v]; j += 1) {
      for (let i = packed.start[u]; i < packed.start[u] + packed.size[u]; i += 1) {
        if (!is(i, j)) continue;
        if (!is(i - 1, j)) { context.moveTo(x(i), y(j)); context.lineTo(x(i), y(j + 1)); }
        if (!is(i + 1, j)) { context.moveTo(x(i + 1), y(j)); context.lineTo(x(i + 1), y(j + 1)); }
        if (!is(i, j - 1)) { context.moveTo(x(i), y(j)); context.lineTo(x(i + 1), y(j)); }
        if (!is(i, j + 1)) { context.moveTo(x(i), y(j + 1)); context.lineTo(x(i + 1), y(j + 1)); }
      }
    }
    const pixel = window.devicePixelRatio || 1;
    context.lineWidth = 1.6 * pixel;
    context.setLineDash(dashed ? [4 * pixel, 2.5 * pixel] : []);
    context.strokeStyle = colour;
    context.stroke();
    context.setLineDash([]);
  }

  // The threshold in a probability's own steps, which are coarser where bytes were short.
  const reached = ({ steps }) => Math.ceil((Number(value("threshold")) * steps) / 20);

  function drawMasks(where) {
    const sides = [["reference", "reference", false], [value("model"), "prediction", true]];
    for (const [key, side, dashed] of sides) {
      if (!masks[key] || !ticked(`show-${side}`)) continue;
      const [liver, lesion] = COLOURS[side];
      if (ticked("show-liver")) outline(masks[key], (n) => n > 0, liver, dashed, where);
      const probability = side === "prediction" && ticked("by-probability") && probabilities[key];
      if (probability) {
        const least = reached(probability);
        outline(probability, (n) => n >= least, lesion, dashed, where);
      } else {
        outline(masks[key], (n) => n === LESION, lesion, dashed, where);
      }
    }
  }

  function drawMarks({ mm, scale, shift }) {
    const { across, u, v, edges } = plane();
    const pixel = window.devicePixelRatio || 1;
    const [w, h] = [picture.width, picture.height];
    const one = lesions()[chosen];
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = pixel;
    if (one && one.at[across] === point[across]) {
      const [x, down] = [u, v].map((axis) => (one.at[axis] - first[axis] + 0.5) * spacing[axis]);
      const y = v === 0 ? mm[1] - down : down;
      const radius = (one.diameter_mm / 2) * scale * 1.3 + 9 * pixel;
      context.beginPath();
      context.setLineDash([2 * pixel, 4 * pixel]);
      context.arc(shift[0] + x * scale, shift[1] + y * scale, radius, 0, 2 * Math.PI);
      context.stroke();
      context.setLineDash([]);
    }
    context.font = `${13 * pixel}px sans-serif`;
    context.textBaseline = "middle";
    for (const [text, align, x, y] of [
      [edges[0], "left", 6 * pixel, h / 2],
      [edges[1], "right", w - 6 * pixel, h / 2],
      [edges[2], "center", w / 2, 11 * pixel],
      [edges[3], "center", w / 2, h - 10 * pixel],
    ]) {
      context.textAlign = align;
      context.fillText(text, x, y);
    }
    // A bar of 5 cm, of 1 cm where that is too long.
    const bar = 50 * scale < w / 3 ? 50 : 10;
    context.textAlign = "left";
    context.fillRect(10 * pixel, h - 12 * pixel, bar * scale, 2 * pixel);
    context.fillText(`${bar / 10} cm`, 10 * pixel, h - 22 * pixel);
  }

  function draw() {
    const { across, u, v } = plane();
    const ratio = ((last[v] - first[v]) * spacing[v]) / ((last[u] - first[u]) * spacing[u]);
    const wide = picture.clientWidth;
    const high = Math.max(180, Math.min(wide * ratio, window.innerHeight * 0.72));
    const pixel = window.devicePixelRatio || 1;
    picture.style.height = `${high}px`;
    picture.width = Math.round(wide * pixel);
    picture.height = Math.round(high * pixel);
    const where = geometry();
    drawCt(where);
    drawMasks(where);
    drawMarks(where);
    const slider = at("slice");
    slider.min = first[across];
    slider.max = last[across] - 1;
    slider.value = point[across];
    at("place").textContent = `${value("plane")} ${point[across] + 1} of ${shape[across]}`;
    const probability = probabilities[value("model")];
    if (probability) at("threshold-told").textContent = (reached(probability) / probability.steps).toFixed(2);
  }

  function turn(to) {
    const { across } = plane();
    point[across] = Math.min(last[across] - 1, Math.max(first[across], to));
    draw();
  }

  const number = (found, places) => (found === null || found === undefined ? "" : found.toFixed(places));
  const named = (one) => `${one.side === "reference" ? "reference" : "predicted"} ${one.lesion}`;

  function element(tag, text, name) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function verdict(one) {
    const flags = Object.values(one.matched || {});
    if (!flags.length || flags[0] === null) return ["", ""];
    const yes = flags.filter(Boolean).length;
    if (!flags[0]) return [`${one.side === "reference" ? "missed" : "false"} (${yes} of ${flags.length})`, "note"];
    return [`${yes} of ${flags.length}`, ""];
  }

  function tell() {
    const rows = lesions().map((one, index) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      const button = element("button", named(one));
      button.type = "button";
      button.addEventListener("click", () => jump(index));
      name.append(button);
      const [told, mark] = verdict(one);
      row.className = "first";
      row.append(name, element("td", number(one.volume_ml, 2), "number"), element("td", number(one.diameter_mm, 1), "number"),
        element("td", number(one.dice, 2), "number"), element("td", told, mark));
      return row;
    });
    at("lesions").replaceChildren(...rows);
    at("none").hidden = rows.length > 0;
    const scan = model() && model().scan;
    at("scores").textContent = !scan ? "" : scan.lesion_dice === null
      ? `${model().name} (${model().kind}): ${number(scan.predicted_lesions, 0)} predicted lesions of ${number(scan.predicted_burden_ml, 1)} ml; no reference.`
      : `${model().name} (${model().kind}): lesion Dice ${number(scan.lesion_dice, 2)}; ${number(scan.detected_lesions, 0)} of ${number(scan.reference_lesions, 0)} lesions found, ${number(scan.false_positives, 0)} false; ${number(scan.predicted_burden_ml, 1)} ml predicted, ${number(scan.reference_burden_ml, 1)} ml in the reference.`;
  }

  function tellLesion(one) {
    const facts = [
      ["Lesion", named(one)],
      ["Size", `${number(one.volume_ml, 2)} ml, as a sphere ${number(one.diameter_mm, 1)} mm`],
      ["HU", `mean ${number(one.mean_hu, 0)}, SD ${number(one.sd_hu, 0)}`],
    ];
    if (one.probability !== null && one.probability !== undefined) facts.push(["Mean probability", number(one.probability, 2)]);
    if (one.dice !== null && one.dice !== undefined) facts.push(["Dice of its match", number(one.dice, 2)]);
    for (const [rule, matched] of Object.entries(one.matched || {})) {
      if (matched !== null) facts.push([data.rules[rule], matched ? "matched" : "not matched"]);
    }
    at("lesion").replaceChildren(...facts.flatMap(([name, told]) => [element("dt", name), element("dd", told)]));
    at("lesion").hidden = false;
  }

  function jump(to) {
    const all = lesions();
    if (!all.length) return;
    chosen = (to + all.length) % all.length;
    [...at("lesions").children].forEach((row, index) => row.classList.toggle("now", index === chosen));
    point = [...all[chosen].at];
    tellLesion(all[chosen]);
    draw();
    picture.scrollIntoView({ block: "nearest" });
  }

  function choose() {
    chosen = -1;
    at("lesion").hidden = true;
    tell();
    draw();
  }

  function clicked(event) {
    const { u, v } = plane();
    const pixel = picture.width / picture.clientWidth;
    const { mm, scale, shift } = geometry();
    const place = [(event.offsetX * pixel - shift[0]) / scale, (event.offsetY * pixel - shift[1]) / scale];
    if (v === 0) place[1] = mm[1] - place[1];
    [u, v].forEach((axis, index) => {
      const voxel = first[axis] + Math.floor(place[index] / spacing[axis]);
      point[axis] = Math.min(last[axis] - 1, Math.max(first[axis], voxel));
    });
    draw();
  }

  const KEYS = {
    ArrowUp: () => turn(point[plane().across] + 1),
    ArrowDown: () => turn(point[plane().across] - 1),
    PageUp: () => turn(point[plane().across] + 10),
    PageDown: () => turn(point[plane().across] - 10),
    n: () => jump(chosen + 1),
    p: () => jump(chosen < 0 ? -1 : chosen - 1),
  };

  function listen() {
    picture.addEventListener("click", clicked);
    picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      turn(point[plane().across] - Math.sign(event.deltaY));
    }, { passive: false });
    document.addEventListener("keydown", (event) => {
      const key = KEYS[event.key];
      const typing = ["INPUT", "SELECT"].includes(event.target.tagName);
      const scrolls = event.key.length > 1 && event.target !== picture;
      if (!key || typing || scrolls || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      key();
    });
    at("slice").addEventListener("input", () => turn(Number(at("slice").value)));
    for (const id of ["window", "plane", "zoom", "show-reference", "show-prediction", "show-liver", "by-probability", "threshold"]) {
      if (at(id)) at(id).addEventListener("input", draw);
    }
    if (at("threshold")) at("threshold").addEventListener("input", () => { at("by-probability").checked = true; draw(); });
    if (at("model")) at("model").addEventListener("change", choose);
    window.addEventListener("resize", draw);
  }

  function fail(error) {
    at("problem").hidden = false;
    at("problem").textContent = `This browser cannot draw the scan (${error.message}); a current Chrome, Edge, Firefox or Safari can.`;
  }

  async function open() {
    const asked = [location.hash.slice(1), data.final].find((key) => data.models.some((one) => one.key === key));
    if (at("model") && asked) at("model").value = asked;
    const unpack = (from, into) => Object.entries(from).map(async ([key, packed]) => { into[key] = await unzipped(packed); });
    await Promise.all([...unpack(data.masks, masks), ...unpack(data.probabilities, probabilities)]);
    const worst = lesions()[0];
    const shown = masks.reference || Object.values(masks)[0];
    if (worst) point = [...worst.at];
    else if (shown && shown.values.length) point = shown.start.map((start, axis) => start + Math.floor(shown.size[axis] / 2));
    listen();
    choose();
    document.body.dataset.ready = "yes";
    await decodeAll();
  }
  open().catch(fail);
})();
