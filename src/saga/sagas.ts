import {
  type Check,
  checkedArgument,
  entriesByName,
  integer,
  InvalidOptionError,
  milliseconds,
  readOptions,
  refuseUncalled,
  text,
} from '../core/index.ts';
import { checkDatabase, type Database, internalsOf } from '../database/index.ts';
import { SagaCalls } from './calls.ts';
import { aDefinition, storedName, versionsOf } from './definition.ts';
import type { SagaDefinition } from './saga.ts';
import { SagaDriver, type DriverSettings } from './driver.ts';
import { assertChild, type Engine, newSaga, signal, theOnly } from './engine.ts';
import { storedId } from './tables.ts';
import { SagaStore } from './store.ts';
import { begin, SagaWaiting } from './waiting.ts';

/** Definitions of sagas by the names under which the program knows them. */
export type SagaDefinitions = Readonly<Record<string, SagaDefinition<never>>>;

/** The input of a saga. */
export type SagaInput<Definition> = Definition extends SagaDefinition<infer Input, infer _> ? Input : never;
/** The result of a saga. */
export type SagaResult<Definition> = Definition extends SagaDefinition<infer _, infer Result> ? Result : never;

/** Options of `createSagas`. */
export interface SagasOptions<Definitions extends SagaDefinitions> {
  /** The definitions by the names under which the program knows them. */
  readonly sagas: Definitions;
  /** The client that sagas live on. Default: the default one. */
  readonly clientName?: string | undefined;
  /** How many sagas this process drives at once. Default 10. */
  readonly concurrency?: number | undefined;
  /** How often it looks for sagas that are due, and for the ends of those that are waited for, in milliseconds. Default 500. */
  readonly pollInterval?: number | undefined;
  /** How long a saga belongs to a process that has stopped answering, in milliseconds. Default 30,000. */
  readonly lease?: number | undefined;
  /** How often a compensation may fail before its saga is stuck. Default 10. */
  readonly attempts?: number | undefined;
  /** The pause after a failure in milliseconds, doubled each time up to a minute. Default 1,000. */
  readonly retryDelay?: number | undefined;
  /** The largest input, result and signal, in bytes of their JSON. Default 1,048,576. */
  readonly maxPayload?: number | undefined;
}

/** Options of `stop`. */
export interface SagasStopOptions {
  /** How long what is under way may take, in milliseconds; then it is given back, and goes on elsewhere. Default 10,000. */
  readonly timeout?: number | undefined;
}

const checks: Record<keyof SagasOptions<SagaDefinitions>, Check> = {
  sagas: entriesByName,
  clientName: text(200),
  concurrency: integer(1, 10_000),
  pollInterval: milliseconds(10),
  lease: milliseconds(100),
  attempts: integer(1, 1_000),
  retryDelay: milliseconds(1),
  maxPayload: integer(1, 256 * 1024 * 1024, 'bytes'),
};
const stopChecks: Record<keyof SagasStopOptions, Check> = { timeout: milliseconds(0) };

