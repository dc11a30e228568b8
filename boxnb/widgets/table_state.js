// The state of one table view in the browser; table_state.py is the state of its rows in the kernel.
// `view` is the kernel's description of the rows. The functions are pure: they do not use the DOM.
import { TABLE } from "./table_messages.js";

export const ROW_HEIGHT = 26; // pixels, as in table.css
export const PAGE_ROWS = 100; // rows requested in one message

const MARGIN_ROWS = 5; // rows drawn above and below the visible ones
const PAGE_STEP = 12; // rows that Page Up and Page Down move
const STEPS = {
  ArrowDown: 1, ArrowUp: -1, PageDown: PAGE_STEP, PageUp: -PAGE_STEP, Home: -Infinity, End: Infinity,
};
const KIND_WIDTHS = { text: 210, time: 160, bytes: 125, number: 115, truth: 125 };
const NAME_WIDTHS = {
  path: 300, name: 230, item_name: 230,
  login: 265, owner_login: 265, owned_by_login: 265, created_by_login: 265,
  event_type: 150, ip_address: 140, domain: 190, id: 150, role: 100, status: 90, type: 80, item_type: 90,
};

export function columnKinds(view) {
  return Object.fromEntries(view.columns.map(({ name, kind }) => [name, kind]));
}

// Returns a fixed width for each visible column, because every row is laid out separately.
// The heading and its sort arrow fit into the column if they need at most 300 pixels.
export function columnWidths(view) {
  const kinds = columnKinds(view);
  return view.visible.map((name) => {
    const headingWidth = Math.min(34 + name.length * 8, 300);
    return Math.max(NAME_WIDTHS[name] ?? KIND_WIDTHS[kinds[name]], headingWidth);
  });
}

// Returns a string that changes exactly when the headings have to be drawn again.
export function headSignature(view) {
  return JSON.stringify([view.columns, view.visible]);
}

export function filterExample(kind) {
  return TABLE.filterExamples[kind] ?? TABLE.filterExample;
}

export function sortText(view, column) {
  if (view.sort !== column) return { text: column, order: "none" };
  return view.ascending
    ? { text: TABLE.ascending(column), order: "ascending" }
    : { text: TABLE.descending(column), order: "descending" };
}

export function countText(view) {
  const rows = TABLE.rowCount(view.shown, view.total);
  return view.chosen.length ? TABLE.withSelection(rows, view.chosen.length) : rows;
}

// Returns the rows to draw, from `first` up to but not including `last`.
export function visibleRows(scrollTop, height, rowCount) {
  return {
    first: Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - MARGIN_ROWS),
    last: Math.min(rowCount, Math.ceil((scrollTop + height) / ROW_HEIGHT) + MARGIN_ROWS),
  };
}

// Returns the numbers of the pages that contain these rows and have not been requested yet.
export function pagesToRequest({ first, last }, requested) {
  const pages = [];
  for (let page = Math.floor(first / PAGE_ROWS); page * PAGE_ROWS < last; page++) {
    if (!requested.has(page)) pages.push(page);
  }
  return pages;
}

export function isRightAligned(kind) {
  return kind === "bytes" || kind === "number";
}

export function isLinked(column) {
  return column === "name" || column === "item_name";
}

// Returns the selected rows after a click. `range` selects from the anchor; `more` adds to the selection.
// A second click on a row deselects it.
export function selectRow(selected, row, { anchor = -1, range = false, more = false } = {}) {
  const rows = new Set(more || range ? selected : []);
  if (range && anchor >= 0) {
    for (let next = Math.min(anchor, row); next <= Math.max(anchor, row); next++) rows.add(next);
  } else if (selected.includes(row) && (more || selected.length === 1)) {
    rows.delete(row);
  } else {
    rows.add(row);
  }
  return [...rows];
}

// Returns the row that a key moves to, or null if the key does not move. `active` is -1 if no row is active.
export function rowAfterKey(key, active, rowCount) {
  const step = STEPS[key];
  if (step === undefined || !rowCount) return null;
  const from = active < 0 && step > 0 ? -1 : active;
  return Math.max(0, Math.min(rowCount - 1, from + step));
}

// Returns the scroll position at which the row is visible. `room` is the visible height minus one row.
export function scrollToRow(row, scrollTop, room) {
  const top = row * ROW_HEIGHT;
  const position = Math.min(scrollTop, top);
  return top > position + room ? top - room : position;
}
