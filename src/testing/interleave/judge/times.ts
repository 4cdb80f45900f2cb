import { plainEnd } from './plain-value.ts';
import type { Outcome } from './state.ts';

/** After so many milliseconds times differ: those that have seconds alone, and others. */
const apart = { seconds: 1_100, others: 10 };
/** A time without a fraction, or a number of seconds since 1970. */
const inSeconds = /:\d\d(?![\d.:])|(?<!\d)[12]\d{9}(?!\d)/;

/** Waits until what is run has other times than these outcomes. @param since by `performance.now()`, when they had come about */
export async function untilTimesDiffer(outcomes: readonly Outcome[], since: number): Promise<void> {
  const wait = outcomes.some(hasSeconds) ? apart.seconds : apart.others;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, since + wait - performance.now())));
}

function hasSeconds({ state, ends }: Outcome): boolean {
  const cells = [...state.values()].flatMap(({ rows }) => rows.flat());
  const texts = Object.values(ends).map((end) => plainEnd(end, new Set()).text);
  return [...cells, ...texts].some((text) => text !== null && inSeconds.test(text));
}
