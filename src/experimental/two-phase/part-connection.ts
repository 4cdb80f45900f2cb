import type {
  Backend,
  ConnectionStatus,
  DriverConnection,
  Exchange,
  Failure,
  QueryResult,
  Step,
  TwoPhaseDialect,
} from '../../driver/index.ts';
import { TwoPhasePrepareError } from './errors.ts';
import type { Deciding } from './verdict.ts';

const none: readonly never[] = [];

/** What its connection has to know of a part, and tells it. */
export interface PartOfWhole {
  readonly clientName: string;
  readonly name: string;
  readonly dialect: TwoPhaseDialect;
  readonly deciding: Deciding;
  isLeft: boolean;
  closes(): void;
  prepared(): void;
}

/**
 * `idle`: nothing was begun. `open`: its transaction is. `deciding`: that is prepared, and waits for the decision or is being ended
 * after it. `done`: it has ended here. `lost`: the connection is not used again.
 */
type State = 'idle' | 'open' | 'deciding' | 'done' | 'lost';

/**
 * The connection of a part. It begins a transaction that can be prepared, and its COMMIT is all of the two phases: it prepares,
 * waits for the decision, and ends as that says, so that the transaction has the outcome of the whole.
 */
export class PartConnection implements DriverConnection {
  readonly #real: DriverConnection;
  readonly #part: PartOfWhole;
  #state: State = 'idle';

  constructor(real: DriverConnection, part: PartOfWhole) {
    this.#real = real;
    this.#part = part;
  }

  get backend(): Backend {
    return this.#real.backend;
  }
  get unfit(): DriverConnection['unfit'] {
    return this.#real.unfit;
  }
  get status(): ConnectionStatus {
    if (this.#state === 'lost') return 'lost';
    return this.#state === 'deciding' ? 'active' : this.#real.status;
  }

  async run(steps: readonly Step[]): Promise<Exchange> {
    const begun = steps[0]?.type === 'begin' ? await this.#begin(steps[0]) : { taken: 0 };
    if (begun.failure !== undefined) return { completed: 0, results: none, failure: begun.failure, ended: undefined };
    const rest = steps.slice(begun.taken);
    const last = rest.at(-1)?.type;
    const ends = last === 'commit' || last === 'rollback';
    const before = ends ? rest.slice(0, -1) : rest;
    const answer = before.length === 0 ? nothing : await this.#real.run(before);
    const isKnown = begun.taken > 0 || ends;
    const exchange = isKnown ? withoutCommit(answer, begun.taken) : answer;
    if (!ends || exchange.failure !== undefined) return exchange;
    const end = await (last === 'commit' ? this.#commit() : this.#rollBack());
    return { ...end, completed: exchange.completed + end.completed, results: exchange.results };
  }

  /** @returns how many steps it has taken the place of */
  async #begin(step: Extract<Step, { type: 'begin' }>): Promise<{ taken: number; failure?: Failure }> {
    const { dialect, name } = this.#part;
    const texts = dialect.begin(name, step.characteristics.isolation);
    // What came with it may have been refused before it was sent.
    const isBegun = this.#state === 'open' && texts.length > 0;
    const { failure } = isBegun ? { failure: undefined } : await this.#command(texts);
    if (failure !== undefined) return { taken: 0, failure };
    this.#state = 'open';
    return { taken: texts.length === 0 ? 0 : 1 };
  }

  async #commit(): Promise<Exchange> {
    const { dialect, name, deciding } = this.#part;
    this.#part.closes();
    // The server would refuse it. Or all was rolled back while the body went on.
    if (this.#real.status !== 'active' || deciding.verdict !== undefined) return await this.#rollBack();
    const { failure, results } = await this.#command(dialect.prepare(name));
    if (failure !== undefined) return await this.#unprepared(failure);
    // A transaction that has failed is rolled back where it was to be prepared.
    if (results.some(({ command }) => command === 'ROLLBACK')) return rolledBack;
    this.#state = 'deciding';
    this.#part.prepared();
    const { outcome, error } = await deciding.known;
    if (outcome === 'committed') return await this.#finish(dialect.commit(name), committed);
    const refused = { completed: 0, results: none, ended: undefined } as const;
    if (outcome === 'rolledBack') {
      const end = { ...refused, failure: { kind: 'statement', error }, ended: 'rolledBack' } as const;
      return await this.#finish(dialect.rollback(name), end);
    }
    await this.#leave();
    return { ...refused, failure: { kind: 'connectionLost', error, reached: 'open' } };
  }

  /** Ends what is prepared. @param end what is told, since the decision holds whether the server answers or not */
  async #finish(text: string, end: Exchange): Promise<Exchange> {
    const { failure } = await this.#command([text]);
    if (failure === undefined || this.#part.dialect.isGone(failure.error)) this.#state = 'done';
    else await this.#leave();
    return end;
  }

  /** It stays prepared for recovery, which another connection of its client has to be able to do. */
  async #leave(): Promise<void> {
    this.#part.isLeft = true;
    await this.#discard();
  }

