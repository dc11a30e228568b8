// A table of rows that stay in the kernel. Only the rows on screen are on the page.
import { element } from "./elements.js";
import { TABLE } from "./table_messages.js";
import {
  PAGE_ROWS, ROW_HEIGHT, columnKinds, columnWidths, countText, filterExample, headSignature, isLinked,
  isRightAligned, pagesToRequest, rowAfterKey, scrollToRow, selectRow, sortText, visibleRows,
} from "./table_state.js";

const TYPING_PAUSE = 180; // milliseconds after the last keystroke
const NOTE = 2000; // milliseconds for which a short note is shown
const LONG_NOTE = 15000; // milliseconds for which a longer message is shown
const FILE_LIFE = 10000; // milliseconds until the object URL of a download is released

function button(text, title, act) {
  const node = element("button", "", text);
  node.type = "button";
  node.title = title;
  node.addEventListener("click", act);
  return node;
}

function searchField(label) {
  const input = element("input");
  input.type = "search";
  input.setAttribute("aria-label", label);
  return input;
}

class Table {
  constructor(model, el) {
    this.model = model;
    this.version = -1; // the version of the rows in the kernel
    this.cells = new Map(); // the cells and link of each row, by row number
    this.requested = new Set(); // the numbers of the requested pages
    this.active = -1; // the row that keys move from
    this.anchor = -1; // the row where a range starts
    this.pending = null; // the selection that the kernel has not confirmed yet
    this.signature = "";
    this.noteCount = 0;
    this.timers = new Map();
    this.createBar();
    this.createBody();
    this.root = element("div", "bxt");
    this.root.append(this.bar, this.body);
    el.append(this.root);
  }

  get view() {
    return this.model.get("shown");
  }

  get selection() {
    return this.pending ?? this.view.chosen;
  }

  createBar() {
    const file = (kind) => () => this.model.send({ type: "file", kind });
    this.bar = element("div", "bxt-bar");
    this.search = searchField(TABLE.search);
    this.search.placeholder = TABLE.search;
    this.count = element("span", "bxt-count");
    this.count.setAttribute("role", "status");
    this.columns = element("details");
    this.menu = element("div", "bxt-menu");
    this.columns.append(element("summary", "", TABLE.columns), this.menu);
    this.bar.append(
      this.search, this.count, this.columns,
      button(TABLE.copy, TABLE.copyTitle, file("text")),
      button(TABLE.csv, TABLE.csvTitle, file("csv")),
      button(TABLE.excel, TABLE.excelTitle, file("xlsx")),
      button(TABLE.code, TABLE.codeTitle, () => this.copy(this.view.code, TABLE.codeCopied)),
    );
  }

  createBody() {
    this.body = element("div", "bxt-body");
    this.body.tabIndex = 0;
    this.body.setAttribute("role", "grid");
    this.body.setAttribute("aria-label", TABLE.label);
    this.grid = element("div", "bxt-grid");
    this.head = element("div", "bxt-head");
    this.rows = element("div", "bxt-rows");
    this.empty = element("div", "bxt-note");
    this.grid.append(this.head, this.rows);
    this.body.append(this.grid, this.empty); // directly under the headings, where the user looks
  }

  // The line next to the search

  async copy(text, note) {
    try {
      await navigator.clipboard.writeText(text);
      this.showNote(note);
    } catch {
      this.showNote(TABLE.copyFailed);
    }
  }

  showNote(text, milliseconds = NOTE) {
    const number = this.noteCount += 1;
    this.count.textContent = text;
    setTimeout(() => {
      if (this.noteCount === number) this.showCount();
    }, milliseconds);
  }

  showCount() {
    this.count.textContent = countText(this.view);
  }

  // Draw

  draw() {
    const view = this.view;
    if (view.version !== this.version) {
      if (this.version >= 0) {
        this.body.scrollTop = 0;
        this.active = this.anchor = -1;
      }
      this.version = view.version;
      this.cells = new Map();
      this.requested = new Set();
    }
    this.drawHead(view);
    this.showCount();
    this.drawRows();
  }

