// The page's own part: shows tables and chains. All text enters as text, never as HTML.
(function () {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const graph = read("graph"), tables = read("tables");
  const at = (id) => document.getElementById(id);
  const MOST_ROWS = 500, MOST_FILES = 30, MOST_HITS = 50;
  const byPath = new Map(graph.files.map(([path], n) => [path, n]));
  let shown = null, chosen = null;

  function made(name, text, parent) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  function show(path, text, file, told) {
    shown = { path, file, ...tableOf(text, path.split(".").pop()) };
    chosen = null;
    at("told").textContent = told;
    const table = at("cells");
    table.replaceChildren();
    const head = made("tr", undefined, made("thead", undefined, table));
    shown.columns.forEach((name) => { made("th", name, head).scope = "col"; });
    const body = made("tbody", undefined, table);
    shown.rows.slice(0, MOST_ROWS).forEach((row) => {
      const line = made("tr", undefined, body);
      row.forEach((cell, column) => {
        const button = made("button", cell || "\u00a0", made("td", undefined, line));
        button.type = "button";
        button.addEventListener("click", () => choose(row, column, button));
      });
    });
    if (shown.rows.length > MOST_ROWS) at("told").textContent += ` The first ${MOST_ROWS} of ${shown.rows.length} rows are shown.`;
  }

  function choose(row, column, button) {
    document.querySelectorAll('[aria-pressed="true"]').forEach((one) => one.removeAttribute("aria-pressed"));
    button.setAttribute("aria-pressed", "true");
    chosen = { row, column };
    follow();
    at("chain").scrollIntoView();
  }

  function follow() {
    if (!chosen) return;
    const { row, column } = chosen;
    at("chosen").textContent = `${shown.path}: ${shown.columns[column]} = ${row[column] || "(empty)"} in the row ${row.slice(0, 6).join(", ")}`;
    at("steps").replaceChildren();
    if (shown.file < 0) {
      at("narrowed").textContent = "No job of this run has written this file.";
      return;
    }
    const who = at("all").checked ? null : about(graph, shown.columns, row);
    const { steps, leftOut } = chain(graph, shown.file, who);
    const names = seriesOf(graph, steps);
    const wrong = steps.filter(({ file }) => graph.files[file][4]).length;
    at("narrowed").textContent = `${steps.length} files of ${names.length} series. ` +
      (wrong ? `${wrong} of them ${wrong === 1 ? "is not as it" : "are not as they"} should be. ` : "") +
      (leftOut ? "Files that the row's names rule out are left out." : "");
    const groups = new Map();
    steps.forEach(({ file, job }) => {
      const key = job < 0 ? "" : graph.jobs[job].step;
      if (!groups.has(key)) groups.set(key, { files: [], jobs: new Set() });
      groups.get(key).files.push(file);
      if (job >= 0) groups.get(key).jobs.add(job);
    });
    groups.forEach(listStep);
    const last = made("li", undefined, at("steps"));
    made("h3", `${names.length} series`, last);
    made("p", names.join(", "), last);
  }

  function listStep({ files, jobs }, step) {
    const item = made("li", undefined, at("steps"));
    made("h3", step ? `${step}: ${count(files.length, "file")} by ${count(jobs.size, "job")}` : "Data from outside of the run", item);
    const listed = made("ul", undefined, item);
    // What is wrong comes first.
    const order = [...files].sort((a, b) => (graph.files[b][4] !== "") - (graph.files[a][4] !== ""));
    order.slice(0, MOST_FILES).forEach((file) => {
      const [path, checksum, , series, state] = graph.files[file];
      const line = made("li", path || (series >= 0 ? `series ${graph.series[series]} ` : "a file "), listed);
      if (state) { made("span", ` ${state}`, line).className = "state"; item.className = "wrong"; }
      made("span", ` SHA-256 ${checksum || "none"}`, line).className = "sum";
    });
    if (files.length > MOST_FILES) made("li", `and ${files.length - MOST_FILES} more`, listed);
    if (jobs.size) {
      const details = made("details", undefined, item);
      made("summary", "When, where and how", details);
      [...jobs].slice(0, MOST_FILES).forEach((n) => {
        const job = graph.jobs[n];
        const when = job.started ? `${job.started}, ${job.seconds} s, ${job.host}, commit ${job.commit || "unknown"}, environment ${job.environment}` : "no journal says when";
        made("p", `${job.name}: ${when}; code ${job.code}`, details);
        made("code", graph.params[job.params], details);
      });
    }
  }

  function count(number, what) {
    return number === 1 ? `1 ${what}` : `${number} ${what}s`;
  }

  async function open(file) {
    const bytes = await file.arrayBuffer();
    let sum = "";
    if (window.crypto && window.crypto.subtle) {
      const digest = new Uint8Array(await window.crypto.subtle.digest("SHA-256", bytes));
      sum = [...digest].map((one) => one.toString(16).padStart(2, "0")).join("");
    }
    const found = graph.files.findIndex(([, checksum]) => sum && checksum === sum);
    const told = found >= 0 ? `This file is ${graph.files[found][0]}, byte for byte as its job left it.`
      : "No job of this run has left a file of this content.";
    show(file.name, new TextDecoder().decode(bytes), found, told);
  }

  // A search looks through all tables at each letter: they are taken apart once.
  const parsed = new Map();
  function parsedOf(path) {
    if (!parsed.has(path)) parsed.set(path, tableOf(tables[path], path.split(".").pop()));
    return parsed.get(path);
  }

  function search(words) {
    const hits = at("hits");
    hits.replaceChildren();
    if (words.length < 2) return;
    let left = MOST_HITS;
    for (const path of Object.keys(tables)) {
      if (left <= 0) break;
      const { columns, rows } = parsedOf(path);
      rows.forEach((row, n) => row.forEach((cell, column) => {
        if (left <= 0 || !isFound(cell, words)) return;
        left -= 1;
        const button = made("button", `${path}, row ${n + 1}, ${columns[column]}: ${cell}`, made("li", undefined, hits));
        button.type = "button";
        button.addEventListener("click", () => { select(path); chosen = { row, column }; follow(); at("chain").scrollIntoView(); });
      }));
    }
  }

  function select(path) {
    at("table").value = path;
    const file = byPath.get(path);
    const state = graph.files[file][4];
    show(path, tables[path], file, state ? `Take care: this table is ${state}.` : `SHA-256 ${graph.files[file][1]}`);
  }

  Object.keys(tables).forEach((path) => { made("option", path, at("table")).value = path; });
  at("table").addEventListener("change", () => select(at("table").value));
  at("file").addEventListener("change", () => { if (at("file").files[0]) open(at("file").files[0]); });
  at("search").addEventListener("input", () => search(at("search").value.trim()));
  at("all").addEventListener("change", follow);
  if (Object.keys(tables).length) select("tables/table4_classification.csv" in tables ? "tables/table4_classification.csv" : Object.keys(tables)[0]);
})();
