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

const START = { slide: 0, shown: 0, clock: slides.CLOCK_AT_ZERO };
const FRAGMENTS = [0, 2, 0]; // slide 2 has two fragments

function pressed(keys, state = START, now = 0) {
  return keys.reduce((before, key) => slides.afterKey(key, before, FRAGMENTS, now), state);
}

function position({ slide, shown }) {
  return [slide, shown];
}

test("forward shows each fragment before it turns the slide, and stops at the end", () => {
  const keys = ["ArrowRight", "ArrowRight", " ", "PageDown", "ArrowRight"];
  const positions = keys.map((_, index) => position(pressed(keys.slice(0, index + 1))));
  assert.deepEqual(positions, [[1, 0], [1, 1], [1, 2], [2, 0], [2, 0]]);
});

test("back hides each fragment, and stops at the beginning", () => {
  const keys = ["ArrowLeft", "ArrowLeft", "PageUp", "ArrowLeft", "ArrowLeft"];
  const end = pressed(["End"]);
  assert.deepEqual(position(end), [2, 0]);
  const positions = keys.map((_, index) => position(pressed(keys.slice(0, index + 1), end)));
  assert.deepEqual(positions, [[1, 2], [1, 1], [1, 0], [0, 0], [0, 0]]);
});

test("Home goes to the first slide, and other keys change nothing", () => {
  assert.deepEqual(position(pressed(["End", "Home"])), [0, 0]);
  assert.equal(slides.afterKey("x", START, FRAGMENTS, 0), null);
  assert.equal(slides.afterKey("Shift", START, FRAGMENTS, 0), null);
});

test("S starts, pauses and continues the clock, and R resets it", () => {
  const started = pressed(["s"], START, 1000);
  assert.equal(slides.elapsed(started.clock, 61_000), 60_000);
  const paused = pressed(["S"], started, 61_000);
  assert.equal(slides.elapsed(paused.clock, 999_000), 60_000);
  const continued = pressed(["s"], paused, 100_000);
  assert.equal(slides.elapsed(continued.clock, 105_000), 65_000);
  assert.deepEqual(pressed(["r"], continued, 105_000).clock, slides.CLOCK_AT_ZERO);
  assert.deepEqual(position(pressed(["ArrowRight", "s"])), [1, 0]); // the clock does not turn the slide
});

test("a duration has minutes and seconds, and hours only if needed", () => {
  assert.equal(slides.asTime(0), "0:00");
  assert.equal(slides.asTime(247_900), "4:07");
  assert.equal(slides.asTime(3_723_000), "1:02:03");
});

test("the talk is early, on time or late", () => {
  assert.equal(slides.delay(3 * 60_000, 4, 8), -60_000);
  assert.equal(slides.delay(4 * 60_000, 4, 8), 0);
  assert.equal(slides.delay(8 * 60_000, 4, 8), 0);
  assert.equal(slides.delay(8 * 60_000 + 5000, 4, 8), 5000);
});

test("the stage fills the window in one direction and is cut in none", () => {
  assert.equal(slides.scaleOf(1280, 720), 1);
  assert.equal(slides.scaleOf(1024, 600), 0.8);
  assert.equal(slides.scaleOf(3840, 2160), 3);
  assert.equal(slides.scaleOf(1920, 720), 1);
});

test("a message with an impossible state is ignored", () => {
  assert.equal(slides.isState({ slide: 1, shown: 2, clock: { before: 0, since: 5 } }, FRAGMENTS), true);
  for (const wrong of [null, {}, { ...START, slide: 3 }, { ...START, slide: -1 }, { ...START, slide: 0.5 },
    { ...START, shown: 1 }, { ...START, clock: null }, { ...START, clock: { before: "0", since: null } }]) {
    assert.equal(slides.isState(wrong, FRAGMENTS), false);
  }
});

test("a focused element keeps the keys it needs", () => {
  assert.equal(slides.isForElement("Enter"), true);
  assert.equal(slides.isForElement("ArrowRight"), false);
});
