// Returns the x position of an age in seconds on a logarithmic axis that starts at one second.
// The axis starts at the pixel `left`, is `width` pixels long, and covers `decades` powers of ten.
export function axisPosition(seconds, { left, width, decades }) {
  const age = Math.max(1, seconds);
  return Number(left) + Number(width) * Math.min(1, Math.log10(age) / Number(decades));
}
