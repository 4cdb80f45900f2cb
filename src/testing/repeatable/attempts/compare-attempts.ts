import { type Attempt, nextAttempt, type Repeated, type Sent } from './attempt.ts';
import type { Told } from './answers.ts';
import { type RepeatFinding, remedies, type RepeatProblem } from '../finding.ts';
import { isAlike } from './varying.ts';

/** What the attempts of one transaction show: both began from the same rows, so that both have to send the same. */
export function findingsOf(repeated: Repeated, show: (text: string) => string): readonly RepeatFinding[] {
  const { name, openedAt, failed } = repeated;
  const next = nextAttempt(repeated);
  const found = (problem: RepeatProblem, what: string, place: string | undefined): RepeatFinding => ({
    problem,
    what,
    place,
    transactionAt: openedAt,
    remedy: remedies[problem],
  });
  const calls = new Map<string, RepeatFinding>();
  for (const { what, place } of [...(failed?.calls ?? []), ...(next?.calls ?? [])]) {
    const said = `The transaction "${name}" calls ${what} out of its body, which its rollback does not take back and another attempt does again`;
    if (!calls.has(place ?? what)) calls.set(place ?? what, found('calledOut', said, place));
  }
  if (failed === undefined || next === undefined) return [...calls.values()];
  const difference = differenceOf(failed, next, show);
  const sent =
    difference === undefined
      ? []
      : [
          found(
            'sentOtherwise',
            `The second attempt of the transaction "${name}" ${difference.what}`,
            difference.place,
          ),
        ];
  return [...calls.values(), ...sent];
}

interface Difference {
  readonly what: string;
  readonly place: string | undefined;
}

/** The first statement that one of them alone sent; statements that run at the same time have no order. */
export function differenceOf(first: Attempt, second: Attempt, show: (text: string) => string): Difference | undefined {
  const left = [...second.sent];
  const missing: Sent[] = [];
  for (const sent of first.sent) {
    const at = left.findIndex((each) => isSame([first, sent], [second, each]));
    if (at < 0) missing.push(sent);
    else left.splice(at, 1);
  }
  const [lost] = missing;
  const [added] = left;
  if (lost === undefined && added === undefined) return undefined;
  const again = left.find(({ text }) => text === lost?.text);
  if (lost !== undefined && again !== undefined) {
    const at = lost.values.findIndex((_, each) => !isSameValue([first, lost], [second, again], each)) + 1;
    const which = at === 0 ? 'other values' : `another value for parameter ${at}`;
    return { what: `sent ${which} with ${show(lost.text)}`, place: again.place };
  }
  if (lost !== undefined) return { what: `did not send ${show(lost.text)}`, place: lost.place };
  return { what: `sent ${show(added?.text ?? '')} besides`, place: added?.place };
}

type Placed = readonly [Attempt, Sent];

function isSame(one: Placed, other: Placed): boolean {
  const [a, b] = [one[1], other[1]];
  return (
    a.values.length === b.values.length &&
    isAlike(textOf(one), textOf(other)) &&
    a.values.every((_, at) => isSameValue(one, other, at))
  );
}

export function textOf([{ answers }, { text: value, known }]: Placed): Told {
  return { value, answers, known };
}

export function isSameValue([first, a]: Placed, [second, b]: Placed, at: number): boolean {
  return isAlike(
    { value: a.values[at], answers: first.answers, known: a.known },
    { value: b.values[at], answers: second.answers, known: b.known },
  );
}
