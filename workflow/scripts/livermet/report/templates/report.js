// What folds, the place in the contents, points by keyboard, and tables that sort, filter and are saved.
// Without scripts every part stands unfolded and every table whole.
(() => {
  const LONG = 20;
  const FIRST = 10;
  const FEW = 4;
  const NARROW = matchMedia("(max-width: 60rem)");
  const NAMES = {
    model: "Model", cohort: "Cohort", protocol: "Protocol", rule: "Matching rule", set: "Scored on",
    metric: "Score", place: "Place", comparison: "Between", aggregation: "Features of",
  };
  const FOR_ALL = ["model", "cohort", "protocol", "rule"];
  const MISSING = "\u2013";
  const at = (id) => document.getElementById(id);
  const folds = [...document.querySelectorAll("main details")];
  const told = (cell) => cell.textContent.trim().replace(/\s+/g, " ");

  function made(tag, properties = {}, ...inside) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...inside);
    return element;
  }

  // Parts that fold.

  function unfoldTo(element) {
    element.querySelector("details")?.setAttribute("open", "");
    for (let one = element; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  }

  function goToHash() {
    const target = location.hash.length > 1 && at(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    unfoldTo(target);
    target.scrollIntoView();
  }

  document.body.classList.add("scripted");
  for (const one of folds) if ("folded" in one.dataset) one.open = false;
  at("unfold").addEventListener("click", () => folds.forEach((one) => { one.open = true; }));
  at("fold").addEventListener("click", () => folds.forEach((one) => { one.open = false; }));
  addEventListener("hashchange", goToHash);

  // The contents show where the reader is.

  const contents = at("contents");
  const places = [...contents.querySelectorAll("a")].map((link) => [at(link.hash.slice(1)), link]);

  function showPlace() {
    const line = innerHeight / 4;
    // What stands last may be too short to reach the line.
    const isEnd = scrollY > 0 && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    let here = null;
    for (const [element, link] of places) {
      const { top, height } = element.getBoundingClientRect();
      if (height && (top <= line || isEnd)) here = link;
    }
    for (const [, link] of places) link === here ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    for (const one of contents.querySelectorAll("li.now")) one.classList.remove("now");
    const item = here?.closest("#contents > ol > li");
    item?.classList.add("now");
    at("place").textContent = item ? told(item.querySelector("a")) : "";
  }

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; showPlace(); });
  }

  function fit() {
    contents.open = !NARROW.matches;
  }

  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);
  NARROW.addEventListener("change", fit);
  contents.querySelector(".tools").hidden = false;
  contents.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    // A hash that is there already does not change.
    unfoldTo(at(link.hash.slice(1)));
    if (NARROW.matches) contents.open = false;
  });

  // Arrow keys go from point to point of a figure.

  for (const figure of document.querySelectorAll("svg")) {
    const points = [...figure.querySelectorAll("a.point")];
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const from = points.indexOf(document.activeElement);
      if (!step || from < 0) return;
      event.preventDefault();
      const to = points[(from + step + points.length) % points.length];
      points[from].setAttribute("tabindex", "-1");
      to.setAttribute("tabindex", "0");
      to.focus();
    });
  }

  // Tables.

  const tables = [];

  async function library() {
    const zipped = Uint8Array.from(atob(at("library").textContent.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
    const url = URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
    const module = await import(url);
    URL.revokeObjectURL(url);
    return module.default;
  }

  // '0.71 (0.59 to 0.82)' and '3 of 4' by their first number; what is missing comes last either way.
  const TEXT = new Intl.Collator("en", { numeric: true });
  const plain = (html) => String(html).replace(/<[^>]*>/g, "").trim();
  const asNumber = (html) => { const text = plain(html); return text === MISSING ? null : parseFloat(text.replace(/,/g, "")); };
  const asText = (html) => { const text = plain(html); return text === MISSING || text === "" ? null : text; };
  const ordered = (compare, sign) => (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : sign * compare(a, b));
  const subtract = (a, b) => a - b;

  function teach(DataTable) {
    DataTable.ext.errMode = "throw";
    const kinds = { measured: [asNumber, subtract], named: [asText, (a, b) => TEXT.compare(a, b)] };
    for (const [kind, [pre, compare]] of Object.entries(kinds)) {
      DataTable.type(kind, "order", { pre, asc: ordered(compare, 1), desc: ordered(compare, -1) });
    }
  }

  function choicesOf(element) {
    const heads = [...element.tHead.rows[0].cells];
    const rows = [...element.tBodies[0].rows];
    const found = new Map();
    heads.forEach((head, n) => {
      const kind = head.dataset.choice;
      if (!kind) return;
      if (kind === "rule") {
        found.set(kind, { columns: new Map([...(found.get(kind)?.columns ?? []), [told(head), n]]) });
      } else if (!found.has(kind)) {
        found.set(kind, { cells: rows.map((row) => told(row.cells[n])) });
      }
    });
    for (const [kind, one] of found) {
      one.values = one.columns ? [...one.columns.keys()] : [...new Set(one.cells)].filter((value) => value !== MISSING);
      if (one.values.length < 2) found.delete(kind);
    }
    return found;
  }

  function choice(label, values, changed) {
    const select = made("select", {}, made("option", { value: "", textContent: "all" }));
    for (const value of values) select.append(made("option", { value, textContent: value }));
    select.addEventListener("change", () => changed(select.value));
    return [made("label", {}, label, select), select];
  }

  function firstOfGroups(rows) {
    let before = null;
    for (const row of rows) {
      const name = told(row.cells[0]);
      row.classList.toggle("first", name !== before);
      row.cells[0].classList.toggle("again", name === before);
      before = name;
    }
  }

  function equip(DataTable, element) {
    const figure = element.closest("figure");
    const scroll = element.closest(".scroll");
    const total = element.tBodies[0].rows.length;
    const choices = choicesOf(element);
    const chosen = new Map();
    const table = new DataTable(element, {
      autoWidth: false,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
      order: [],
      pageLength: total > LONG ? FIRST : -1,
      columnDefs: [{ targets: "number", type: "measured" }, { targets: "_all", type: "named" }],
      language: { zeroRecords: "No row has what is looked for.", emptyTable: "No row." },
    });
    table.search.fixed("choices", (_text, _data, index) =>
      [...chosen].every(([kind, value]) => !value || choices.get(kind).cells[index] === value));

    const tools = made("div", { className: "choose" });
    const selects = new Map();
    function choose(kind, value) {
      const { columns, values } = choices.get(kind);
      const kept = values.includes(value) ? value : "";
      selects.get(kind).value = kept;
      if (columns) for (const [name, n] of columns) table.column(n).visible(!kept || name === kept, false);
      else chosen.set(kind, kept);
      table.draw();
    }
    for (const [kind, { values }] of choices) {
      const [label, select] = choice(NAMES[kind], values, (value) => choose(kind, value));
      selects.set(kind, select);
      tools.append(label);
    }
    const search = made("input", { type: "search" });
    search.addEventListener("input", () => table.search(search.value).draw());
    tools.append(made("label", {}, "Rows with", search));
    // Of a few rows all are seen at once; what is chosen for all tables holds for them too.
    if (total > LONG || (total > FEW && choices.size)) scroll.before(tools);

    const count = made("output");
    const more = made("button", { type: "button" });
    more.addEventListener("click", () => table.page.len(table.page.len() < 0 ? FIRST : -1).draw());
    const buttons = new DataTable.Buttons(table, {
      buttons: [{
        extend: "csvHtml5",
        filename: `${figure.id}_shown`,
        title: null,
        footer: false,
        customize: (csv) => `${csv.trimEnd()}\n`,
        exportOptions: {
          columns: ":visible",
          format: {
            header: (_html, _n, cell) => told(cell.querySelector(".dt-column-title")),
            body: (_html, _row, _n, cell) => (told(cell) === MISSING ? "" : told(cell)),
          },
        },
      }],
    });
    const whole = figure.querySelector(".download") ?? "";
    scroll.after(made("div", { className: "shown" }, count, more, buttons.container()[0], whole));

    function tell() {
      const { recordsDisplay: kept, end } = table.page.info();
      firstOfGroups(table.rows({ page: "current" }).nodes().toArray());
      count.textContent = end === total ? "" : `${end} of ${total} rows`;
      more.hidden = table.page.len() < 0 ? total <= LONG : kept <= FIRST;
      more.textContent = table.page.len() < 0 ? `Show the first ${FIRST} rows` : `Show all ${kept} rows`;
      table.button(0).text(`Save ${kept === 1 ? "1 row" : `${kept} rows`} (CSV)`);
    }
    table.on("draw", tell);
    tell();
    tables.push({ table, choices, choose });
  }

  function offerChoices() {
    for (const kind of FOR_ALL) {
      const having = tables.filter((one) => one.choices.has(kind));
      const values = [...new Set(having.flatMap((one) => one.choices.get(kind).values))];
      // One table has its own choice.
      if (having.length < 2 || values.length < 2) continue;
      const [label] = choice(NAMES[kind], values, (value) => {
        for (const one of having) if (!value || one.choices.get(kind).values.includes(value)) one.choose(kind, value);
      });
      at("choices").append(label);
    }
  }

  // On paper everything is seen.

  let before = null;
  addEventListener("beforeprint", () => {
    before = { closed: folds.filter((one) => !one.open), lengths: tables.map(({ table }) => table.page.len()) };
    for (const one of before.closed) one.open = true;
    for (const { table } of tables) table.page.len(-1).draw();
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    for (const one of before.closed) one.open = false;
    tables.forEach(({ table }, n) => table.page.len(before.lengths[n]).draw());
    before = null;
  });

  fit();
  goToHash();
  showPlace();
  (async () => {
    if (!("DecompressionStream" in window)) return;
    const DataTable = await library();
    teach(DataTable);
    for (const element of document.querySelectorAll("figure table")) equip(DataTable, element);
    offerChoices();
    goToHash();
    document.body.dataset.tables = "ready";
  })();
})();
