import { AsyncLocalStorage } from 'node:async_hooks';
import type { TransactionalClient } from '../../connection/index.ts';
import { currentFrame } from '../../context/index.ts';
import { isUnwatched, sharedByCopies } from '../../core/index.ts';
import type { DriverConnection, Step } from '../../driver/index.ts';
import { type AtEnd, baseOf, type BaseScope, type Rehearsed, scopeAt } from '../../transaction/index.ts';
import { bases } from '../ambient-test.ts';
import { type NotRepeatableError, notRepeatable, RepeatableSetupError } from './errors.ts';
import { drawFrom } from './draws.ts';
import type { RepeatFinding } from './finding.ts';
import { injectedFailure } from './injected.ts';
import { asDriver, watchOutgoing } from './outgoing.ts';
import { untilSecondsDiffer } from './pauses.ts';
import { hasChanged, type Noting, RehearsedTransaction } from './rehearsed-transaction.ts';
import { calledFrom, standOn } from './stand.ts';

/** What all tests of the process that are rehearsed have in common: the places from which they are looked on. */
interface Lookout {
  readonly notings: AsyncLocalStorage<Noting>;
  /** The transactions that are under way. */
  readonly running: Set<RehearsedTransaction>;
  /** How many tests look on at each pool. */
  readonly pools: Map<TransactionalClient['pool'], number>;
  /** Ends what is looked at outside of the pools. */
  stop: (() => void) | undefined;
}

const lookout = sharedByCopies<Lookout>('rehearsed-tests', () => ({
  notings: new AsyncLocalStorage(),
  running: new Set(),
  pools: new Map(),
  stop: undefined,
}));

/** Runs each transaction with `retry` of one test twice or more, and compares its attempts. */
export class RehearsedTest {
  readonly #clients: readonly TransactionalClient[];
  readonly #findings = new Map<string, RepeatFinding>();
  #hasRepeated = false;
  /** For the transaction around the test. */
  readonly rehearse: BaseScope['rehearse'];

  /** @throws RepeatableSetupError where something else looks on at the database */
  constructor(clients: readonly TransactionalClient[]) {
    this.#clients = clients;
    if (clients.some(({ pool }) => pool.tap !== undefined && !lookout.pools.has(pool))) {
      throw new RepeatableSetupError({
        what: 'A test whose transactions are repeated began while proveRepeatable or interleave runs on its database',
        remedy: 'Run one after the other',
      });
    }
    for (const client of clients) lookOnAt(client);
    lookout.stop ??= lookOut();
    this.rehearse = (transaction, attempt) => this.#rehearse(transaction, attempt);
  }

  /** Whether some transaction came to a second attempt. */
  get hasRepeated(): boolean {
    return this.#hasRepeated;
  }

  /** What was found. @param cause what the test has thrown */
  error(cause: unknown): NotRepeatableError | undefined {
    return this.#findings.size === 0 ? undefined : notRepeatable([...this.#findings.values()], cause);
  }

  end(): void {
    for (const { pool } of this.#clients) {
      const others = (lookout.pools.get(pool) ?? 1) - 1;
      lookout.pools.set(pool, others);
      if (others > 0) continue;
      lookout.pools.delete(pool);
      pool.tap = undefined;
    }
    if (lookout.pools.size > 0) return;
    lookout.stop?.();
    lookout.stop = undefined;
  }

  async #rehearse<Result>(given: Rehearsed, attempt: (atEnd: AtEnd) => Promise<Result>): Promise<Result> {
    // What is inside of one that is repeated is repeated with it.
    if (noting() !== undefined) return await attempt(() => undefined);
    const { name, begunAt, client } = given;
    const transaction = new RehearsedTransaction(name, begunAt(), bases.getStore());
    lookout.running.add(transaction);
    try {
      for (;;) {
        if (transaction.isAlmostTold) await untilSecondsDiffer();
        const now = transaction.next();
        const refused = injectedFailure(client.driver.dialect).error as Error;
        try {
          return await lookout.notings.run(now, () => attempt((done) => (now.end(done) ? undefined : refused)));
        } catch (error) {
          if (error !== refused) throw error;
          this.#hasRepeated = true;
        }
      }
    } finally {
      lookout.running.delete(transaction);
      for (const each of transaction.findings((text) => client.show(text)))
        this.#findings.set(`${each.what} ${each.place}`, each);
    }
  }
}

/** The attempt that is under way here. */
function noting(): Noting | undefined {
  const found = lookout.notings.getStore();
  return found?.isOver === false ? found : undefined;
}

function lookOnAt(client: TransactionalClient): void {
  const { pool } = client;
  lookout.pools.set(pool, (lookout.pools.get(pool) ?? 0) + 1);
  pool.tap = (connection) => stand(client, connection);
}

function stand(client: TransactionalClient, connection: DriverConnection): () => void {
  const run = connection.run.bind(connection);
  return standOn(connection, async (steps) => {
    const now = noting();
    disturb(client, steps, now);
    if (now === undefined) return await asDriver(() => run(steps));
    const place = calledFrom();
    const isInTest = baseHere(client) !== undefined;
    const { sent } = now.attempt;
    const isMeant = isUnwatched() || currentFrame()?.isBare === true;
    const before = sent.length;
    for (const step of steps) if (step.type === 'statement') now.attempt.sends(step.statement, place);
    const own = sent.slice(before);
    await now.holdUp();
    const exchange = await asDriver(() => run(steps));
    now.attempt.answered(steps, exchange.results);
    if (!isInTest && !isMeant)
      for (const [at, each] of own.entries())
        if (client.driver.inspect(each.text) === 'write' && hasChanged(exchange.results[at])) now.elsewhere.push(each);
    return exchange;
  });
}

/** What others write between the attempts of a transaction lets them begin from other rows. */
function disturb(client: TransactionalClient, steps: readonly Step[], now: Noting | undefined): void {
  if (lookout.running.size === 0) return;
  const writes = steps.some(
    (step) => step.type === 'statement' && client.driver.inspect(step.statement.text) !== 'read',
  );
  if (!writes) return;
  const base = bases.getStore();
  for (const each of lookout.running) if (each !== now?.of && each.base === base) each.isDisturbed = true;
}

/** The test whose transaction a statement on a client belongs to here. */
function baseHere(client: TransactionalClient): BaseScope | undefined {
  const scope = scopeAt(currentFrame(), { client, level: undefined });
  return scope === undefined ? undefined : baseOf(scope);
}

/** Looks on at sockets and child processes, and has the attempts of a transaction draw the same random numbers. */
function lookOut(): () => void {
  const stop = watchOutgoing((what) => {
    noting()?.attempt.calls.push({ what, place: calledFrom() });
  });
  const stopDrawing = drawFrom((random) => noting()?.draw(random) ?? random());
  return () => {
    stop();
    stopDrawing();
  };
}
