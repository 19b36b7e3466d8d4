// What stands behind a cell of a table: pure functions over the graph that provenance/page.py
// writes. graph: {series: [name], patients: {patient: [series]}, files: [[path, checksum, job, series,
// state]], jobs: [{name, step, inputs: [file], outputs: [file], series: [series] or null, network}]}.
// Files, jobs and series are named by their places in these lists; -1: none.

const SEPARATOR = { csv: ",", tsv: "\t" };
// Columns that name which files of a kind a row was made from: their words are parts of paths.
const NAMING = ["model", "mask", "protocol", "classifier", "kind"];

function tableOf(text, suffix) {
  // A line of provenance may stand above the header.
  const body = text.startsWith("# ") ? text.slice(text.indexOf("\n") + 1) : text;
  const separator = SEPARATOR[suffix];
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let n = 0; n < body.length; n += 1) {
    const letter = body[n];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (body[n + 1] === '"') { cell += letter; n += 1; }
      else quoted = false;
    } else if (letter === '"' && cell === "") quoted = true;
    else if (letter === separator) { row.push(cell); cell = ""; }
    else if (letter === "\n") { row.push(cell); rows.push(row); row = []; cell = ""; }
    else if (letter !== "\r") cell += letter;
  }
  if (cell !== "" || row.length) { row.push(cell); rows.push(row); }
  return { columns: rows[0] || [], rows: rows.slice(1) };
}

// Whether a cell is what is looked for: its beginning, or a number as a paper rounds it.
function isFound(cell, words) {
  if (cell.startsWith(words)) return true;
  if (!/^-?\d+\.\d+$/.test(words) || cell.trim() === "" || Number.isNaN(Number(cell))) return false;
  const half = 0.5 * 10 ** -words.split(".")[1].length;
  return Math.abs(Number(cell) - Number(words)) <= half * (1 + 1e-9);
}

// Whom a row is about: series by number, and words that its files may have in their paths.
function about(graph, columns, row) {
  const series = new Set(), words = [];
  columns.forEach((column, n) => {
    if (column === "series" && graph.series.includes(row[n])) series.add(graph.series.indexOf(row[n]));
    if (NAMING.includes(column) && row[n]) words.push(row[n]);
  });
  const patient = columns.indexOf("patient");
  if (!series.size && patient >= 0) (graph.patients[row[patient]] || []).forEach((one) => series.add(one));
  return { series, words };
}

function ownersOf(graph, file) {
  const [, , job, series] = graph.files[file];
  if (series >= 0) return [series];
  return job >= 0 && graph.jobs[job].series ? graph.jobs[job].series : [];
}

function partsOf(graph, file) {
  return graph.files[file][0].split(/[/.]/);
}

// What of a job's inputs a row hangs on. A network hangs on all its cases; elsewhere a file of other
// series is left out where there is one of the row's, and so is one whose path differs from that of
// a file of the row's in such a word alone.
function inputsOf(graph, job, who) {
  const all = graph.jobs[job].inputs;
  if (!who || graph.jobs[job].network) return all.map((file) => [file, null]);
  const isOurs = (file) => ownersOf(graph, file).some((one) => who.series.has(one));
  let kept = all;
  if (who.series.size && all.some(isOurs)) {
    kept = all.filter((file) => !ownersOf(graph, file).length || isOurs(file));
  }
  for (const word of who.words) {
    const patterns = new Set();
    for (const file of kept) {
      const parts = partsOf(graph, file);
      if (parts.includes(word)) patterns.add(parts.map((one) => (one === word ? "*" : one)).join("/"));
    }
    const isOther = (parts) => !parts.includes(word) && parts.some((_, n) =>
      patterns.has(parts.map((one, m) => (m === n ? "*" : one)).join("/")));
    if (patterns.size) kept = kept.filter((file) => !isOther(partsOf(graph, file)));
  }
  // A table that was read as a whole brings in all that it was made from.
  return kept.map((file) => [
    file,
    isOurs(file) || partsOf(graph, file).some((one) => who.words.includes(one)) ? who : null,
  ]);
}

// The files behind a file, nearest first, each with the job that made it and the number of files
// that were left out; `who` is what `about` says, or null for all.
function chain(graph, start, who) {
  const steps = [], seen = new Map();
  let waiting = [[start, who]], leftOut = 0;
  while (waiting.length) {
    const next = [];
    for (const [file, narrowed] of waiting) {
      // A file may be reached once for a row alone and once as a whole.
      if (seen.has(file) && (seen.get(file) === null || narrowed !== null)) continue;
      const again = seen.has(file);
      seen.set(file, narrowed);
      const job = graph.files[file][2];
      if (!again) steps.push({ file, job });
      if (job < 0) continue;
      const inputs = inputsOf(graph, job, narrowed);
      leftOut += graph.jobs[job].inputs.length - inputs.length;
      next.push(...inputs);
    }
    waiting = next;
  }
  return { steps, leftOut };
}

// The series whose data a chain begins with: those of raw files and of what was made of one series.
function seriesOf(graph, steps) {
  const found = new Set();
  for (const { file } of steps) if (graph.files[file][3] >= 0) found.add(graph.files[file][3]);
  return [...found].sort((a, b) => a - b).map((one) => graph.series[one]);
}

if (typeof module !== "undefined") module.exports = { about, chain, isFound, seriesOf, tableOf };
