import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it, it as always } from 'vitest';
import type { Database } from '../../../src/index.ts';
import { engine, type TestDatabase, useTestDatabase } from '../../support/database.ts';
import { type Topic, topics } from './topics.ts';

/** A library as its users have it, and the server beside it. */
export interface World<Client> {
  readonly client: Client;
  readonly server: TestDatabase;
  /** Opens another client of the same kind, which is closed with the first. */
  readonly another: () => Promise<Client>;
}

/** Something that users do with a library. */
export interface Usage<Client> {
  readonly topic: Topic;
  readonly name: string;
  /**
   * Does it, and returns what its user sees of it: results, shapes of errors, rows. Begins with an empty `product`, and
   * leaves rows in it, so that what escapes an ambient transaction is found.
   */
  run(world: World<Client>): Promise<unknown>;
  /** What is different on purpose in an ambient transaction. */
  readonly inside?: Difference;
  /** What is different on purpose over Sluice where no transaction is ambient. */
  readonly outside?: Difference;
  /** Why there is nothing of it on the engine of this run. */
  readonly lacking?: string | undefined;
  /** The library by itself comes to no end: it waits for itself, or is refused. What is seen here is in both differences. */
  readonly endless?: boolean;
  /** What is independent of the ambient transaction, and stays when that is rolled back. */
  readonly keeps?: readonly Row[];
  /** Default `error`: no transaction of a bound handle is taken for one of an unbound handle. */
  readonly unbound?: 'allow';
}

export interface Difference {
  /** The row of the table on the library's page: what it says under "What". */
  readonly on: string;
  readonly why: string;
  /** What its user sees then; an error that it rejects with is given by its `code`. */
  readonly sees: unknown;
  /** What is in `product` afterwards, where that is different too. */
  readonly rows?: readonly Row[];
}

export interface Row {
  readonly id: number;
  readonly stock: number;
}

export interface Openings<Client> {
  /** On a pool of its own, as without Sluice: it says what is right. */
  alone(url: string): Client | Promise<Client>;
  /** Bound to the database, as the docs say. */
  bound(database: Database<'default'>): Client | Promise<Client>;
  close(client: Client): Promise<unknown>;
}

interface Seen {
  readonly sees: unknown;
  readonly rows: readonly Row[];
}

class Undo extends Error {}

/** What writes beside the ambient transaction of the suite has to get through, where there is one writer. */
const whileOthersWrite = engine.lacks['several writers'] === undefined ? {} : { readOnly: true };

/**
 * Has a library used as its users use it: on a pool of its own, which says what is right; bound, by itself and inside of
 * an ambient transaction that commits or is rolled back; and unbound, which must be found out.
 * @param without why there is nothing of a topic
 */
