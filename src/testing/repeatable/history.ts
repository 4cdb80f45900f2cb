import { Attempt, haveSentSame, nextAttempt, type Repeated, sentOtherwise, type Timed } from './attempts/index.ts';
import type { RepeatFinding } from './finding.ts';
import type { Run } from './rehearsal.ts';

/** What the attempts of each transaction have sent in all runs so far. */
export class History {
  readonly #transactions = new Map<string, { readonly of: Repeated; readonly attempts: Timed[]; isSuspect: boolean }>();
  #repeated = 0;
  #plain = 0;

  /** Adds a run. */
  add(run: Run): void {
    const counts = new Map<string, number>();
    for (const each of run.repeated) {
      const name = `${each.name} ${each.openedAt}`;
      const before = counts.get(name) ?? 0;
      counts.set(name, before + 1);
      this.#add(`${name} ${before}`, each, attemptsOf(each, run.fails));
    }
    this.skip(run);
  }

  /** Leaves out a run that has ended otherwise than the first, so that its attempts may not be whole. */
  skip({ fails }: Pick<Run, 'fails'>): void {
    if (fails) this.#repeated += 1;
    else this.#plain += 1;
  }

  /** What attempts send otherwise for what the ones before have left. */
  findings(show: (text: string) => string): readonly RepeatFinding[] {
    return [...this.#transactions.values()].flatMap(({ of, attempts, isSuspect }) =>
      isSuspect ? (sentOtherwise(of, attempts, show) ?? []) : [],
    );
  }

  #add(name: string, of: Repeated, attempts: readonly Attempt[]): void {
    const known = this.#transactions.get(name) ?? { of, attempts: [], isSuspect: false };
    this.#transactions.set(name, known);
    const [first, second] = attempts;
    if (first !== undefined && second !== undefined && !haveSentSame(first, second)) known.isSuspect = true;
    for (const [number, attempt] of attempts.entries())
      known.attempts.push({ at: { attempt: number, repeated: this.#repeated, plain: this.#plain }, attempt });
  }
}

/** The attempts of a transaction that came to their COMMIT. */
function attemptsOf(repeated: Repeated, fails: boolean): readonly Attempt[] {
  if (!fails) return [repeated.attempts.at(-1) ?? new Attempt(1)];
  const next = nextAttempt(repeated);
  return repeated.failed === undefined || next === undefined ? [] : [repeated.failed, next];
}