  drawHead(view) {
    const signature = headSignature(view);
    if (signature !== this.signature) {
      this.signature = signature;
      this.grid.style.setProperty("--bxt-columns", columnWidths(view).map((width) => `${width}px`).join(" "));
      this.createHead(view);
      this.menu.replaceChildren(...view.columns.map(({ name }) => this.columnChoice(name, view.visible)));
    }
    for (const sort of this.head.querySelectorAll("button")) {
      const { text, order } = sortText(view, sort.dataset.column);
      sort.textContent = text;
      sort.parentElement.setAttribute("aria-sort", order);
    }
  }

  createHead(view) {
    const kinds = columnKinds(view);
    const titles = element("div", "bxt-row"), filters = element("div", "bxt-row");
    for (const row of [titles, filters]) row.setAttribute("role", "row");
    titles.append(...view.visible.map((name) => this.heading(name)));
    filters.append(...view.visible.map((name) => this.filter(name, kinds[name], view.filters[name])));
    this.head.replaceChildren(titles, filters);
  }

  heading(name) {
    const cell = element("div", "");
    cell.setAttribute("role", "columnheader");
    const sort = button("", TABLE.sortBy(name), () => this.model.send({ type: "sort", column: name }));
    sort.dataset.column = name;
    cell.append(sort);
    return cell;
  }

  filter(name, kind, text) {
    const input = searchField(TABLE.filterBy(name));
    input.value = text ?? "";
    input.placeholder = filterExample(kind);
    input.addEventListener("input", () => this.afterTyping(
      name, () => this.model.send({ type: "filter", column: name, text: input.value })));
    const cell = element("div", "");
    cell.setAttribute("role", "gridcell");
    cell.append(input);
    return cell;
  }

  columnChoice(name, visible) {
    const label = element("label"), box = element("input");
    box.type = "checkbox";
    box.checked = visible.includes(name);
    box.addEventListener("change", () => this.model.send({ type: "show", column: name, yes: box.checked }));
    label.append(box, ` ${name}`);
    return label;
  }

  drawRows() {
    const view = this.view, headHeight = this.head.offsetHeight;
    const range = visibleRows(this.body.scrollTop, this.body.clientHeight, view.shown);
    const context = { view, headHeight, selected: new Set(this.selection), kinds: columnKinds(view) };
    const nodes = [];
    for (let number = range.first; number < range.last; number++) nodes.push(this.row(number, context));
    this.grid.style.height = `${view.shown * ROW_HEIGHT + headHeight}px`;
    this.rows.style.height = `${view.shown * ROW_HEIGHT}px`;
    this.rows.replaceChildren(...nodes);
    this.empty.hidden = view.shown > 0;
    this.empty.textContent = view.misread || TABLE.noRows;
    this.body.setAttribute("aria-rowcount", view.shown);
    for (const page of pagesToRequest(range, this.requested)) {
      this.requested.add(page);
      this.model.send({ type: "rows", start: page * PAGE_ROWS, count: PAGE_ROWS, version: this.version });
    }
  }

  row(number, { view, headHeight, selected, kinds }) {
    const row = element("div", "bxt-row"), cells = this.cells.get(number);
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", number + 1);
    row.setAttribute("aria-selected", selected.has(number));
    row.dataset.number = number;
    row.style.top = `${number * ROW_HEIGHT + headHeight}px`;
    row.classList.toggle("bxt-chosen", selected.has(number));
    row.classList.toggle("bxt-active", number === this.active);
    row.classList.toggle("bxt-wait", !cells);
    row.append(...view.visible.map((name, index) => this.cell(
      cells ? cells.row[index] : TABLE.loading, kinds[name], isLinked(name) ? cells?.link : "")));
    return row;
  }

  cell(text, kind, url) {
    const cell = element("div", "bxt-cell");
    cell.setAttribute("role", "gridcell");
    if (isRightAligned(kind)) cell.classList.add("n");
    if (url) {
      const link = element("a", "", text);
      link.href = url; // built in the kernel from Box's URL, a type and digits
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      cell.append(link);
    } else {
      cell.textContent = text;
    }
    cell.title = text;
    return cell;
  }

