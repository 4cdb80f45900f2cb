import { textOfValue } from '../../text-of-value.ts';
import type { Told } from './answers.ts';
import { partsOf } from './text-parts.ts';
import { isAlike, isNow, mayBeAlike } from './varying.ts';

/** When an attempt was made: which of its run it is, and after how many runs with a second attempt and without. */
export interface Moment {
  readonly attempt: number;
  readonly repeated: number;
  readonly plain: number;
}

/** What stood at one place in an attempt. */
export interface Seen {
  readonly at: Moment;
  readonly told: Told;
}

/** Fewer attempts cannot tell what they leave to each other from chance. */
export const fewestAttempts = 4;

/**
 * Whether what attempts have at one place differs by what those before have left, and not by itself: what is made of chance, of the
 * time or of how long something took follows no rule. Of too few attempts each difference counts that does not look like chance.
 */
export function isSystematic(sequence: readonly Seen[]): boolean {
  const moments = sequence.map(({ at }) => at);
  const isUndecided = sequence.length < fewestAttempts;
  const classes = classesOf(sequence, isUndecided ? mayBeAlike : isAlike);
  const differs = moments.some(
    ({ attempt }, index) => attempt > 0 && classes[index] !== classes[firstOfRun(moments, index)],
  );
  if (!differs || isUndecided) return differs;
  const values = sequence.map(({ told }) => told.value);
  return followsRule(moments, classes) || hasMovingNumber(moments, values) || hasKeptWord(moments, values);
}

/** Equal ones have the same number. */
function classesOf(sequence: readonly Seen[], areEqual: typeof isAlike): readonly number[] {
  return sequence.map((seen) => sequence.findIndex((each) => each === seen || areEqual(each.told, seen.told)));
}

function firstOfRun(moments: readonly Moment[], index: number): number {
  return index - (moments[index]?.attempt ?? 0);
}

/** The same from the second attempt on; by turns; or the same in the first attempt of each run, and something else in others. */
function followsRule(moments: readonly Moment[], classes: readonly unknown[]): boolean {
  const [first, ...later] = classes;
  if (later.every((each) => each === later[0] && each !== first)) return true;
  if (turns.some((turn) => areByTurns(moments.map(turn), classes))) return true;
  const firsts = classes.filter((_, index) => moments[index]?.attempt === 0);
  const others = classes.filter((_, index) => moments[index]?.attempt !== 0);
  return firsts.length >= fewestAttempts && others.length > 1 && isOne(firsts) && !others.includes(first);
}

/** Whose turn it is: a run may leave an even number of changes to the next, or an odd one. */
const turns: readonly ((at: Moment) => number)[] = [
  ({ attempt }) => attempt % 2,
  ({ attempt, repeated }) => (attempt + repeated) % 2,
  ({ attempt, plain }) => (attempt + plain) % 2,
  ({ attempt, repeated, plain }) => (attempt + repeated + plain) % 2,
];

function areByTurns(whose: readonly number[], classes: readonly unknown[]): boolean {
  const [even, odd] = [0, 1].map((turn) => classes.filter((_, index) => whose[index] === turn));
  return even !== undefined && odd !== undefined && isOne(even) && isOne(odd) && even[0] !== odd[0];
}

function isOne(classes: readonly unknown[]): boolean {
  return classes.length > 0 && classes.every((each) => each === classes[0]);
}

/** Of texts that have the same number of words, one that follows a rule. */
function hasKeptWord(moments: readonly Moment[], values: readonly unknown[]): boolean {
  const words = values.map(wordsOf);
  const [first = []] = words;
  if (first.length < 2 || words.some(({ length }) => length !== first.length)) return false;
  return first.some((_, at) => {
    const each = words.map((word) => word[at]);
    return followsRule(moments, each);
  });
}

