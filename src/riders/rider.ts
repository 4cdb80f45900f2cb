import type { Exchange, QueryResult, Statement, Step } from '../driver/index.ts';

/**
 * Where a rider sits: behind BEGIN; before the statements of the exchange; behind them; before COMMIT, which is then not carried
 * out if it fails; or behind COMMIT, when its failure no longer matters.
 */
export type Seat = 'afterBegin' | 'beforeStatements' | 'afterStatements' | 'beforeCommit' | 'afterCommit';

/** A statement of Sluice's own that travels in an exchange of the program's, and costs no round trip of its own. */
export interface Rider {
  readonly seat: Seat;
  readonly statement: Statement;
  /** Is told what the server has answered. */
  answered?(result: QueryResult): void;
  /** Is told that the server has not carried it out, or may not have. */
  missed?(): void;
  /** The error for the server's refusal. Default: that of the driver. */
  refused?(cause: unknown): unknown;
}

/** An exchange with riders in it. */
export interface Flight {
  /** What is sent. */
  readonly steps: readonly Step[];
  /** What the answer says to those who know nothing of riders. Riders are told theirs. */
  landed<Answer extends Exchange>(answer: Answer): Answer & Landed;
}

/** An answer without what belongs to riders. */
export interface Landed extends Exchange {
  /** The rider that the server has refused. */
  readonly refusedBy?: Rider | undefined;
}

/** Puts riders, where there are any, into steps. */
export function board(steps: readonly Step[], one: Rider | undefined, other?: Rider): Flight {
  if (one !== undefined) return new FullFlight(steps, other === undefined ? [one] : [one, other]);
  return other === undefined ? { steps, landed: asItIs } : new FullFlight(steps, [other]);
}

const asItIs = <Answer>(answer: Answer): Answer => answer;

class FullFlight implements Flight {
  readonly steps: readonly Step[];
  /** Who sits where, by the index of the step. */
  readonly #seated = new Map<number, Rider>();

  constructor(own: readonly Step[], riders: readonly Rider[]) {
    const waiting = [...riders].toSorted((one, other) => placeOf(own, one) - placeOf(own, other));
    const steps: Step[] = [];
    for (let index = 0; index <= own.length; index += 1) {
      for (let next = waiting[0]; next !== undefined && placeOf(own, next) === index; next = waiting[0]) {
        waiting.shift();
        this.#seated.set(steps.length, next);
        steps.push({ type: 'statement', statement: next.statement });
      }
      const step = own[index];
      if (step !== undefined) steps.push(step);
    }
    this.steps = steps;
  }

  landed<Answer extends Exchange>(answer: Answer): Answer & Landed {
    const results: QueryResult[] = [];
    let [completed, ofStatements] = [0, 0];
    for (let index = 0; index < answer.completed; index += 1) {
      const rider = this.#seated.get(index);
      const result = this.steps[index]?.type === 'statement' ? answer.results[ofStatements++] : undefined;
      if (rider === undefined) completed += 1;
      if (result === undefined) continue;
      if (rider === undefined) results.push(result);
      else rider.answered?.(result);
    }
    for (const [index, rider] of this.#seated) if (index >= answer.completed) rider.missed?.();
    return { ...answer, completed, results, ...this.#failureOf(answer) };
  }

  #failureOf({ failure, completed, ended }: Exchange): Pick<Landed, 'failure' | 'refusedBy'> {
    const rider = failure === undefined ? undefined : this.#seated.get(completed);
    if (failure === undefined || rider === undefined || failure.kind === 'connectionLost') return { failure };
    // What comes behind the end of the transaction has no say in it.
    if (ended !== undefined) return { failure: undefined };
    const error = (failure.kind === 'statement' ? rider.refused?.(failure.error) : undefined) ?? failure.error;
    return { failure: { ...failure, error }, refusedBy: rider };
  }
}

/** The index of the program's own step that it comes before. */
function placeOf(steps: readonly Step[], { seat }: Rider): number {
  switch (seat) {
    case 'afterBegin':
      return steps.findIndex(({ type }) => type === 'begin') + 1;
    case 'beforeStatements':
      return indexOr(
        steps.findIndex(({ type }) => type === 'statement'),
        steps.length,
      );
    case 'afterStatements':
      return steps.findLastIndex(({ type }) => type === 'statement') + 1;
    case 'beforeCommit':
      return indexOr(
        steps.findIndex(({ type }) => type === 'commit'),
        steps.length,
      );
    case 'afterCommit':
      return steps.length;
  }
}

function indexOr(index: number, none: number): number {
  return index === -1 ? none : index;
}
