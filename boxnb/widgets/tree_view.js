// A folder tree. Only the lines on screen are on the page, and a folder is requested when it is opened.
import { element } from "./elements.js";
import { TREE } from "./tree_messages.js";
import {
  LINE_HEIGHT, addRows, afterKey, countText, isOpen, lineKey, markFailed, markRequested, needsRequest,
  newTree, scrollToLine, treeLines, visibleLines,
} from "./tree_state.js";

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  folder: "M1 3h5l1.5 2H15v8H1z",
  file: "M3 1h7l3 3v9H3z",
  web_link: "M2 7a4 4 0 0 1 4-4h4v2H6a2 2 0 0 0 0 4h4v2H6a4 4 0 0 1-4-4z",
};

function icon(kind) {
  const drawing = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  drawing.setAttribute("viewBox", "0 0 16 14");
  drawing.setAttribute("class", "bxf-icon");
  drawing.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[kind] ?? SHAPES.file);
  path.setAttribute("fill", kind === "folder" ? "#d9a441" : "none");
  path.setAttribute("stroke", kind === "folder" ? "#b78226" : "currentColor");
  drawing.append(path);
  return drawing;
}

class FolderTree {
  constructor(model, el) {
    this.model = model;
    this.tree = newTree(model.get("root"));
    // Every view of a widget receives the replies to all views.
    this.viewId = Math.random().toString(36).slice(2);
    this.lines = [];
    this.active = 0;
    this.selected = new Set();
    this.updateRequest = 0;
    this.create(el);
  }

  create(el) {
    const bar = element("div", "bxf-bar");
    this.root = element("div", "bxf");
    this.body = element("div", "bxf-body");
    this.list = element("div", "bxf-list");
    this.search = element("input");
    this.count = element("span");
    this.search.type = "search";
    this.search.placeholder = TREE.search;
    this.search.setAttribute("aria-label", TREE.search);
    this.count.setAttribute("role", "status");
    bar.append(this.search, this.count);
    this.body.tabIndex = 0;
    this.body.setAttribute("role", "tree");
    this.body.setAttribute("aria-label", TREE.label);
    this.body.append(this.list);
    this.root.append(bar, this.body);
    el.append(this.root);
  }

  request(id) {
    markRequested(this.tree, id);
    this.model.send({ type: "open", id, view: this.viewId });
  }

  // Draw

  update() {
    this.lines = treeLines(this.tree, this.search.value);
    this.active = Math.max(0, Math.min(this.active, this.lines.length - 1));
    this.count.textContent = countText(this.lines, this.search.value);
    this.draw();
  }

  // Pages arrive in quick succession, so one update covers several pages.
  updateSoon() {
    if (this.updateRequest) return;
    this.updateRequest = requestAnimationFrame(() => {
      this.updateRequest = 0;
      this.update();
    });
  }

  draw() {
    const { first, last } = visibleLines(this.body.scrollTop, this.body.clientHeight, this.lines.length);
    this.list.style.height = `${this.lines.length * LINE_HEIGHT}px`;
    this.list.replaceChildren(
      ...this.lines.slice(first, last).map((line, index) => this.lineElement(line, first + index)));
  }

  lineElement(line, number) {
    const row = element("div", "bxf-row");
    row.style.top = `${number * LINE_HEIGHT}px`;
    row.style.paddingLeft = `${8 + line.depth * 18}px`;
    row.dataset.number = number;
    row.setAttribute("role", "treeitem");
    row.setAttribute("aria-level", line.depth + 1);
    row.classList.toggle("bxf-active", number === this.active);
    if (line.note) this.addNote(row, line);
    else this.addItem(row, line);
    return row;
  }

  addNote(row, line) {
    const note = element("span", line.failed ? "bxf-note bxf-bad" : "bxf-note", line.note);
    note.title = line.note;
    row.append(element("span", "bxf-twist"), note);
  }

  addItem(row, line) {
    const selected = this.selected.has(lineKey(line)), open = isOpen(this.tree, line);
    let twist = "";
    if (line.kind === "folder") {
      row.setAttribute("aria-expanded", open);
      twist = open ? "▾" : "▸";
    }
    row.setAttribute("aria-selected", selected);
    row.classList.toggle("bxf-chosen", selected);
    const name = element("span", "bxf-name", line.name);
    name.title = line.name;
    row.append(
      element("span", "bxf-twist", twist), icon(line.kind), name,
      element("span", "bxf-size", line.size), element("span", "bxf-date", line.date),
    );
  }

  // What the user does

  setOpen(line, open) {
    if (line.kind !== "folder") return;
    if (open) {
      this.tree.open.add(line.id);
      if (needsRequest(this.tree, line.id)) this.request(line.id);
    } else {
      this.tree.open.delete(line.id);
    }
    this.update();
  }

  select(line, more) {
    this.model.send({ type: "choose", kind: line.kind, id: line.id, more });
  }

  clicked(event) {
    const row = event.target.closest(".bxf-row");
    if (!row) return;
    this.active = Number(row.dataset.number);
    const line = this.lines[this.active];
    if (line.note) {
      this.draw();
    } else if (event.target.closest(".bxf-twist")) {
      this.setOpen(line, !isOpen(this.tree, line));
    } else {
      this.select(line, event.ctrlKey || event.metaKey);
      if (line.kind === "folder" && !isOpen(this.tree, line)) this.setOpen(line, true);
      else this.draw();
    }
  }

  keyPressed(event) {
    const effect = afterKey(event.key, this.tree, this.lines, this.active);
    if (!effect) return;
    event.preventDefault();
    const line = this.lines[this.active];
    if (effect.action === "select") this.select(line, event.ctrlKey);
    else if (effect.action === "toggle") this.setOpen(line, !isOpen(this.tree, line));
    else if (effect.action) this.setOpen(line, effect.action === "open");
    this.active = Math.min(effect.active, this.lines.length - 1);
    const scrollTop = scrollToLine(this.active, this.body.scrollTop, this.body.clientHeight);
    if (scrollTop !== this.body.scrollTop) this.body.scrollTop = scrollTop;
    this.draw();
  }

  // Messages from the kernel

  heard(message) {
    if (message.type === "chosen") this.selected = new Set(message.keys);
    else if (message.view !== this.viewId) return;
    else if (message.type === "children") addRows(this.tree, message.id, message.rows, message.done);
    else if (message.type === "failed") markFailed(this.tree, message.id, message.why);
    this.updateSoon();
  }

  // Connects the tree, requests the root, and returns a function that disconnects it.
  start() {
    const heard = (message) => this.heard(message), resized = new ResizeObserver(() => this.draw());
    // Keys pressed here must not run JupyterLab's one-letter commands.
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.keyPressed(event));
    this.body.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
    this.search.addEventListener("input", () => this.update());
    this.model.on("msg:custom", heard);
    resized.observe(this.body);
    this.request(this.tree.root);
    this.update();
    return () => {
      this.model.off("msg:custom", heard);
      resized.disconnect();
    };
  }
}

function render({ model, el }) {
  return new FolderTree(model, el).start();
}

export default { render };