export function usageSuite<Client>(
  name: string,
  openings: Openings<Client>,
  usages: readonly Usage<Client>[],
  without: Partial<Record<Topic, string>> = {},
  ...schema: string[]
): void {
  const server = useTestDatabase(...schema);
  const opened: Client[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((client) => openings.close(client)));
  });

  async function open(make: () => Client | Promise<Client>): Promise<World<Client>> {
    const another = async (): Promise<Client> => {
      const client = await make();
      opened.push(client);
      return client;
    };
    return { client: await another(), server, another };
  }
  const alone = (): Promise<World<Client>> => open(() => openings.alone(server.url));
  const boundTo = (database: Database<'default'>): Promise<World<Client>> => open(() => openings.bound(database));
  const rows = (): Promise<Row[]> => server.sql<Row>('select id, stock from product order by id');

  async function seen(run: () => Promise<unknown>): Promise<Seen> {
    const sees = await run();
    if (sees === undefined) throw new Error('a usage returns what its user sees');
    return { sees, rows: await rows() };
  }

  /** Nothing that it could wait for takes longer: the library has one connection, which answers at once. */
  async function endless(running: Promise<unknown>): Promise<Seen> {
    let sees: unknown = 'it waits for itself';
    running.then(
      () => (sees = undefined),
      (error: unknown) => (sees = (error as Error).message),
    );
    for (let turn = 0; turn < 1_000; turn++) await new Promise(setImmediate);
    if (sees === undefined) throw new Error('it has ended: it is not endless');
    return { sees, rows: [] };
  }

  /** What is right, from the library on a pool of its own. */
  async function right(usage: Usage<Client>, difference: Difference | undefined): Promise<Seen> {
    const world = await alone();
    const control = usage.endless === true ? await endless(usage.run(world)) : await seen(() => usage.run(world));
    await Promise.all(opened.splice(0).map((client) => openings.close(client)));
    await server.sql('delete from product');
    if (difference === undefined) return control;
    const expected = { sees: difference.sees, rows: difference.rows ?? control.rows };
    // A difference that has gone is none to be told of.
    expect(expected).not.toEqual(control);
    return expected;
  }

  it(`uses ${name} for every topic`, () => {
    const missing = topics.filter(
      (topic) => without[topic] === undefined && usages.every((one) => one.topic !== topic),
    );
    expect(missing).toEqual([]);
    expect(Object.keys(without).filter((topic) => usages.some((one) => one.topic === topic))).toEqual([]);
  });

  for (const topic of topics) {
    const ofTopic = usages.filter((usage) => usage.topic === topic);
    if (ofTopic.length === 0) continue;
    describe(`${name}, ${topic}`, () => {
      describe.each(ofTopic.map((usage) => [nameOf(usage), usage] as const))('%s', (_, usage) => {
        const it = usage.lacking === undefined ? always : always.skip;

        it('by itself', async () => {
          const expected = await right(usage, usage.outside);
          const database = server.open({ max: 4 }, { unbound: usage.unbound ?? 'error' });
          const world = await boundTo(database);
          expect(await seen(() => usage.run(world))).toEqual(expected);
          expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
        });

        it('in an ambient transaction', async () => {
          const expected = await right(usage, usage.inside);
          const database = server.open({ max: 4 }, { unbound: usage.unbound ?? 'error' });
          const world = await boundTo(database);
          const committed = await seen(() => database.transaction(() => usage.run(world)));
          expect(committed).toEqual(expected);
          await server.sql('delete from product');
          let sees: unknown;
          const undone = database.transaction(async () => {
            sees = await usage.run(world);
            throw new Undo();
          });
          await expect(undone).rejects.toBeInstanceOf(Undo);
          expect({ sees, rows: await rows() }).toEqual({ sees: expected.sees, rows: usage.keeps ?? [] });
          expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
        });
      });
    });
  }

  describe(`${name} on a pool of its own, which the suite has to find out`, () => {
    const ending = usages.filter(({ lacking, endless }) => lacking === undefined && endless !== true);
    it.each(ending.map((usage) => [`${usage.topic}: ${usage.name}`, usage] as const))('%s', async (_, usage) => {
      const control = await right(usage, undefined);
      expect(control.rows).not.toEqual([]);
      const database = server.open({ max: 4 });
      const world = await alone();
      const undone = database.transaction(async () => {
        await database.current.query('select 1');
        await usage.run(world);
        throw new Undo();
      }, whileOthersWrite);
      await expect(undone).rejects.toBeInstanceOf(Undo);
      // What it wrote has escaped.
      expect(await rows()).toEqual(control.rows);
    });
  });
}

function nameOf({ name, lacking }: { readonly name: string; readonly lacking?: string | undefined }): string {
  return lacking === undefined ? name : `${name} (not on ${engine.name}: ${lacking})`;
}

/** What a user sees of an error: its class, its code and where libraries keep the server's own error. */
export async function failureOf(promise: Promise<unknown>): Promise<object> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error('expected an error');
  if (error.name === 'AssertionError') throw error;
  const { name, code, errno, sqlState } = error as Error & Record<string, unknown>;
  return { name, class: error.constructor.name, code, errno, sqlState };
}

const beforeAnything = AsyncLocalStorage.snapshot();

/** Runs work as a queue or a loader does that lives longer than what is given to it: in an async context of its own. */
export function queueHere(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  return (work) => beforeAnything(work);
}
