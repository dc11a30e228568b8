import assert from "node:assert/strict";
import { test } from "node:test";

import { axisPosition } from "../../boxnb/labs/live_state.js";
import * as slides from "../../boxnb/labs/slides_state.js";

const AXIS = { left: "100", width: "600", decades: "6" }; // strings, as in a data attribute

test("the axis is logarithmic, begins at one second and ends at its last decade", () => {
  assert.equal(axisPosition(0, AXIS), 100);
  assert.equal(axisPosition(1, AXIS), 100);
  assert.equal(axisPosition(1000, AXIS), 400);
  assert.equal(axisPosition(1e9, AXIS), 700);
});

test("a URL fragment selects a slide, and an invalid one the nearest", () => {
  assert.equal(slides.slideInFragment("#3", 5), 2);
  assert.equal(slides.slideInFragment("", 5), 0);
  assert.equal(slides.slideInFragment("#x", 5), 0);
  assert.equal(slides.slideInFragment("#99", 5), 4);
});

test("keys change the slide and stop at both ends", () => {
  assert.equal(slides.slideAfterKey("ArrowRight", 3, 5), 4);
  assert.equal(slides.slideAfterKey("PageDown", 4, 5), 4);
  assert.equal(slides.slideAfterKey("ArrowLeft", 0, 5), 0);
  assert.equal(slides.slideAfterKey("Home", 3, 5), 0);
  assert.equal(slides.slideAfterKey("End", 0, 5), 4);
  assert.equal(slides.slideAfterKey("x", 0, 5), null);
});

test("a focused element keeps the keys it needs", () => {
  assert.equal(slides.isForElement("Enter"), true);
  assert.equal(slides.isForElement("ArrowRight"), false);
});
