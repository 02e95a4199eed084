// Windows: how a text of any length goes through a net that reads so many units at once (nlptrain_runtime/windows.py).

/** The units that neighboring windows share at most, by rule; always at most a quarter of a window. */
export const OVERLAPS = { "quarter-overlap-deepest-1": Infinity, "overlap-128-deepest-1": 128 };

/**
 * The windows of a text: whole words, some shared by neighbors, each word read where it is deepest.
 *
 * @param sizes units of each word; of a word that fills more than a window, only the first are read.
 * @param room units that a window holds, without the special ones.
 * @param overlap units that neighbors share at most.
 * @returns of each window its words, from `start` to `end`, and those that are read in it, from `first` to `last`.
 */
export function cutWindows(sizes, room, overlap) {
  const kept = sizes.map((size) => Math.min(size, room));
  const bounds = boundsOf(kept, room, Math.min(Math.floor(room / 4), overlap));
  const edges = [0];
  for (let at = 1; at < bounds.length; at++) edges.push(edgeOf(kept, bounds[at][0], bounds[at - 1][1]));
  edges.push(sizes.length);
  return bounds.map(([start, end], at) => ({ start, end, first: edges[at], last: edges[at + 1] }));
}

/** The first word and the one after the last of each window. */
function boundsOf(sizes, room, most) {
  const bounds = [];
  for (let start = 0; ;) {
    let end = start, held = 0;
    while (end < sizes.length && held + sizes[end] <= room) held += sizes[end++];
    bounds.push([start, end]);
    if (end === sizes.length) return bounds;
    let next = end, shared = 0;
    while (next - 1 > start && shared + sizes[next - 1] <= most) {
      if (shared + sizes[next - 1] + sizes[end] > room) break;
      shared += sizes[--next];
    }
    start = next;
  }
}

/** Where the overlap of two windows, from `start` to `end`, is parted: both are equally deep there. */
function edgeOf(sizes, start, end) {
  let shared = 0, before = 0, edge = start;
  for (let word = start; word < end; word++) shared += sizes[word];
  while (edge < end && 2 * before + sizes[edge] < shared) before += sizes[edge++];
  return edge;
}
