import { randomUUID } from 'node:crypto';
import { runInFrame } from '../context/index.ts';
import { aSignal, type Check, checkedArgument, knownToCopies, milliseconds, readOptions } from '../core/index.ts';
import { cancelSaga, readSaga, resumeSaga, type SagaInfo } from './administration.ts';
import type { SagaDefinition } from './saga.ts';
import { anId, assertSame, type Engine, newSaga, refuseTransaction, signal } from './engine.ts';
import { noRecords } from './records.ts';
import { claimOf, type NewSaga, type SagaStore } from './store.ts';
import { begin, notFound, type ResultOptions } from './waiting.ts';

/** Options of `start`. */
export interface SagaStartOptions {
  /** Names the saga, at most 200 characters: there is one of its definition with an id. Default: a UUID. */
  readonly id?: string | undefined;
}

/** Options of `run`. */
export interface SagaRunOptions extends SagaStartOptions, ResultOptions {}

const startChecks: Record<keyof SagaStartOptions, Check> = { id: anId };
const resultChecks: Record<keyof ResultOptions, Check> = { timeout: milliseconds(1), signal: aSignal };
const runChecks: Record<keyof SagaRunOptions, Check> = { ...startChecks, ...resultChecks };

/** A saga that was started. */
export class SagaHandle<Result = unknown> {
  /** Its id. */
  readonly id: string;
  /** The name of its definition. */
  readonly saga: string;
  readonly #engine: Engine;

  /** Made by `start` and `get`. */
  constructor(engine: object, { saga, id }: { readonly saga: string; readonly id: string }) {
    this.#engine = engine as Engine;
    this.saga = saga;
    this.id = id;
  }

  /**
   * Waits for its end.
   * @throws SagaFailedError with the cause, SagaCancelledError, SagaStuckError, SagaTimeoutError, SagaNotFoundError;
   * SagaInTransactionError in a transaction, which holds what the saga may need; SagasStoppedError
   */
  async result(options: ResultOptions = {}): Promise<Result> {
    const read = readOptions('result', options, resultChecks);
    refuseTransaction(this.saga);
    this.#engine.driver.start();
    return (await this.#engine.waiting.waitFor(this, read)) as Result;
  }

  /** How it stands. @throws SagaNotFoundError */
  async status(): Promise<SagaInfo> {
    const found = await readSaga(this.#engine.ambient.db, this);
    if (found === undefined) throw notFound(this);
    return found;
  }

  /**
   * Gives it a signal, in the transaction that is open here. Of two with the same name it gets the first.
   * @throws SagaNotFoundError, SagaFinishedError
   */
  async signal(name: string, data?: unknown): Promise<void> {
    await signal(this.#engine, this, name, data);
  }

  /** Undoes its steps, from the commit of the transaction that is open here on; it ends as cancelled. @throws SagaNotFoundError, SagaFinishedError */
  async cancel(): Promise<void> {
    const { ambient, driver } = this.#engine;
    await cancelSaga(ambient.db, this.saga, this.id);
    ambient.db.commit(() => driver.poke());
  }

  /** Lets a saga that is stuck go on. @returns whether it was stuck @throws SagaNotFoundError, SagaFinishedError */
  async resume(): Promise<boolean> {
    const { ambient, driver } = this.#engine;
    const resumed = await resumeSaga(ambient.db, this.saga, this.id);
    ambient.db.commit(() => driver.poke());
    return resumed;
  }
}

/** The input, which may be left out where it may be `undefined`, and options. */
type Given<Input, Options> = undefined extends Input
  ? readonly [input?: Input, options?: Options]
  : readonly [input: Input, options?: Options];

/** The sagas of one definition. */
export class SagaCalls<Input = unknown, Result = unknown> {
  readonly #engine: Engine;
  readonly #definition: SagaDefinition<never>;

  /** Made by `createSagas`. */
  constructor(engine: object, definition: SagaDefinition<never>) {
    this.#engine = engine as Engine;
    this.#definition = definition;
  }

  /**
   * Starts a saga and waits for its end. One with this id that is there already is joined.
   * @throws as `start` and `result`; SagaInTransactionError in a transaction: use `start` there; SagasStoppedError after `sagas.stop()`:
   * nothing was started
   */
  async run(...given: Given<Input, SagaRunOptions>): Promise<Result> {
    const [input, options = {}] = given;
    const { id = randomUUID(), ...wait } = readOptions('run', options, runChecks);
    const { name: saga } = this.#definition;
    refuseTransaction(saga);
    const { driver, waiting } = this.#engine;
    begin(driver, `run of the saga "${saga}"`);
    const fresh = newSaga(this.#engine, this.#definition, id, input);
    const drive = await runInFrame(undefined, () => this.#begin(fresh), undefined);
    const ended = waiting.waitFor(fresh, wait);
    drive();
    return (await ended) as Result;
  }

  /** @returns drives it here, where there is room */
  async #begin(fresh: NewSaga): Promise<() => void> {
    const { driver, own, lease } = this.#engine;
    if (!driver.hasRoom) {
      await this.#insert(own, fresh);
      return () => driver.poke();
    }
    const now = await own.insertClaimed(fresh, lease);
    if (now !== undefined) return () => driver.drive(claimOf(fresh), noRecords(now));
    await assertSame(own, fresh);
    return () => {};
  }

  /**
   * Starts a saga, in the transaction that is open here: it leaves with the commit. One with this id that is there already is
   * joined.
   * @throws SagaConflictError for an id that belongs to another input; SagaTablesMissingError; UnserializableError
   */
  async start(...given: Given<Input, SagaStartOptions>): Promise<SagaHandle<Result>> {
    const [input, options = {}] = given;
    const { id = randomUUID() } = readOptions('start', options, startChecks);
    const { ambient, driver } = this.#engine;
    await this.#insert(ambient, newSaga(this.#engine, this.#definition, id, input));
    // Without a transaction it is there already.
    ambient.db.commit(() => driver.poke());
    return this.get(id);
  }

  /** A saga that was started before, here or elsewhere. */
  get(id: string): SagaHandle<Result> {
    checkedArgument('get', 'id', id, anId);
    return new SagaHandle(this.#engine, { saga: this.#definition.name, id });
  }

  async #insert(store: SagaStore, saga: NewSaga): Promise<void> {
    if (!(await store.insert(saga))) await assertSame(store, saga);
  }
}

knownToCopies(SagaHandle, 'saga handle');
