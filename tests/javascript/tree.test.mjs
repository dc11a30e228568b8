import assert from "node:assert/strict";
import { test } from "node:test";

import * as tree from "../../boxnb/widgets/tree_state.js";

const ROWS = [
  ["file", "2", "budget.xlsx", "1 kB", ""], ["web_link", "4", "Intranet", "", ""],
  ["folder", "3", "Sales", "", ""], ["folder", "1", "Finance", "", ""],
];

function loaded() {
  const folders = tree.newTree("0");
  tree.markRequested(folders, "0");
  tree.addRows(folders, "0", ROWS, true);
  return folders;
}

const names = (lines) => lines.map((line) => line.name ?? line.note);

test("a complete folder is sorted: folders, files, web links, each by name", () => {
  assert.deepEqual(names(tree.treeLines(loaded(), "")), ["Finance", "Sales", "budget.xlsx", "Intranet"]);
});

test("a folder says that it is loading, empty, or why it failed", () => {
  const folders = tree.newTree("0");
  tree.markRequested(folders, "0");
  assert.deepEqual(names(tree.treeLines(folders, "")), ["fetching …"]);
  tree.addRows(folders, "0", [], true);
  assert.deepEqual(names(tree.treeLines(folders, "")), ["empty"]);
  tree.markFailed(folders, "0", "Box refused.");
  assert.deepEqual(tree.treeLines(folders, ""), [{ note: "Box refused.", depth: 0, failed: true }]);
});

test("rows of a failed folder stay, and the folder can be requested again", () => {
  const folders = tree.newTree("0");
  tree.markRequested(folders, "0");
  tree.addRows(folders, "0", ROWS.slice(0, 1), false);
  assert.equal(tree.needsRequest(folders, "0"), false);
  tree.markFailed(folders, "0", "Box refused.");
  assert.deepEqual(names(tree.treeLines(folders, "")), ["budget.xlsx", "Box refused."]);
  assert.equal(tree.needsRequest(folders, "0"), true);
});

test("rows of a folder that was not requested are ignored", () => {
  const folders = loaded();
  tree.addRows(folders, "99", ROWS, true);
  assert.equal(folders.folders.has("99"), false);
});

test("a search keeps the ancestor folders of a match, and counts only matches", () => {
  const folders = loaded();
  folders.open.add("1");
  tree.markRequested(folders, "1");
  const files = [["file", "9", "Forecast.pdf", "", ""], ["file", "8", "notes.txt", "", ""]];
  tree.addRows(folders, "1", files, true);
  const lines = tree.treeLines(folders, " FORECAST ");
  assert.deepEqual(names(lines), ["Finance", "Forecast.pdf"]);
  assert.deepEqual(lines.map((line) => line.depth), [0, 1]);
  assert.equal(tree.countText(lines, "forecast"), "1 found");
  assert.equal(tree.countText(tree.treeLines(folders, ""), ""), "6 shown");
});

test("only the lines around the screen are drawn", () => {
  assert.deepEqual(tree.visibleLines(2400, 240, 20000), { first: 96, last: 114 });
  assert.deepEqual(tree.visibleLines(0, 240, 2), { first: 0, last: 2 });
});

test("arrow keys move, open and close", () => {
  const folders = loaded(), lines = tree.treeLines(folders, "");
  assert.deepEqual(tree.afterKey("ArrowDown", folders, lines, 3), { active: 3 });
  assert.deepEqual(tree.afterKey("ArrowRight", folders, lines, 0), { active: 0, action: "open" });
  folders.open.add("1");
  assert.deepEqual(tree.afterKey("ArrowRight", folders, lines, 0), { active: 1 });
  assert.deepEqual(tree.afterKey("ArrowLeft", folders, lines, 0), { active: 0, action: "close" });
});

test("arrow left on an item moves to its folder", () => {
  const folders = loaded();
  folders.open.add("1");
  tree.markRequested(folders, "1");
  const lines = tree.treeLines(folders, "");
  assert.deepEqual(names(lines).slice(0, 2), ["Finance", "fetching …"]);
  assert.deepEqual(tree.afterKey("ArrowLeft", folders, lines, 1), { active: 0 });
});

test("a note cannot be opened or selected, and other keys are left alone", () => {
  const folders = tree.newTree("0");
  tree.markRequested(folders, "0");
  const lines = tree.treeLines(folders, "");
  for (const key of ["Enter", " ", "ArrowRight", "x"]) {
    assert.equal(tree.afterKey(key, folders, lines, 0), null);
  }
  const items = loaded();
  const selected = tree.afterKey(" ", items, tree.treeLines(items, ""), 0);
  assert.deepEqual(selected, { active: 0, action: "select" });
});

test("a file with a folder's id is not open", () => {
  const folders = loaded();
  folders.open.add("2");
  assert.equal(tree.isOpen(folders, { kind: "file", id: "2" }), false);
});

test("the tree scrolls no further than a line needs", () => {
  assert.equal(tree.scrollToLine(1, 100, 240), 24);
  assert.equal(tree.scrollToLine(20, 100, 240), 264);
  assert.equal(tree.scrollToLine(8, 100, 240), 100);
});
