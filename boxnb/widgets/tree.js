// A folder tree: only the rows on screen are in the page, a folder is asked for when it is opened. Names are set as text.
const ROW = 24;
const SHAPES = {
  folder: "M1 3h5l1.5 2H15v8H1z", file: "M3 1h7l3 3v9H3z", web_link: "M2 7a4 4 0 0 1 4-4h4v2H6a2 2 0 0 0 0 4h4v2H6a4 4 0 0 1-4-4z",
};

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
function icon(kind) {
  const space = "http://www.w3.org/2000/svg", drawing = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  drawing.setAttribute("viewBox", "0 0 16 14");
  drawing.setAttribute("class", "bxf-icon");
  drawing.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[kind] ?? SHAPES.file);
  path.setAttribute("fill", kind === "folder" ? "#d9a441" : "none");
  path.setAttribute("stroke", kind === "folder" ? "#b78226" : "currentColor");
  drawing.append(path);
  return drawing;
}

function render({ model, el }) {
  const root = element("div", "bxf"), bar = element("div", "bxf-bar"), body = element("div", "bxf-body"), list = element("div", "bxf-list");
  const search = element("input"), count = element("span");
  search.type = "search";
  search.placeholder = "Search what is open";
  search.setAttribute("aria-label", "Search what is open");
  count.setAttribute("role", "status");
  bar.append(search, count);
  body.tabIndex = 0;
  body.setAttribute("role", "tree");
  body.setAttribute("aria-label", "Folders; arrow keys move and open, space chooses");
  body.append(list);
  root.append(bar, body);
  el.append(root);
  root.addEventListener("keydown", event => event.stopPropagation()); // JupyterLab's one-letter commands

  const children = new Map(), open = new Set([model.get("root")]), state = new Map(), why = new Map();
  const view = Math.random().toString(36).slice(2); // an answer goes to all pages of the notebook: this one's own count
  let flat = [], active = 0, chosen = new Set(), due = 0;

  function ask(id) {
    state.set(id, "asked");
    children.set(id, []);
    model.send({ type: "open", id, view });
  }
  function flatten() {
    const words = search.value.trim().toLowerCase();
    flat = [];
    const walk = (id, depth) => {
      let any = false;
      for (const [kind, item, name, size, date] of children.get(id) ?? []) {
        const hit = !words || name.toLowerCase().includes(words), place = flat.length;
        flat.push({ kind, id: item, name, size, date, depth, hit });
        const below = kind === "folder" && open.has(item) ? walk(item, depth + 1) : false;
        if (!hit && !below) flat.length = place;
        any ||= hit || below;
      }
      if (!words && state.get(id) === "asked") flat.push({ note: "fetching …", depth });
      if (!words && state.get(id) === "failed") flat.push({ note: why.get(id), depth, bad: true });
      if (!words && state.get(id) === "done" && !(children.get(id) ?? []).length) flat.push({ note: "empty", depth });
      return any;
    };
    walk(model.get("root"), 0);
    active = Math.max(0, Math.min(active, flat.length - 1));
    const items = flat.filter(row => row.hit).length; // folders on the way to what was found are shown and not counted
    count.textContent = words ? `${items.toLocaleString("en")} found` : `${items.toLocaleString("en")} shown`;
    draw();
  }
  function soon() { // pages come quickly one after another: draw once for several
    if (!due) due = requestAnimationFrame(() => { due = 0; flatten(); });
  }
  function draw() {
    const first = Math.max(0, Math.floor(body.scrollTop / ROW) - 4), last = Math.min(flat.length, Math.ceil((body.scrollTop + body.clientHeight) / ROW) + 4);
    list.style.height = `${flat.length * ROW}px`;
    const made = [];
    for (let number = first; number < last; number++) {
      const item = flat[number], row = element("div", "bxf-row");
      row.style.top = `${number * ROW}px`;
      row.style.paddingLeft = `${8 + item.depth * 18}px`;
      row.dataset.number = number;
      row.setAttribute("role", "treeitem");
      row.setAttribute("aria-level", item.depth + 1);
      if (number === active) row.classList.add("bxf-active");
      if (item.note) {
        const note = element("span", item.bad ? "bxf-note bxf-bad" : "bxf-note", item.note);
        note.title = item.note;
        row.append(element("span", "bxf-twist"), note);
      } else {
        const here = chosen.has(`${item.kind} ${item.id}`), folder = item.kind === "folder";
        row.setAttribute("aria-selected", here);
        if (here) row.classList.add("bxf-chosen");
        if (folder) row.setAttribute("aria-expanded", open.has(item.id));
        const name = element("span", "bxf-name", item.name);
        name.title = item.name;
        row.append(element("span", "bxf-twist", folder ? (open.has(item.id) ? "▾" : "▸") : ""), icon(item.kind), name,
          element("span", "bxf-size", item.size), element("span", "bxf-date", item.date));
      }
      made.push(row);
    }
    list.replaceChildren(...made);
  }
  function toggle(item, yes) {
    if (item.kind !== "folder") return;
    if (yes ?? !open.has(item.id)) {
      open.add(item.id);
      if (!["asked", "done"].includes(state.get(item.id))) ask(item.id);
    } else open.delete(item.id);
    flatten();
  }
  const choose = (item, more) => model.send({ type: "choose", kind: item.kind, id: item.id, more });
  list.addEventListener("click", event => {
    const row = event.target.closest(".bxf-row");
    if (!row) return;
    active = Number(row.dataset.number);
    const item = flat[active];
    if (item.note) return draw();
    if (event.target.closest(".bxf-twist")) return toggle(item);
    choose(item, event.ctrlKey || event.metaKey);
    if (item.kind === "folder" && !open.has(item.id)) toggle(item, true); else draw();
  });
  body.addEventListener("keydown", event => {
    const item = flat[active], step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) active = Math.max(0, Math.min(flat.length - 1, active + step));
    else if (event.key === "ArrowRight" && item && !item.note) open.has(item.id) ? active++ : toggle(item, true);
    else if (event.key === "ArrowLeft" && item) {
      if (open.has(item.id) && item.kind === "folder") toggle(item, false);
      else while (active > 0 && flat[active].depth >= item.depth) active--;
    } else if (event.key === "Enter" && item && !item.note) toggle(item);
    else if (event.key === " " && item && !item.note) choose(item, event.ctrlKey);
    else return;
    event.preventDefault();
    active = Math.min(active, flat.length - 1);
    if (active * ROW < body.scrollTop) body.scrollTop = active * ROW;
    if ((active + 1) * ROW > body.scrollTop + body.clientHeight) body.scrollTop = (active + 1) * ROW - body.clientHeight;
    draw();
  });
  body.addEventListener("scroll", () => requestAnimationFrame(draw));
  search.addEventListener("input", flatten);
  function heard(message) {
    if (message.type === "children") {
      if (message.view !== view) return;
      for (const row of message.rows) children.get(message.id)?.push(row);
      if (message.done) {
        state.set(message.id, "done");
        const order = { folder: 0, file: 1, web_link: 2 };
        children.get(message.id)?.sort((one, two) => order[one[0]] - order[two[0]] || one[2].localeCompare(two[2]));
      }
    } else if (message.type === "failed" && message.view === view) {
      state.set(message.id, "failed");
      why.set(message.id, message.why);
    } else if (message.type === "chosen") chosen = new Set(message.keys);
    soon();
  }
  model.on("msg:custom", heard);
  const seen = new ResizeObserver(draw);
  seen.observe(body);
  ask(model.get("root"));
  flatten();
  return () => { model.off("msg:custom", heard); seen.disconnect(); };
}
export default { render };
