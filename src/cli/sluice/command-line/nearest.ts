/** The name that is most like what was written, if one is close enough to have been meant. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const most = written.length < 4 ? 1 : 2;
  const ranked = names
    .map((name) => ({ name, distance: distanceOf(written.toLowerCase(), name) }))
    .filter(({ name, distance }) => distance <= most || (written.length > 2 && name.startsWith(written)))
    .sort((one, other) => one.distance - other.distance);
  return ranked[0]?.name;
}

/** How many letters have to be changed, added, left out or swapped with their neighbour. */
function distanceOf(from: string, to: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let at = 1; at <= from.length; at += 1) {
    const next = [at];
    for (let index = 1; index <= to.length; index += 1) {
      const isSame = from[at - 1] === to[index - 1];
      const isSwapped = from[at - 1] === to[index - 2] && from[at - 2] === to[index - 1];
      next.push(
        Math.min(
          (row[index] ?? 0) + 1,
          (next[index - 1] ?? 0) + 1,
          (row[index - 1] ?? 0) + (isSame ? 0 : 1),
          isSwapped ? (before[index - 2] ?? Infinity) + 1 : Infinity,
        ),
      );
    }
    before = row;
    row = next;
  }
  return row[to.length] ?? 0;
}
