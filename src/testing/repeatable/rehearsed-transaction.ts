import type { QueryResult } from '../../driver/index.ts';
import { fieldOf } from '../../core/index.ts';
import type { AtEnd, BaseScope } from '../../transaction/index.ts';
import { Draws } from './draws.ts';
import { holdUp } from './pauses.ts';
import { type RepeatFinding, remedies, type RepeatProblem } from './finding.ts';
import {
  Attempt,
  callsOutOf,
  enoughAttempts,
  fewestAttempts,
  haveSentSame,
  isSameResult,
  leavesOf,
  returnsSystematically,
  sentOtherwise,
  type Sent,
  type Settled,
} from './attempts/index.ts';

/** Some are slower than all others, and some as fast as the first two: what a body makes of a time that it measures follows no rule then. */
const fastAttempts: ReadonlySet<number> = new Set([1, 2, 3, 7]);
const slowAttempts: ReadonlySet<number> = new Set([5, 6]);
const slowly = 25;

/** One attempt of a transaction in a test, as it is noted. */
export class Noting {
  readonly of: RehearsedTransaction;
  readonly attempt: Attempt;
  /** What it has written outside of the transaction of the test. */
  readonly elsewhere: Sent[] = [];
  /** What its body came to; none as long as it runs. */
  settled: { readonly type: string; readonly result: Settled['result'] } | undefined;
  #drawn = 0;
  #heldUp = 0;

  constructor(of: RehearsedTransaction, number: number) {
    this.of = of;
    this.attempt = new Attempt(number);
  }

  get isOver(): boolean {
    return this.settled !== undefined;
  }

  /** The next random number, the same for each attempt. */
  draw(random: () => number): number {
    return this.of.draws.draw(this.#drawn++, random);
  }

  /** Before an exchange: attempts that are looked at more closely take their time. */
  async holdUp(): Promise<void> {
    const { number } = this.attempt;
    if (!fastAttempts.has(number)) await holdUp(this.#heldUp++, slowAttempts.has(number) ? slowly : 0);
  }

  /** Notes what it came to. @returns whether it is the last */
  end(done: Parameters<AtEnd>[0]): boolean {
    this.settled = { type: done.type, result: leavesOf(done.type === 'returned' ? done.value : undefined) };
    return done.type === 'thrown' || this.of.isTold();
  }
}

/** A transaction with `retry` in a test. */
export class RehearsedTransaction {
  readonly name: string;
  readonly begunAt: string | undefined;
  readonly base: BaseScope | undefined;
  /** The random numbers of its attempts. */
  readonly draws: Draws = new Draws();
  /** Whether something else was written in the test between its attempts. */
  isDisturbed = false;
  readonly #attempts: Noting[] = [];

  constructor(name: string, begunAt: string | undefined, base: BaseScope | undefined) {
    this.name = name;
    this.begunAt = begunAt;
    this.base = base;
  }

  /** The next attempt. */
  next(): Noting {
    const next = new Noting(this, this.#attempts.length + 1);
    this.#attempts.push(next);
    return next;
  }

  /** Whether its attempts tell all there is to tell. */
  isTold(): boolean {
    const settled = this.#settled();
    const [first, second] = settled;
    if (first === undefined || second === undefined) return false;
    if (this.isDisturbed || this.#attempts.length >= enoughAttempts) return true;
    if (settled.length < fewestAttempts)
      return haveSentSame(first.attempt, second.attempt) && isSameResult(first, second);
    return !this.#isSuspect();
  }

  /** Whether a time that is sent would have to be another one in the next attempt. */
  get isAlmostTold(): boolean {
    return this.#attempts.length === enoughAttempts - 1;
  }

  /** Whether what its attempts do follows a rule so far. */
  #isSuspect(): boolean {
    const settled = this.#settled();
    return (
      sentOtherwise({ name: '', openedAt: undefined }, settled, String) !== undefined || returnsSystematically(settled)
    );
  }

  /** What its attempts make wrong. @param show a statement as it may be shown */
  findings(show: (text: string) => string): readonly RepeatFinding[] {
    const { name, begunAt } = this;
    const [first, second] = this.#attempts;
    if (first === undefined || second === undefined) return [];
    const found = (problem: RepeatProblem, what: string, place?: string): RepeatFinding => ({
      problem,
      what,
      place,
      transactionAt: begunAt,
      remedy: remedies[problem],
    });
    const settled = this.#settled();
    const transaction = { name, openedAt: begunAt };
    const attempts = { attempts: [first.attempt, second.attempt], failed: first.attempt };
    const findings = [...callsOutOf({ ...transaction, ...attempts, failedId: undefined, isRepeated: true })];
    const sent = this.isDisturbed ? undefined : sentOtherwise(transaction, settled, show);
    if (sent !== undefined) findings.push(sent);
    for (const { text, place } of second.elsewhere)
      findings.push(
        found('committedEachTime', `Each attempt of the transaction "${name}" commits ${show(text)} by itself`, place),
      );
    if (this.isDisturbed) return findings;
    const thrown = this.#attempts.find(({ settled: end }) => end?.type === 'thrown');
    if (thrown !== undefined && thrown !== first)
      findings.push(
        found('resultDiffers', `A second attempt of the transaction "${name}" throws, and the first did not`),
      );
    else if (returnsSystematically(settled))
      findings.push(
        found('resultDiffers', `The second attempt of the transaction "${name}" returns something else than the first`),
      );
    return findings;
  }

  /** The attempts that came to their COMMIT. */
  #settled(): readonly Settled[] {
    return this.#attempts.flatMap(({ attempt, settled }, number) => {
      if (settled === undefined || settled.type === 'thrown') return [];
      return [{ at: { attempt: number, repeated: 0, plain: 0 }, attempt, result: settled.result }];
    });
  }
}

/** Whether a statement has changed rows; a library on MySQL gets its result in the words of mysql2. */
export function hasChanged(result: QueryResult | undefined): boolean {
  if (result === undefined) return false;
  const header: unknown = fieldOf(fieldOf(result, 'native'), '0');
  const counts = [fieldOf(result, 'rowCount'), fieldOf(header, 'affectedRows')];
  return counts.find((count) => typeof count === 'number') !== 0;
}
