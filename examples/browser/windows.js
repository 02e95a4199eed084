// Windows: cut a text of any length into overlapping sequences that fit the model (nlptrain_runtime/windows.py).

/** The maximum number of units that neighboring windows share, by rule; always at most a quarter of a window. */
export const OVERLAPS = { "quarter-overlap-deepest-1": Infinity, "overlap-128-deepest-1": 128 };

/**
 * Cut a text into windows of whole words; each word is predicted where it is farthest from the edges of a window.
 *
 * @param sizes units of each word; a word that does not fit into a window is cut to its first units.
 * @param capacity units that fit into a window, special tokens excluded.
 * @param overlap maximum number of units that neighbors share.
 * @returns the words of each window, from `start` to `end`, and those that are predicted in it, from `first` to `last`.
 */
export function cutWindows(sizes, capacity, overlap) {
  const kept = sizes.map((size) => Math.min(size, capacity));
  const bounds = windowBounds(kept, capacity, Math.min(Math.floor(capacity / 4), overlap));
  const edges = [0];
  for (let at = 1; at < bounds.length; at++) edges.push(overlapMiddle(kept, bounds[at][0], bounds[at - 1][1]));
  edges.push(sizes.length);
  return bounds.map(([start, end], at) => ({ start, end, first: edges[at], last: edges[at + 1] }));
}

/** The first word and the end of each window. */
function windowBounds(sizes, capacity, maxShared) {
  const bounds = [];
  for (let start = 0; ;) {
    let end = start, size = 0;
    while (end < sizes.length && size + sizes[end] <= capacity) size += sizes[end++];
    bounds.push([start, end]);
    if (end === sizes.length) return bounds;
    let next = end, shared = 0;
    while (next - 1 > start && shared + sizes[next - 1] <= maxShared) {
      if (shared + sizes[next - 1] + sizes[end] > capacity) break;
      shared += sizes[--next];
    }
    start = next;
  }
}

/** The middle of the overlap of two windows, from `start` to `end`: the same distance from the edges of both. */
function overlapMiddle(sizes, start, end) {
  let shared = 0, before = 0, edge = start;
  for (let word = start; word < end; word++) shared += sizes[word];
  while (edge < end && 2 * before + sizes[edge] < shared) before += sizes[edge++];
  return edge;
}
