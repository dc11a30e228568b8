// The state of one folder-tree view in the browser; tree_state.py is the state in the kernel.
// It holds the folders and the lines to show. The functions are pure: they do not use the DOM.
import { TREE } from "./tree_messages.js";

export const LINE_HEIGHT = 24; // pixels, as in tree.css

const MARGIN_LINES = 4; // lines drawn above and below the visible ones
const PAGE_STEP = 15; // lines that Page Up and Page Down move
const STEPS = {
  ArrowDown: 1, ArrowUp: -1, PageDown: PAGE_STEP, PageUp: -PAGE_STEP, Home: -Infinity, End: Infinity,
};
const KIND_ORDER = { folder: 0, file: 1, web_link: 2 };

// Returns a tree in which only the root is open.
// `folders` holds the rows and the status of each requested folder.
export function newTree(root) {
  return { root, folders: new Map(), open: new Set([root]) };
}

export function markRequested(tree, id) {
  tree.folders.set(id, { rows: [], status: "requested" });
}

export function needsRequest(tree, id) {
  return !["requested", "complete"].includes(tree.folders.get(id)?.status);
}

// Adds a page of rows; the last page completes the folder and sorts it: folders, files, then web links.
export function addRows(tree, id, rows, isLast) {
  const folder = tree.folders.get(id);
  if (!folder) return;
  for (const row of rows) folder.rows.push(row);
  if (!isLast) return;
  folder.status = "complete";
  folder.rows.sort((a, b) => KIND_ORDER[a[0]] - KIND_ORDER[b[0]] || a[2].localeCompare(b[2]));
}

export function markFailed(tree, id, reason) {
  const folder = tree.folders.get(id) ?? { rows: [] };
  tree.folders.set(id, { ...folder, status: "failed", reason });
}

function noteFor(folder, depth) {
  if (folder?.status === "requested") return { note: TREE.loading, depth };
  if (folder?.status === "failed") return { note: folder.reason, depth, failed: true };
  if (folder?.status === "complete" && !folder.rows.length) return { note: TREE.empty, depth };
  return null;
}

// Returns the lines to show. A search shows items whose name contains `search`, and their ancestor folders.
export function treeLines(tree, search) {
  const query = search.trim().toLowerCase(), lines = [];
  const addFolder = (id, depth) => {
    const folder = tree.folders.get(id);
    let anyMatch = false;
    for (const [kind, item, name, size, date] of folder?.rows ?? []) {
      const match = !query || name.toLowerCase().includes(query), start = lines.length;
      lines.push({ kind, id: item, name, size, date, depth, match });
      const matchBelow = kind === "folder" && tree.open.has(item) && addFolder(item, depth + 1);
      if (!match && !matchBelow) lines.length = start;
      anyMatch ||= match || matchBelow;
    }
    const note = query ? null : noteFor(folder, depth);
    if (note) lines.push(note);
    return anyMatch;
  };
  addFolder(tree.root, 0);
  return lines;
}

// Returns the text that says how many items are shown or found. The ancestor folders of a match do not count.
export function countText(lines, search) {
  const items = lines.filter((line) => line.match).length;
  return search.trim() ? TREE.found(items) : TREE.shown(items);
}

// Returns the lines to draw, from `first` up to but not including `last`.
export function visibleLines(scrollTop, height, lineCount) {
  return {
    first: Math.max(0, Math.floor(scrollTop / LINE_HEIGHT) - MARGIN_LINES),
    last: Math.min(lineCount, Math.ceil((scrollTop + height) / LINE_HEIGHT) + MARGIN_LINES),
  };
}

export function lineKey(line) {
  return `${line.kind} ${line.id}`;
}

export function isOpen(tree, line) {
  return line.kind === "folder" && tree.open.has(line.id);
}

// Returns what a key does: `active` is the line that it moves to, and `action`, if any, is "toggle", "open",
// "close" or "select". Returns null if the key is not for the tree.
export function afterKey(key, tree, lines, active) {
  const line = lines[active], item = line && !line.note ? line : null, step = STEPS[key];
  if (step !== undefined) return { active: Math.max(0, Math.min(lines.length - 1, active + step)) };
  if (key === "ArrowRight" && item) {
    if (!isOpen(tree, item)) return { active, action: "open" };
    return { active: Math.min(active + 1, lines.length - 1) };
  }
  if (key === "ArrowLeft" && line) {
    return isOpen(tree, line) ? { active, action: "close" } : { active: parentLine(lines, active) };
  }
  if (key === "Enter" && item) return { active, action: "toggle" };
  if (key === " " && item) return { active, action: "select" };
  return null;
}

function parentLine(lines, active) {
  const { depth } = lines[active];
  let parent = active;
  while (parent > 0 && lines[parent].depth >= depth) parent--;
  return parent;
}

// Returns the scroll position at which the line is visible.
export function scrollToLine(line, scrollTop, height) {
  const top = line * LINE_HEIGHT, bottom = top + LINE_HEIGHT;
  const position = Math.min(scrollTop, top);
  return bottom > position + height ? bottom - height : position;
}