function hasMovingNumber(moments: readonly Moment[], values: readonly unknown[]): boolean {
  const numbers = numbersIn(values);
  const [first = []] = numbers;
  if (first.some((_, at) => movesEvenly(moments, column(numbers, at), areSameNumbers))) return true;
  const mayBeMultiplied = values.every((value) => isNumber(value) && value > 0);
  return mayBeMultiplied && movesEvenly(moments, values.map(Number).map(Math.log), areSameLogarithms);
}

/** Of integers each step counts, however large they are; others may be rounded. */
export const areSameNumbers = (a: number, b: number): boolean =>
  a === b || (!(Number.isInteger(a) && Number.isInteger(b)) && Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b)));
/** What each attempt multiplies may be rounded. */
const areSameLogarithms = (a: number, b: number): boolean => Math.abs(a - b) <= 0.005;

function column(rows: readonly (readonly number[])[], at: number): readonly number[] {
  return rows.map((row) => row[at] ?? Number.NaN);
}

/** Whether a number goes on by one step with each attempt, and by others with each kind of run. */
function movesEvenly(
  moments: readonly Moment[],
  numbers: readonly number[],
  areSame: (a: number, b: number) => boolean,
): boolean {
  const [start = Number.NaN] = numbers;
  const of = (attempt: number, repeated: number, plain: number): number => {
    const index = moments.findIndex((at) => at.attempt === attempt && at.repeated === repeated && at.plain === plain);
    return numbers[index] ?? start;
  };
  const step = of(1, 0, 0) - start;
  const perRepeated = of(0, 1, 0) - start;
  const perPlain = moments.some(({ plain }) => plain > 0) ? of(0, 1, 1) - of(0, 1, 0) : 0;
  // What is rounded to the same is none.
  if (areSame(start, start + 4 * step)) return false;
  // What is kept goes on in one direction; a number of chance would have to stay within its bounds.
  if (perRepeated * step < 0 || perPlain * step < 0) return false;
  return moments.every(({ attempt, repeated, plain }, index) =>
    areSame(numbers[index] ?? Number.NaN, start + attempt * step + repeated * perRepeated + plain * perPlain),
  );
}

/** The numbers that values are, or that texts have at places that can be found again. */
export function numbersIn(values: readonly unknown[]): readonly (readonly number[])[] {
  if (values.every(isNumber)) return relative(values.map((value) => [value]));
  const texts = values.map(textOfValue);
  const parts = texts.map(partsOf);
  const [first] = parts;
  const haveOneFrame = parts.every(({ frame }) => frame === first?.frame);
  const numbers = texts.map((text, at) => {
    const words = wordsOf(text);
    const ends = [/^\d+/.exec(text)?.[0], /\d+$/.exec(text)?.[0]];
    const all = haveOneFrame ? (parts[at]?.numbers ?? []) : [...ends, ...words.map((word) => /^\d+$/.exec(word)?.[0])];
    return [text.length, words.length, ...all.map(numberIn)];
  });
  return relative(numbers);
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function numberIn(text: string | undefined): number | bigint {
  const number = Number(text);
  return text !== undefined && /^\d+$/.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

/** Of integers that no number holds only how far they are from the first one. */
function relative(rows: readonly (readonly (number | bigint)[])[]): readonly (readonly number[])[] {
  const [first = []] = rows;
  return rows.map((row) =>
    row.map((value, at) => {
      const all = rows.map((each) => each[at]);
      if (!all.some((each) => typeof each === 'bigint')) return untimed(Number(value));
      const [start, own] = [integerIn(first[at]), integerIn(value)];
      return start === undefined || own === undefined || Number.isNaN(untimed(Number(value)))
        ? Number.NaN
        : Number(own - start);
    }),
  );
}

function integerIn(value: number | bigint | undefined): bigint | undefined {
  return typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value ?? 0) : undefined;
}

/** Times go on as well, in milliseconds or seconds. */
function untimed(number: number): number {
  return isNow(number) || isNow(number * 1_000) ? Number.NaN : number;
}

function wordsOf(value: unknown): readonly string[] {
  return textOfValue(value).match(/[\p{L}\p{N}]+/gu) ?? [];
}
