import type { Attempt, Sent } from './attempt.ts';
import type { Told } from './answers.ts';
import { type BySkeleton, bySkeleton, type SentValue, valuesOf } from './places.ts';
import { isSystematic, type Moment, type Seen } from './sequence.ts';
import { isAlike } from './varying.ts';

/** An attempt of one of several runs. */
export interface Timed {
  readonly at: Moment;
  readonly attempt: Attempt;
}

/** An attempt that has come to its end, with the values of what it returned by their places. */
export interface Settled extends Timed {
  readonly result: ReadonlyMap<string, unknown>;
}

/** So many attempts in a row tell what an attempt leaves to the next from what is of chance. */
export const enoughAttempts = 8;

/** What differs by rule between attempts. */
export interface Systematic {
  readonly what: 'lost' | 'added' | 'otherwise';
  readonly sent: Sent | undefined;
  /** Which parameter, from 1. */
  readonly parameter?: number | undefined;
}

/** The first thing in which attempts differ by what the ones before have left, and not by themselves. */
export function sentSystematically(attempts: readonly Timed[]): Systematic | undefined {
  const sent = attempts.map(({ attempt }) => bySkeleton(attempt));
  const skeletons = [...new Set(sent.flatMap((each) => [...each.keys()]))];
  const ofChance = textsOfChance(sent);
  for (const skeleton of skeletons) {
    const statements = sent.map((each) => each.get(skeleton) ?? []);
    const value = valueAmong(attempts, statements);
    if (value !== undefined) return { what: 'otherwise', sent: value.sent, parameter: value.parameter };
    const counts = statements.map(({ length }) => length);
    if (!ofChance.has(skeleton) && isSystematic(seen(attempts, counts))) return moreOrLess(attempts, statements);
  }
  return undefined;
}

/** Texts that one attempt alone has sent, where several have some: they are made anew each time. */
function textsOfChance(sent: readonly BySkeleton[]): ReadonlySet<string> {
  const lone = sent.map((own) =>
    [...own.keys()].filter((skeleton) => sent.every((other) => other === own || !other.has(skeleton))),
  );
  return new Set(lone.filter(({ length }) => length > 0).length > 2 ? lone.flat() : []);
}

/** A value that differs by rule, of one text. */
function valueAmong(attempts: readonly Timed[], statements: readonly (readonly Sent[])[]): SentValue | undefined {
  // Runs that have not sent it at all have kept what the others did.
  const runs = attempts.flatMap((each, at) => ((statements[at]?.length ?? 0) > 0 ? [{ each, at }] : []));
  if (
    runs[0]?.at !== 0 ||
    !areWhole(
      attempts,
      runs.map(({ each }) => each),
    )
  )
    return undefined;
  const values = runs.map(({ each, at }) => valuesOf(statements[at] ?? [], each.attempt));
  for (const place of values[0]?.keys() ?? []) {
    const all = values.flatMap((each) => each.get(place) ?? []);
    if (all.length !== runs.length) continue;
    const sequence = all.flatMap(({ told }, at) => {
      const run = runs[at];
      return run === undefined ? [] : [{ at: run.each.at, told }];
    });
    if (isSystematic(sequence)) return all[1];
  }
  return undefined;
}

/** Whether of each run all attempts are there, or none. */
function areWhole(all: readonly Timed[], some: readonly Timed[]): boolean {
  const runOf = ({ at: { repeated, plain } }: Timed): string => `${repeated} ${plain}`;
  const runs = new Set(some.map(runOf));
  return all.every((each) => !runs.has(runOf(each)) || some.includes(each));
}

function moreOrLess(attempts: readonly Timed[], statements: readonly (readonly Sent[])[]): Systematic {
  const at = attempts.findIndex(
    (each, index) => each.at.attempt > 0 && statements[index]?.length !== statements[index - 1]?.length,
  );
  const [before = [], after = []] = [statements[at - 1], statements[at]];
  return before.length > after.length
    ? { what: 'lost', sent: before[after.length] }
    : { what: 'added', sent: after[before.length] };
}

function seen(attempts: readonly Timed[], values: readonly unknown[]): readonly Seen[] {
  return attempts.map(({ at, attempt: { answers } }, index) => ({
    at,
    told: { value: values[index], answers, known: Number.POSITIVE_INFINITY },
  }));
}

/** Whether what attempts return differs by what the ones before have left. */
export function returnsSystematically(attempts: readonly Settled[]): boolean {
  const places = new Set(attempts.flatMap(({ result }) => [...result.keys()]));
  const all = [...places].filter((place) => attempts.every(({ result }) => result.has(place)));
  const ofPlaces = all.some((place) =>
    isSystematic(
      seen(
        attempts,
        attempts.map(({ result }) => result.get(place)),
      ),
    ),
  );
  return (
    ofPlaces ||
    isSystematic(
      seen(
        attempts,
        attempts.map(({ result }) => result.size),
      ),
    )
  );
}

export function isSameResult(one: Settled, other: Settled): boolean {
  const places = new Set([...one.result.keys(), ...other.result.keys()]);
  const told = ({ attempt: { answers }, result }: Settled, place: string): Told => ({
    value: result.get(place),
    answers,
    known: Number.POSITIVE_INFINITY,
  });
  return [...places].every((place) => isAlike(told(one, place), told(other, place)));
}
