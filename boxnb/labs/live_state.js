// Returns the x position of an age in seconds on a logarithmic axis that begins at one second.
// `left` and `width` are the axis in pixels, `decades` how many powers of ten it covers.
export function axisPosition(seconds, { left, width, decades }) {
  const age = Math.max(1, seconds);
  return Number(left) + Number(width) * Math.min(1, Math.log10(age) / Number(decades));
}
