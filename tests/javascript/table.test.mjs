import assert from "node:assert/strict";
import { test } from "node:test";

import { TABLE } from "../../boxnb/widgets/table_messages.js";
import * as table from "../../boxnb/widgets/table_state.js";

const VIEW = {
  columns: [
    { name: "name", kind: "text" }, { name: "size", kind: "bytes" }, { name: "a_long_column", kind: "truth" },
  ],
  visible: ["name", "size", "a_long_column"],
  sort: "size", ascending: false, chosen: [], shown: 1200, total: 1200,
};

test("a column is as wide as its name or kind requires, and never cuts its heading", () => {
  assert.deepEqual(table.columnWidths(VIEW), [230, 125, 138]);
  const long = { columns: [{ name: "x".repeat(90), kind: "truth" }], visible: ["x".repeat(90)] };
  assert.deepEqual(table.columnWidths(long), [300]);
});

test("the headings are drawn again when the columns change, but not when the sort changes", () => {
  const before = table.headSignature(VIEW);
  assert.equal(table.headSignature({ ...VIEW, sort: "name" }), before);
  assert.notEqual(table.headSignature({ ...VIEW, visible: ["name"] }), before);
});

test("the sorted column has an arrow and says its order", () => {
  assert.deepEqual(table.sortText(VIEW, "size"), { text: "▼ size", order: "descending" });
  const ascending = { ...VIEW, ascending: true };
  assert.deepEqual(table.sortText(ascending, "size"), { text: "▲ size", order: "ascending" });
  assert.deepEqual(table.sortText(VIEW, "name"), { text: "name", order: "none" });
});

test("the count names the total and the selection where they differ", () => {
  assert.equal(table.countText(VIEW), "1,200 rows");
  assert.equal(table.countText({ ...VIEW, shown: 5 }), "5 of 1,200 rows");
  assert.equal(table.countText({ ...VIEW, chosen: [1, 2] }), "1,200 rows, 2 selected");
});

test("only the rows around the screen are drawn", () => {
  assert.deepEqual(table.visibleRows(0, 260, 1200), { first: 0, last: 15 });
  assert.deepEqual(table.visibleRows(2600, 260, 1200), { first: 95, last: 115 });
  assert.deepEqual(table.visibleRows(0, 260, 3), { first: 0, last: 3 });
});

test("a page is requested once", () => {
  assert.deepEqual(table.pagesToRequest({ first: 95, last: 115 }, new Set()), [0, 1]);
  assert.deepEqual(table.pagesToRequest({ first: 95, last: 115 }, new Set([0])), [1]);
  assert.deepEqual(table.pagesToRequest({ first: 0, last: 0 }, new Set()), []);
});

test("a click selects one row, and a second click clears it", () => {
  assert.deepEqual(table.selectRow([1, 2], 5), [5]);
  assert.deepEqual(table.selectRow([5], 5), []);
  assert.deepEqual(table.selectRow([4, 5], 5), [5]);
});

test("Ctrl adds a row or removes it", () => {
  assert.deepEqual(table.selectRow([1], 5, { more: true }), [1, 5]);
  assert.deepEqual(table.selectRow([1, 5], 5, { more: true }), [1]);
});

test("Shift selects from the anchor in both directions", () => {
  assert.deepEqual(table.selectRow([3], 5, { anchor: 3, range: true }), [3, 4, 5]);
  assert.deepEqual(table.selectRow([5], 3, { anchor: 5, range: true }), [5, 3, 4]);
  assert.deepEqual(table.selectRow([], 3, { range: true }), [3]);
});

test("keys move within the rows", () => {
  assert.equal(table.rowAfterKey("ArrowDown", -1, 10), 0);
  assert.equal(table.rowAfterKey("PageDown", 4, 10), 9);
  assert.equal(table.rowAfterKey("Home", 4, 10), 0);
  assert.equal(table.rowAfterKey("End", 4, 10), 9);
  assert.equal(table.rowAfterKey("x", 4, 10), null);
  assert.equal(table.rowAfterKey("ArrowDown", -1, 0), null);
});

test("the table scrolls no further than a row needs", () => {
  assert.equal(table.scrollToRow(2, 100, 200), 52);
  assert.equal(table.scrollToRow(20, 100, 200), 320);
  assert.equal(table.scrollToRow(6, 100, 200), 100);
});

test("the note on copied rows says when rows are missing", () => {
  assert.equal(TABLE.rowsCopied(10, 20), "The first 10 of 20 rows copied");
  assert.equal(TABLE.rowsCopied(20, 20), "20 rows copied");
});
