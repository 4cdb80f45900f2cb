import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { channelNames } from '../../channels/index.ts';
import type { TransactionalClient } from '../../connection/index.ts';
import { currentFrame, type OpenTransaction } from '../../context/index.ts';
import { fieldOf } from '../../core/index.ts';
import type { DriverConnection, Exchange, Step } from '../../driver/index.ts';
import { CallTrail } from '../call-trail.ts';
import { Attempt, type CalledOut, type Repeated, repeatableIn } from './attempts/index.ts';
import { Draws, drawFrom } from './draws.ts';
import { injectedFailure } from './injected.ts';
import { asDriver, watchOutgoing } from './outgoing.ts';
import type { Holds, Took } from './pace.ts';
import { holdUp, holdUpFor } from './pauses.ts';
import { calledFrom, standOn } from './stand.ts';

/** What one run of a body sent. */
export class Run {
  /** Whether the first COMMIT of each transaction with `retry` is failed. */
  readonly fails: boolean;
  readonly #calls = new Map<object, Repeated>();
  /** The texts of all statements, by client. */
  readonly texts: Map<string, string[]> = new Map();
  /** The place of the last statement. */
  lastPlace: string | undefined;
  /** How many transactions have begun. */
  begun = 0;
  /** How many random numbers were drawn, by place. */
  readonly drawn: Map<string, number> = new Map();

  /** How many exchanges of an attempt were held up. */
  readonly #heldUp = new Map<Attempt | undefined, number>();
  /** How long it is held up; `chance` for a little, by chance. */
  readonly #holds: Holds | 'chance' | undefined;
  /** The transactions with `retry` that were begun, by their names, also those that have sent nothing. */
  readonly called: string[] = [];
  readonly #since = performance.now();
  #longestExchange = 0;
  #exchanges = 0;

  constructor(fails: boolean, holds: Holds | 'chance' | undefined) {
    this.fails = fails;
    this.#holds = holds;
  }

