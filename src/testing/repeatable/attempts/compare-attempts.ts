import { type Attempt, nextAttempt, type Repeated, type Sent } from './attempt.ts';
import type { Told } from './answers.ts';
import { type RepeatFinding, remedies } from '../finding.ts';
import { sentSystematically, type Systematic, type Timed } from './repetition.ts';
import { isAlike } from './varying.ts';

/** The calls out of the attempts of one transaction. */
export function callsOutOf(repeated: Repeated): readonly RepeatFinding[] {
  const { name, openedAt, failed } = repeated;
  const calls = new Map<string, RepeatFinding>();
  for (const { what, place } of [...(failed?.calls ?? []), ...(nextAttempt(repeated)?.calls ?? [])]) {
    const said = `The transaction "${name}" calls ${what} out of its body, which its rollback does not take back and another attempt does again`;
    if (calls.has(place ?? what)) continue;
    calls.set(place ?? what, {
      problem: 'calledOut',
      what: said,
      place,
      transactionAt: openedAt,
      remedy: remedies.calledOut,
    });
  }
  return [...calls.values()];
}

/** What attempts of one transaction, each of which began from the same rows, have sent otherwise by rule. @param show a statement as it may be shown */
export function sentOtherwise(
  { name, openedAt }: Pick<Repeated, 'name' | 'openedAt'>,
  attempts: readonly Timed[],
  show: (text: string) => string,
): RepeatFinding | undefined {
  const found = sentSystematically(attempts);
  if (found === undefined) return undefined;
  return {
    problem: 'sentOtherwise',
    what: `The second attempt of the transaction "${name}" ${inWords(found, show)}`,
    place: found.sent?.place,
    transactionAt: openedAt,
    remedy: remedies.sentOtherwise,
  };
}

function inWords({ what, sent, parameter }: Systematic, show: (text: string) => string): string {
  const text = show(sent?.text ?? '');
  if (what === 'lost') return `did not send ${text}`;
  if (what === 'added') return `sent ${text} besides`;
  return `sent ${parameter === undefined ? 'other values' : `another value for parameter ${parameter}`} with ${text}`;
}

/** Whether two attempts have sent the same; statements that run at the same time have no order. */
export function haveSentSame(first: Attempt, second: Attempt): boolean {
  if (first.sent.length !== second.sent.length) return false;
  const left = [...second.sent];
  return first.sent.every((sent) => {
    const at = left.findIndex((each) => isSame([first, sent], [second, each]));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

type Placed = readonly [Attempt, Sent];

function isSame(one: Placed, other: Placed): boolean {
  const [a, b] = [one[1], other[1]];
  return (
    a.values.length === b.values.length &&
    isAlike(told(one, a.text), told(other, b.text)) &&
    a.values.every((value, at) => isAlike(told(one, value), told(other, b.values[at])))
  );
}

function told([{ answers }, { known }]: Placed, value: unknown): Told {
  return { value, answers, known };
}