  // What the user does

  // Each field has its own pause, so that quick edits in two fields are both sent.
  afterTyping(field, act) {
    clearTimeout(this.timers.get(field));
    this.timers.set(field, setTimeout(act, TYPING_PAUSE));
  }

  // The new selection builds on clicks that the kernel has not confirmed yet.
  select(row, { range = false, more = false } = {}) {
    this.pending = selectRow(this.selection, row, { anchor: this.anchor, range, more });
    this.active = row;
    if (!range) this.anchor = row;
    this.model.send({ type: "choose", rows: this.pending });
    this.drawRows();
  }

  clicked(event) {
    const row = event.target.closest(".bxt-row");
    if (!row || event.target.closest("a") || getSelection().toString()) return;
    this.select(Number(row.dataset.number), { range: event.shiftKey, more: event.ctrlKey || event.metaKey });
  }

  keyPressed(event) {
    if (event.target !== this.body) return;
    const row = rowAfterKey(event.key, this.active, this.view.shown);
    if (row !== null) {
      event.preventDefault();
      this.moveTo(row);
    } else if (event.key === " " && this.active >= 0) {
      event.preventDefault();
      this.select(this.active, { more: true, range: event.shiftKey });
    } else if (event.key === "Escape") {
      this.pending = [];
      this.model.send({ type: "choose", rows: this.pending });
    }
  }

  moveTo(row) {
    this.active = row;
    const room = this.body.clientHeight - this.head.offsetHeight - ROW_HEIGHT;
    const scrollTop = scrollToRow(row, this.body.scrollTop, room);
    if (scrollTop !== this.body.scrollTop) this.body.scrollTop = scrollTop;
    this.drawRows();
  }

  // Messages from the kernel

  viewChanged() {
    this.pending = null;
    this.draw();
  }

  heard(message, buffers) {
    if (message.type === "rows" && message.version === this.version) {
      message.rows.forEach((row, index) => {
        this.cells.set(message.start + index, { row, link: message.links[index] });
      });
      this.drawRows();
    } else if (message.type === "copy") {
      this.copy(message.text, TABLE.rowsCopied(message.rows, message.of));
    } else if (message.type === "file") {
      this.download(message, buffers[0]);
    } else if (message.type === "failed") {
      this.showNote(message.why, LONG_NOTE);
    }
  }

  download({ name, mime, remark }, content) {
    const url = URL.createObjectURL(new Blob([content], { type: mime }));
    const link = element("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), FILE_LIFE);
    this.showNote(TABLE.downloaded(name, remark), remark ? LONG_NOTE : NOTE);
  }

  connect(signal) {
    // Keys pressed here must not run JupyterLab's one-letter commands.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    this.search.addEventListener("input", () => this.afterTyping(
      "", () => this.model.send({ type: "search", text: this.search.value })));
    this.rows.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.keyPressed(event));
    this.body.addEventListener("scroll", () => requestAnimationFrame(() => this.drawRows()));
    this.columns.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.columns.open = false;
    });
    document.addEventListener("click", (event) => {
      if (!this.columns.contains(event.target)) this.columns.open = false;
    }, { signal });
  }

  // Connects and draws the table, and returns a function that disconnects it.
  start() {
    const events = new AbortController(), resized = new ResizeObserver(() => this.drawRows());
    const changed = () => this.viewChanged(), heard = (message, buffers) => this.heard(message, buffers);
    this.connect(events.signal);
    this.model.on("change:shown", changed);
    this.model.on("msg:custom", heard);
    resized.observe(this.body);
    this.search.value = this.view.search;
    this.draw();
    return () => {
      this.model.off("change:shown", changed);
      this.model.off("msg:custom", heard);
      events.abort();
      resized.disconnect();
    };
  }
}

function render({ model, el }) {
  return new Table(model, el).start();
}

export default { render };
