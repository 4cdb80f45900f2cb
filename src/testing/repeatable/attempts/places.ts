import type { Told } from './answers.ts';
import type { Attempt, Sent } from './attempt.ts';
import { skeletonOf, valuesIn } from './statement-parts.ts';

/** A value that an attempt has sent. */
export interface SentValue {
  readonly sent: Sent;
  /** Which parameter it is, from 1; none for a value in the text. */
  readonly parameter: number | undefined;
  readonly told: Told;
}

/** A text without its values, with the statements that have it in their order. */
export type BySkeleton = ReadonlyMap<string, readonly Sent[]>;

export function bySkeleton({ sent }: Attempt): BySkeleton {
  const all = new Map<string, Sent[]>();
  for (const each of sent) {
    const skeleton = skeletonOf(each.text);
    const known = all.get(skeleton);
    if (known === undefined) all.set(skeleton, [each]);
    else known.push(each);
  }
  return all;
}

/** The values of statements that have one skeleton, by places that other attempts have too. */
export function valuesOf(statements: readonly Sent[], { answers }: Attempt): ReadonlyMap<string, SentValue> {
  const values = new Map<string, SentValue>();
  for (const [of, sent] of statements.entries()) {
    const { known, text } = sent;
    const add = (place: string, value: unknown, parameter?: number): void => {
      values.set(`${of} ${place}`, { sent, parameter, told: { value, answers, known } });
    };
    for (const [at, value] of sent.values.entries()) add(`$${at}`, value, at + 1);
    for (const [at, value] of valuesIn(text).entries()) add(String(at), value);
    add('many', sent.values.length);
  }
  return values;
}