/** What a program does with all of its sagas. */
export interface SagasControl {
  /** Drives sagas in this process from now on; `run` and `result` do so too. @throws SagasStoppedError after `stop()`, which is for good; DatabaseClosedError */
  start(): void;
  /**
   * Gives a signal to the saga with an id, of whichever definition; see `SagaHandle.signal`.
   * @throws SagaNotFoundError, SagaFinishedError; InvalidOptionError where sagas of several definitions have this id
   */
  signal(id: string, name: string, data?: unknown): Promise<void>;
  /** Takes no more sagas, for good, gives back what has not ended in time, and ends all waits. */
  stop(options?: SagasStopOptions): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The sagas of a program, typed as they were defined. Made by `createSagas`. */
export type Sagas<Definitions extends SagaDefinitions> = SagasControl & {
  readonly [Name in keyof Definitions]: SagaCalls<SagaInput<Definitions[Name]>, SagaResult<Definitions[Name]>>;
};

/**
 * Makes the sagas of a program.
 *
 * ```ts
 * const greet = defineSaga('greet', async (saga, name: string) => await saga.step('greet', () => `hello ${name}`));
 * const sagas = createSagas(database, { sagas: { greet } });
 * console.log(await sagas.greet.run('Ada', { id: 'ada' }));
 * await sagas.stop();
 * ```
 * @throws InvalidOptionError
 */
export function createSagas<const Definitions extends SagaDefinitions>(
  database: Database,
  options: SagasOptions<Definitions>,
): Sagas<Definitions> {
  checkDatabase('createSagas', database);
  const read = readOptions('createSagas', options, checks, ['sagas']);
  const definitions = Object.entries<SagaDefinition<never>>(read.sagas);
  for (const [name, definition] of definitions) checkDefinition(name, definition);
  refuseTwice(definitions.map(([, { name }]) => name));
  const engine = makeEngine(
    database,
    read,
    definitions.map(([, definition]) => definition),
  );
  const calls = definitions.map(([name, definition]) => [name, new SagaCalls(engine, definition)] as const);
  const stop = async (given: SagasStopOptions = {}): Promise<void> => {
    const { timeout = 10_000 } = readOptions('stop', given, stopChecks);
    await engine.driver.stop(timeout);
    engine.waiting.stop();
  };
  const names = definitions.map(([, { name }]) => name);
  const control: SagasControl = {
    start: () => begin(engine.driver, 'sagas.start()'),
    signal: async (id, name, data) => await signal(engine, await theOnly(engine, names, id), name, data),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return Object.freeze({ ...Object.fromEntries(calls), ...control }) as Sagas<Definitions>;
}

function makeEngine(
  database: Database,
  options: SagasOptions<SagaDefinitions>,
  definitions: readonly SagaDefinition<never>[],
): Engine {
  const {
    clientName,
    concurrency = 10,
    pollInterval = 500,
    lease = 30_000,
    attempts = 10,
    retryDelay = 1_000,
  } = options;
  const { maxPayload = 1_048_576 } = options;
  const ambient = new SagaStore(database.getDb({ clientName }));
  // Those who drive sagas wait for no holder of a connection, but where all transactions take turns.
  const own = ambient.takesTurns
    ? ambient
    : new SagaStore(database.getDb({ clientName, level: internalsOf(database).maxLevel }));
  const settings: DriverSettings = { concurrency, pollInterval, lease, attempts, retryDelay };
  const waiting = new SagaWaiting(own, pollInterval);
  const engine = { ambient, own, waiting, maxPayload, lease };
  const bodies = new Map(definitions.flatMap((definition) => [...versionsOf(definition)]));
  const driver: SagaDriver = new SagaDriver({
    database,
    store: own,
    bodies,
    settings,
    surroundings: {
      home: own.db.clientName,
      maxPayload,
      getDb: (name) => database.getDb({ clientName: name }),
      assertKnown: (definition) => assertKnown(bodies, definition),
      patience: lease,
      startChild: async ({ definition, id, input, parent }) => {
        const child = newSaga(engine, definition, storedId(id), input, parent);
        if (!(await ambient.insert(child))) await assertChild(ambient, child);
        ambient.db.commit(() => driver.poke());
      },
    },
    onEnd: (state, error) => waiting.settle(state, error),
  });
  return { ...engine, driver };
}

function assertKnown(bodies: ReadonlyMap<string, unknown>, definition: SagaDefinition<never>): void {
  if (bodies.has(storedName(definition))) return;
  throw new InvalidOptionError({
    what: `A saga asked for "${definition.name}" as its child, which createSagas was not given in this version`,
    remedy: 'Give its definition to createSagas too, or as "earlier" of a newer one',
  });
}

const reserved: ReadonlySet<string> = new Set(['start', 'stop', 'signal']);

function checkDefinition(name: string, definition: unknown): void {
  refuseUncalled('createSagas', name, definition);
  if (reserved.has(name)) {
    throw new InvalidOptionError({
      what: `createSagas got a saga under the name "${name}", which is its own`,
      remedy: 'Give it another name there; that of its definition may stay',
    });
  }
  checkedArgument('createSagas', name, definition, aDefinition);
}

function refuseTwice(names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new InvalidOptionError({
    what: `createSagas got two definitions with the name "${twice}"`,
    remedy: 'Give each a name of its own; of versions of one, give the last, with the others as its "earlier"',
  });
}
