/**
 * What is drawn at each moment: `undefined` stands where moments are missing, so that no line crosses the gap.
 * @param longest the most milliseconds between two that are next to each other
 */
export function withGaps<Moment extends { readonly at: number }>(
  moments: readonly Moment[],
  longest: number,
): readonly { readonly at: number; readonly moment: Moment | undefined }[] {
  return moments.flatMap((moment, index) => {
    const { at } = moment;
    const before = moments[index - 1]?.at ?? at;
    return at - before > longest
      ? [
          { at: before + 1, moment: undefined },
          { at, moment },
        ]
      : [{ at, moment }];
  });
}

/** Looks come in steps of their own: where one takes three times as long as usual, there was none. */
export function longestPause(moments: readonly { readonly at: number }[]): number {
  const pauses = moments.slice(1).map(({ at }, index) => at - (moments[index]?.at ?? at));
  const usual = pauses.toSorted((one, other) => one - other)[Math.floor(pauses.length / 2)] ?? 0;
  return Math.max(3 * usual, 5_000);
}