  async #unprepared(failure: Failure): Promise<Exchange> {
    const isLost = failure.kind === 'connectionLost';
    if (isLost) {
      this.#state = 'lost';
      // It may be prepared, but no decision for it will ever be found.
      return { completed: 0, results: none, failure: { ...failure, reached: 'uncommitted' }, ended: undefined };
    }
    await this.#rollBack();
    const error = failure.kind === 'statement' ? this.#refusal(failure.error) : failure.error;
    return { completed: 0, results: none, failure: { ...failure, error }, ended: 'rolledBack' };
  }

  async #rollBack(): Promise<Exchange> {
    const { dialect, name } = this.#part;
    const texts = this.#state === 'open' ? dialect.abandon(name) : none;
    this.#state = 'done';
    if (texts.length === 0) return await this.#real.run([{ type: 'rollback' }]);
    // A session that has failed takes nothing but ROLLBACK, which does not end such a transaction: its connection does.
    const isUndone = this.#real.status === 'active' && (await this.#command(texts)).failure === undefined;
    if (!isUndone) await this.#discard();
    return rolledBack;
  }

  async #discard(): Promise<void> {
    this.#state = 'lost';
    await this.#real.destroy();
  }

  async #command(
    texts: readonly string[],
  ): Promise<{ readonly failure: Failure | undefined; readonly results: readonly QueryResult[] }> {
    const results: QueryResult[] = [];
    for (const text of texts) {
      const answer = await this.#real.run([{ type: 'statement', statement: { text, values: undefined } }]);
      if (answer.failure !== undefined) return { failure: answer.failure, results };
      results.push(...answer.results);
    }
    return { failure: undefined, results };
  }

  #refusal(cause: unknown): TwoPhasePrepareError {
    const { clientName } = this.#part;
    return new TwoPhasePrepareError({
      what: `The server of client "${clientName}" refused to prepare its part of a two-phase commit; all parts are rolled back`,
      remedy: 'See the cause. What cannot be prepared on which engine is in docs/two-phase.md',
      cause,
      at: { clientName },
    });
  }

  /** What is prepared is ended as was decided, however late: nothing there can be cancelled. */
  cancel(): Promise<void> {
    return this.#state === 'deciding' ? Promise.resolve() : this.#real.cancel();
  }
  onBlocked(callback: () => void): void {
    this.#real.onBlocked?.(callback);
  }
  isPrepared(text: string): boolean {
    return this.#real.isPrepared?.(text) === true;
  }
  onDeath(callback: (error: unknown) => void): void {
    this.#real.onDeath(callback);
  }
  close(): Promise<void> {
    return this.#real.close();
  }
  destroy(): Promise<void> {
    return this.#real.destroy();
  }
}

const nothing: Exchange = { completed: 0, results: none, failure: undefined, ended: undefined };
const committed: Exchange = { completed: 1, results: none, failure: undefined, ended: 'committed' };
const rolledBack: Exchange = { completed: 1, results: none, failure: undefined, ended: 'rolledBack' };

/** There is no COMMIT in it; and where the beginning was answered, it is not sent again as if nothing was. */
function withoutCommit(answer: Exchange, taken: number): Exchange {
  const { failure } = answer;
  const isLost = failure?.kind === 'connectionLost';
  return {
    ...answer,
    completed: answer.completed + taken,
    failure: isLost ? { ...failure, reached: 'uncommitted' } : failure,
  };
}
