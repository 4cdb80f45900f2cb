import type { Attempt } from './attempt.ts';
import { differenceOf, isSameValue, textOf } from './compare-attempts.ts';
import { partsOf } from './text-parts.ts';
import { isAlike, isNow } from './varying.ts';

/** An attempt that has come to its end, with the values of what it returned by their places. */
export interface Settled {
  readonly attempt: Attempt;
  readonly result: ReadonlyMap<string, unknown>;
}

/** So many attempts tell what an attempt leaves to the next from what is of chance. */
export const enoughAttempts = 4;

/** Whether what attempts send differs by what the ones before have left: the same from the second on, or by turns, or evenly more. */
export function sendsSystematically(attempts: readonly Settled[]): boolean {
  const isSame = (one: Settled, other: Settled): boolean =>
    differenceOf(one.attempt, other.attempt, (text) => text) === undefined;
  return isSystematic(attempts, isSame, numbersSent(attempts));
}

export function returnsSystematically(attempts: readonly Settled[]): boolean {
  const [first, second] = attempts;
  if (first === undefined || second === undefined) return false;
  const unlike = [...first.result.keys()].filter((place) => !isSameLeaf(first, second, place));
  const numbers = attempts.map(({ result }) => [
    result.size,
    ...unlike.flatMap((place) => numbersIn(result.get(place))),
  ]);
  return isSystematic(attempts, isSameResult, numbers);
}

export function isSameResult(one: Settled, other: Settled): boolean {
  const places = new Set([...one.result.keys(), ...other.result.keys()]);
  return [...places].every((place) => isSameLeaf(one, other, place));
}

function isSystematic(
  attempts: readonly Settled[],
  isSame: (one: Settled, other: Settled) => boolean,
  numbers: readonly (readonly number[])[],
): boolean {
  const [first, second, third, fourth] = attempts;
  if (first === undefined || second === undefined || isSame(first, second)) return false;
  // One that has thrown has ended the attempts.
  if (third === undefined || fourth === undefined) return true;
  if (isSame(second, third) && isSame(third, fourth)) return true;
  return (isSame(first, third) && isSame(second, fourth)) || movesEvenly(numbers);
}

/** Whether some number goes on by the same step from each attempt to the next. */
function movesEvenly(numbers: readonly (readonly number[])[]): boolean {
  const [first = []] = numbers;
  return first.some((start, at) => {
    const step = (numbers[1]?.[at] ?? Number.NaN) - start;
    return step !== 0 && numbers.every((each, index) => each[at] === start + index * step);
  });
}

/** What may count, of what attempts have sent: how many statements, and the numbers where the first two differ. */
function numbersSent(attempts: readonly Settled[]): readonly (readonly number[])[] {
  const [first, second] = attempts.map(({ attempt }) => attempt);
  const places = (first?.sent ?? []).flatMap((one, at) => {
    const other = second?.sent[at];
    if (first === undefined || second === undefined || other === undefined) return [];
    const placed = [
      [first, one],
      [second, other],
    ] as const;
    const values = one.values.flatMap((_, of) => (isSameValue(placed[0], placed[1], of) ? [] : [{ at, of }]));
    return isAlike(textOf(placed[0]), textOf(placed[1])) ? values : [{ at, of: undefined }, ...values];
  });
  return attempts.map(({ attempt: { sent } }) => [
    sent.length,
    ...places.flatMap(({ at, of }) => numbersIn(of === undefined ? sent[at]?.text : sent[at]?.values[of])),
  ]);
}

function isSameLeaf(one: Settled, other: Settled, place: string): boolean {
  const [a, b] = [one, other].map(({ attempt: { answers }, result }) => ({
    value: result.get(place),
    answers,
    known: Number.POSITIVE_INFINITY,
  }));
  return a !== undefined && b !== undefined && isAlike(a, b);
}

/** The numbers that a value is or has, and how long it is. */
function numbersIn(value: unknown): readonly number[] {
  if (typeof value === 'number' || typeof value === 'bigint') return isNow(Number(value)) ? [] : [Number(value)];
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return [text.length, ...partsOf(text).numbers.map(Number)];
}