  /** Before the first attempt of a transaction with `retry`. */
  async beforeAttempts(name = 'anonymous'): Promise<void> {
    this.called.push(name);
    if (typeof this.#holds === 'object') await holdUpFor(this.#holds.transaction);
  }

  /** Runs an exchange of an attempt. */
  async pace<Result>(attempt: Attempt | undefined, exchange: () => Promise<Result>): Promise<Result> {
    const from = performance.now();
    await this.#holdUp(attempt);
    const result = await exchange();
    this.#exchanges += 1;
    this.#longestExchange = Math.max(this.#longestExchange, performance.now() - from);
    return result;
  }

  /** How long it took so far. */
  get took(): Took {
    const toRepeat = this.repeated.map(({ attempts: [first, second] }) =>
      first === undefined || second === undefined ? 0 : second.openedAt - first.openedAt,
    );
    return {
      total: performance.now() - this.#since,
      toRepeat: Math.max(0, ...toRepeat),
      exchange: this.#longestExchange,
      exchanges: this.#exchanges,
      transactions: this.called.length,
    };
  }

  async #holdUp(attempt: Attempt | undefined): Promise<void> {
    if (typeof this.#holds === 'object') await holdUpFor(this.#holds.exchange);
    if (this.#holds !== 'chance') return;
    const before = this.#heldUp.get(attempt) ?? 0;
    this.#heldUp.set(attempt, before + 1);
    await holdUp(before);
  }

  get repeated(): readonly Repeated[] {
    return [...this.#calls.values()];
  }

  of(transaction: OpenTransaction): Repeated {
    const { call, record } = transaction;
    let known = this.#calls.get(call);
    if (known === undefined) {
      known = {
        name: record.name,
        openedAt: transaction.describe().openedAt,
        attempts: [],
        failed: undefined,
        failedId: undefined,
        isRepeated: false,
      };
      this.#calls.set(call, known);
    }
    return known;
  }
}

/** Stands on the connections of a database: sees what runs of a body send, and fails their COMMITs. */
export class Rehearsal {
  readonly #runs = new AsyncLocalStorage<Run>();
  readonly #draws = new Map<string, Draws>();
  readonly #trail = new CallTrail(() => this.#runs.getStore() !== undefined);

  /** Runs a body. What it sends is noted in `run`. */
  async as<Result>(run: Run, body: () => Result | PromiseLike<Result>): Promise<Result> {
    const stop = watchOutgoing((what) => this.#callsOut(what));
    const stopDrawing = drawFrom((random) => this.#draw(random));
    const unfollow = this.#trail.follow();
    const onRetry = (message: unknown): void => {
      const id = fieldOf(message, 'id');
      for (const each of run.repeated) if (each.failedId === id) each.isRepeated = true;
    };
    subscribe(channelNames.transactionRetry, onRetry);
    try {
      return await this.#runs.run(run, async () => await body());
    } finally {
      stop();
      stopDrawing();
      unfollow();
      unsubscribe(channelNames.transactionRetry, onRetry);
    }
  }

  /** Stands on a connection from now on. @returns takes it off again */
  stand(client: TransactionalClient, connection: DriverConnection): () => void {
    const run = connection.run.bind(connection);
    let owner: OpenTransaction | undefined;
    return standOn(connection, async (steps) => {
      const seen = this.#runs.getStore();
      if (seen === undefined) return await asDriver(() => run(steps));
      if (steps.some(({ type }) => type === 'begin')) owner = ownerOf(client, connection);
      const attempt = note(seen, { client, steps, place: calledFrom(this.#trail) });
      const exchange = await seen.pace(attempt, () =>
        sendOrFail(seen, { owner, steps, dialect: client.driver.dialect, run }),
      );
      attempt?.answered(steps, exchange.results);
      if (connection.status !== 'active' && connection.status !== 'failed') owner = undefined;
      return exchange;
    });
  }

  /** Before the first attempt of a transaction with `retry`. */
  async beforeAttempts(name: string | undefined): Promise<void> {
    await this.#runs.getStore()?.beforeAttempts(name);
  }

  /** The next random number: the same in each run, and in each attempt of a transaction. */
  #draw(random: () => number): number {
    const run = this.#runs.getStore();
    if (run === undefined) return random();
    const transaction = repeatableIn(currentFrame()?.innermost);
    const call = transaction === undefined ? undefined : run.of(transaction);
    const place = call === undefined ? '' : String(run.repeated.indexOf(call));
    const attempt = `${place}/${transaction?.record.attempt ?? 1}`;
    const at = run.drawn.get(attempt) ?? 0;
    run.drawn.set(attempt, at + 1);
    const draws = this.#draws.get(place) ?? new Draws();
    this.#draws.set(place, draws);
    return draws.draw(at, random);
  }

  #callsOut(what: string): void {
    const run = this.#runs.getStore();
    const transaction = repeatableIn(currentFrame()?.innermost);
    if (run === undefined || transaction?.isLive !== true) return;
    const call: CalledOut = { what, place: calledFrom(this.#trail) };
    attemptOf(run, transaction).calls.push(call);
  }
}

interface Exchanged {
  readonly client: TransactionalClient;
  readonly steps: readonly Step[];
  readonly place: string | undefined;
}

function note(run: Run, { client, steps, place }: Exchanged): Attempt | undefined {
  const transaction = repeatableIn(currentFrame()?.innermost);
  const attempt = transaction === undefined ? undefined : attemptOf(run, transaction);
  const texts = run.texts.get(client.name) ?? [];
  run.texts.set(client.name, texts);
  for (const step of steps) {
    if (step.type === 'begin') run.begun += 1;
    if (step.type !== 'statement') continue;
    run.lastPlace = place ?? run.lastPlace;
    texts.push(step.statement.text);
    attempt?.sends(step.statement, place);
  }
  return attempt;
}

function attemptOf(run: Run, transaction: OpenTransaction): Attempt {
  const { attempts } = run.of(transaction);
  const { attempt: number } = transaction.record;
  let attempt = attempts.find((each) => each.number === number);
  if (attempt === undefined) attempts.push((attempt = new Attempt(number, transaction.record.openedAt)));
  return attempt;
}

/** The transaction that begins on a connection: not always the innermost, which may be of another client. */
function ownerOf(client: TransactionalClient, connection: DriverConnection): OpenTransaction | undefined {
  let open = currentFrame()?.innermost;
  while (open !== undefined && (open.client !== client || open.backend?.id !== connection.backend.id))
    open = open.outer;
  // Of several that may be repeated, the outermost is.
  return open !== undefined && open.record.attempts > 1 && repeatableIn(open) === open ? open : undefined;
}

interface Sending {
  readonly owner: OpenTransaction | undefined;
  readonly steps: readonly Step[];
  readonly dialect: string;
  readonly run: DriverConnection['run'];
}

async function sendOrFail(seen: Run, { owner, steps, dialect, run }: Sending): Promise<Exchange> {
  const at = steps.findIndex(({ type }) => type === 'commit');
  if (owner === undefined || at < 0 || !seen.fails) return await asDriver(() => run(steps));
  const repeated = seen.of(owner);
  if (repeated.failed !== undefined) return await asDriver(() => run(steps));
  const attempt = attemptOf(seen, owner);
  const exchange = await asDriver(() => run([...steps.slice(0, at), { type: 'rollback' }]));
  if (exchange.failure !== undefined) return exchange;
  repeated.failed = attempt;
  repeated.failedId = owner.record.id;
  return { completed: at, results: exchange.results, failure: injectedFailure(dialect), ended: undefined };
}
