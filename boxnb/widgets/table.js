// An interactive table over rows that stay in the kernel. Every cell is set with textContent: no name ever becomes markup.
const ROW = 26, PAGE = 100;
const WIDTHS = { text: 210, time: 160, bytes: 125, number: 115, truth: 125 };
const WIDE = { path: 300, name: 230, item_name: 230, login: 265, owner_login: 265, owned_by_login: 265, created_by_login: 265, event_type: 150, ip_address: 140, domain: 190, id: 150, role: 100, status: 90, type: 80, item_type: 90 };

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function render({ model, el }) {
  const root = element("div", "bxt");
  el.append(root);
  root.addEventListener("keydown", event => event.stopPropagation()); // JupyterLab's one-letter commands
  const bar = element("div", "bxt-bar");
  const search = element("input");
  search.type = "search";
  search.placeholder = "Search all text";
  search.setAttribute("aria-label", "Search all text");
  const count = element("span", "bxt-count");
  count.setAttribute("role", "status");
  const columns = element("details");
  const menu = element("div", "bxt-menu");
  columns.append(element("summary", "", "Columns"), menu);
  const button = (text, title, act) => {
    const made = element("button", "", text);
    made.type = "button";
    made.title = title;
    made.addEventListener("click", act);
    return made;
  };
  const file = kind => () => model.send({ type: "file", kind });
  bar.append(search, count, columns,
    button("Copy", "Copy the rows shown, or those chosen", file("text")),
    button("CSV", "Download the rows shown, or those chosen, as CSV", file("csv")),
    button("Excel", "Download the rows shown, or those chosen, as Excel", file("xlsx")),
    button("Copy code", "Copy the pandas that gives these rows", () => copied(model.get("shown").code, "Code copied")));
  const body = element("div", "bxt-body");
  body.tabIndex = 0;
  body.setAttribute("role", "grid");
  body.setAttribute("aria-label", "Rows; arrow keys move, space chooses");
  const grid = element("div", "bxt-grid");
  const head = element("div", "bxt-head");
  const rows = element("div", "bxt-rows");
  const none = element("div", "bxt-note");
  grid.append(head, rows);
  body.append(grid, none); // right under the headings, where one looks
  root.append(bar, body);

  let version = -1, held = new Map(), asked = new Set(), active = -1, anchor = -1, signature = "", said = 0, picked = null;

  const timers = new Map();
  async function copied(text, message) {
    try { await navigator.clipboard.writeText(text); say(message); }
    catch { say("The browser did not allow copying."); }
  }
  function say(text, wait = 2000) {
    const mine = said += 1;
    count.textContent = text;
    setTimeout(() => { if (said === mine) tell(); }, wait);
  }
  function tell() {
    const view = model.get("shown");
    const chosen = view.chosen.length ? `, ${view.chosen.length.toLocaleString("en")} chosen` : "";
    const all = view.shown === view.total;
    count.textContent = `${view.shown.toLocaleString("en")}${all ? "" : ` of ${view.total.toLocaleString("en")}`} rows${chosen}`;
  }
  function later(place, act) { // each field has its own pause: two quick edits in two fields are two edits
    clearTimeout(timers.get(place));
    timers.set(place, setTimeout(act, 180));
  }
  search.addEventListener("input", () => later("", () => model.send({ type: "search", text: search.value })));
  document.addEventListener("click", outside);
  function outside(event) { if (!columns.contains(event.target)) columns.open = false; }
  columns.addEventListener("keydown", event => { if (event.key === "Escape") columns.open = false; });

  function drawHead(view) {
    const now = JSON.stringify([view.columns, view.visible]);
    const kinds = Object.fromEntries(view.columns.map(column => [column.name, column.kind]));
    if (now !== signature) {
      signature = now;
      // Fixed widths: the rows are drawn one by one and must stand in line. A heading and its arrow fit.
      const widths = view.visible.map(name => Math.max(WIDE[name] ?? WIDTHS[kinds[name]], Math.min(34 + name.length * 8, 300)));
      grid.style.setProperty("--bxt-columns", widths.map(width => `${width}px`).join(" "));
      head.replaceChildren();
      const titles = element("div", "bxt-row"), filters = element("div", "bxt-row");
      titles.setAttribute("role", "row");
      for (const name of view.visible) {
        const cell = element("div", "");
        cell.setAttribute("role", "columnheader");
        const sort = button("", `Sort by ${name}`, () => model.send({ type: "sort", column: name }));
        sort.dataset.column = name;
        cell.append(sort);
        titles.append(cell);
        const filter = element("input");
        filter.type = "search";
        filter.value = view.filters[name] ?? "";
        filter.setAttribute("aria-label", `Filter ${name}`);
        filter.placeholder = kinds[name] === "bytes" ? "> 1 GB" : kinds[name] === "time" ? "> 2026-01-01" : kinds[name] === "number" ? "> 5" : "filter";
        filter.addEventListener("input", () => later(name, () => model.send({ type: "filter", column: name, text: filter.value })));
        filters.append(filter);
      }
      head.append(titles, filters);
      menu.replaceChildren();
      for (const { name } of view.columns) {
        const label = element("label"), box = element("input");
        box.type = "checkbox";
        box.checked = view.visible.includes(name);
        box.addEventListener("change", () => model.send({ type: "show", column: name, yes: box.checked }));
        label.append(box, ` ${name}`);
        menu.append(label);
      }
    }
    for (const sort of head.querySelectorAll("button")) {
      const here = sort.dataset.column === view.sort;
      sort.textContent = (here ? (view.ascending ? "▲ " : "▼ ") : "") + sort.dataset.column;
      sort.parentElement.setAttribute("aria-sort", here ? (view.ascending ? "ascending" : "descending") : "none");
    }
  }

  function drawRows() {
    const view = model.get("shown");
    const top = head.offsetHeight, first = Math.max(0, Math.floor(body.scrollTop / ROW) - 5);
    const last = Math.min(view.shown, Math.ceil((body.scrollTop + body.clientHeight) / ROW) + 5);
    grid.style.height = `${view.shown * ROW + top}px`;
    rows.style.height = `${view.shown * ROW}px`;
    const chosen = new Set(picked ?? view.chosen), kinds = Object.fromEntries(view.columns.map(column => [column.name, column.kind]));
    const made = [];
    for (let number = first; number < last; number++) {
      const row = element("div", "bxt-row");
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", number + 1);
      row.setAttribute("aria-selected", chosen.has(number));
      row.dataset.number = number;
      row.style.top = `${number * ROW + top}px`;
      if (chosen.has(number)) row.classList.add("bxt-chosen");
      if (number === active) row.classList.add("bxt-active");
      const cells = held.get(number);
      if (!cells) row.classList.add("bxt-wait");
      view.visible.forEach((name, place) => {
        const cell = element("div", "bxt-cell");
        cell.setAttribute("role", "gridcell");
        if (["bytes", "number"].includes(kinds[name])) cell.classList.add("n");
        const text = cells ? cells.row[place] : "…";
        if (cells?.link && (name === "name" || name === "item_name")) {
          const link = element("a", "", text);
          link.href = cells.link; // made of our own address, a type and digits
          link.target = "_blank";
          link.rel = "noopener noreferrer";
          cell.append(link);
        } else cell.textContent = text;
        cell.title = text;
        row.append(cell);
      });
      made.push(row);
    }
    rows.replaceChildren(...made);
    none.hidden = view.shown > 0;
    none.textContent = view.misread || "No row passes the search and the filters.";
    body.setAttribute("aria-rowcount", view.shown);
    for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) {
      if (asked.has(page)) continue;
      asked.add(page);
      model.send({ type: "rows", start: page * PAGE, count: PAGE, version });
    }
  }

  function choose(number, { range = false, more = false } = {}) {
    const view = model.get("shown");
    const before = picked ?? view.chosen; // what was clicked since the kernel answered last counts too
    let chosen = new Set(more || range ? before : []);
    if (range && anchor >= 0) for (let each = Math.min(anchor, number); each <= Math.max(anchor, number); each++) chosen.add(each);
    else if (before.includes(number) && (more || before.length === 1)) chosen.delete(number);
    else chosen.add(number);
    active = number;
    if (!range) anchor = number;
    picked = [...chosen];
    model.send({ type: "choose", rows: picked });
    drawRows();
  }
  rows.addEventListener("click", event => {
    const row = event.target.closest(".bxt-row");
    if (row && !event.target.closest("a") && !getSelection().toString())
      choose(Number(row.dataset.number), { range: event.shiftKey, more: event.ctrlKey || event.metaKey });
  });
  body.addEventListener("keydown", event => {
    if (event.target !== body) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
    const shown = model.get("shown").shown;
    if (step !== undefined && shown) {
      event.preventDefault();
      active = Math.max(0, Math.min(shown - 1, (active < 0 && step > 0 ? -1 : active) + step));
      const place = active * ROW, room = body.clientHeight - head.offsetHeight - ROW;
      if (place < body.scrollTop) body.scrollTop = place;
      if (place > body.scrollTop + room) body.scrollTop = place - room;
      drawRows();
    } else if (event.key === " " && active >= 0) {
      event.preventDefault();
      choose(active, { more: true, range: event.shiftKey });
    } else if (event.key === "Escape") model.send({ type: "choose", rows: picked = [] });
  });
  body.addEventListener("scroll", () => requestAnimationFrame(drawRows));

  function draw() {
    const view = model.get("shown");
    if (view.version !== version) {
      if (version >= 0) { body.scrollTop = 0; active = anchor = -1; }
      version = view.version;
      held = new Map();
      asked = new Set();
    }
    drawHead(view);
    tell();
    drawRows();
  }
  function answered() {
    picked = null;
    draw();
  }
  function heard(message, buffers) {
    if (message.type === "rows" && message.version === version) {
      message.rows.forEach((row, place) => held.set(message.start + place, { row, link: message.links[place] }));
      drawRows();
    } else if (message.type === "copy") {
      copied(message.text, message.rows < message.of ? `The first ${message.rows} of ${message.of} rows copied` : `${message.rows} rows copied`);
    } else if (message.type === "file") {
      const address = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
      const link = element("a");
      link.href = address;
      link.download = message.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
      say(`${message.name} is in your downloads${message.said ? `. ${message.said}` : ""}`, message.said ? 15000 : 2000);
    } else if (message.type === "failed") {
      say(message.why, 15000);
    }
  }
  model.on("change:shown", answered);
  model.on("msg:custom", heard);
  const seen = new ResizeObserver(() => drawRows());
  seen.observe(body);
  search.value = model.get("shown").search;
  draw();
  return () => {
    model.off("change:shown", answered);
    model.off("msg:custom", heard);
    document.removeEventListener("click", outside);
    seen.disconnect();
  };
}
export default { render };
