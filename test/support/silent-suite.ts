import { channel } from 'node:diagnostics_channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterCommit, afterRollback, channelNames, type Database, withContext } from '../../src/index.ts';
import type { Engine, TestServer } from './engines/engine.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { rejection, signal, until } from './settled.ts';

type TestDatabase = Database<'default'>;

export interface SilentSuite {
  readonly engine: Engine;
  readonly open: (url: string, max: number) => TestDatabase;
  /** Takes a connection of the pool for libraries, runs the two statements on it with `between` between them, and gives it back. */
  readonly pinned: (
    database: TestDatabase,
    first: string,
    between: () => Promise<void>,
    second: string,
  ) => Promise<unknown>;
}

/** What a call does with the server, which answers no more once `falls` is reached. */
interface Stage {
  readonly name: string;
  /** The code of the error; none: the body's own one. */
  readonly code: string;
  /** What the call has stopped to wait for goes on by itself. */
  readonly goesOn?: boolean;
  /** No connection is open when the server falls silent. */
  readonly isCold?: boolean;
  run(call: Call): Promise<unknown>;
}

interface Call {
  readonly database: TestDatabase;
  readonly id: number;
  /** Resolves when all calls have come so far and the server has fallen silent. */
  readonly silence: () => Promise<void>;
  readonly timeout: number;
}

/** How many calls run at once. */
const callers = 50;
const timeout = 500;
/** What a call may wait beyond its timeout, all in all. */
const slack = 200;
/** The machine may be busy with something else just then. */
const tries = 4;

const write = (database: TestDatabase, id: number, last = false): Promise<unknown> =>
  database.current.query('insert into product (id) values ($1)', [id], { last });

class OrderRefused extends Error {
  readonly code = 'ORDER_REFUSED';
}

const stages: readonly Stage[] = [
  {
    name: 'connect',
    code: 'TRANSACTION_TIMEOUT',
    isCold: true,
    run: async ({ database, id, silence }) => {
      await silence();
      return await database.transaction(() => write(database, id), { timeout });
    },
  },
  {
    name: 'BEGIN',
    code: 'TRANSACTION_TIMEOUT',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await silence();
          await write(database, id);
        },
        { timeout },
      ),
  },
  {
    name: 'a statement',
    code: 'TRANSACTION_TIMEOUT',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          await silence();
          await write(database, id + 1);
        },
        { timeout },
      ),
  },
  {
    name: 'a statement, ended by a signal',
    code: 'TimeoutError',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          await silence();
          await write(database, id + 1);
        },
        { signal: AbortSignal.timeout(timeout) },
      ),
  },
  {
    name: 'a statement, ended by the deadline of the chain',
    code: 'DEADLINE_EXCEEDED',
    run: ({ database, id, silence }) =>
      withContext({ timeout }, () =>
        database.transaction(async () => {
          await write(database, id);
          await silence();
          await write(database, id + 1);
        }),
      ),
  },
  {
    name: 'the end of a savepoint',
    code: 'TRANSACTION_TIMEOUT',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          const nested = database.transaction(
            async () => {
              await write(database, id + 1);
              await silence();
              throw new OrderRefused('refused');
            },
            { propagation: 'NESTED' },
          );
          await nested.catch(() => {});
        },
        { timeout },
      ),
  },
  {
    name: 'COMMIT',
    code: 'COMMIT_UNKNOWN',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          await silence();
        },
        { timeout },
      ),
  },
  {
    name: 'COMMIT with the last statement',
    code: 'COMMIT_UNKNOWN',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          await silence();
          await write(database, id + 1, true);
        },
        { timeout },
      ),
  },
  {
    name: 'ROLLBACK',
    code: 'ORDER_REFUSED',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          await write(database, id);
          await silence();
          throw new OrderRefused('refused');
        },
        { timeout },
      ),
  },
  {
    name: 'a statement of a commit hook',
    code: 'AFTER_COMMIT',
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          afterCommit(async () => {
            await silence();
            await write(database, id + 1);
          });
          await write(database, id);
        },
        { timeout },
      ),
  },
  {
    name: 'a statement of a compensation',
    code: 'ORDER_REFUSED',
    goesOn: true,
    run: ({ database, id, silence }) =>
      database.transaction(
        async () => {
          afterRollback(async () => {
            await silence();
            await write(database, id + 1);
          });
          await write(database, id);
          throw new OrderRefused('refused');
        },
        { timeout },
      ),
  },
  {
    name: 'a statement outside of a transaction',
    code: 'DEADLINE_EXCEEDED',
    run: ({ database, id, silence }) =>
      withContext({ timeout }, async () => {
        await silence();
        await write(database, id);
      }),
  },
];

/** A server that answers no more, at each stage of a call: the call ends in time, and its connection is cut. */
export function silentSuite({ engine, open, pinned }: SilentSuite): void {
  const server: TestServer = engine.server();
  let lastId = 0;
  const ends: Promise<void>[] = [];
  const noted: unknown[] = [];
  const note = (event: unknown): void => void noted.push(event);
  beforeAll(async () => {
    // What hooks throw is not to be a warning.
    channel(channelNames.hookError).subscribe(note);
    await server.start();
  });
  afterAll(async () => {
    channel(channelNames.hookError).unsubscribe(note);
    await server.drop();
  });

  const all: readonly Stage[] = [
    ...stages,
    {
      name: "a statement on a library's own connection",
      code: 'DEADLINE_EXCEEDED',
      run: ({ database, silence }) => withContext({ timeout }, () => pinned(database, 'select 1', silence, 'select 2')),
    },
  ];

  /**
   * @returns how long each call has waited, once all are over and nothing is left of them. How long this process, or the machine,
   * was busy says nothing about calls: of that time the event loop has none in which it is idle.
   */
  async function once(stage: Stage): Promise<readonly number[]> {
    const proxy = await startFaultProxy(server.url);
    const database = open(proxy.url, callers);
    if (stage.isCold !== true) await openAll(database);
    const silence = silenceOnceAllHaveCome(proxy);
    const times = await Promise.all(
      Array.from({ length: callers }, async () => {
        lastId += 2;
        const began = performance.eventLoopUtilization();
        const error = await rejection(stage.run({ database, id: lastId, silence, timeout }));
        const { idle } = performance.eventLoopUtilization(began);
        expect([error['code'], error.name], String(error)).toContain(stage.code);
        return idle;
      }),
    );
    // Requests to cancel go to a server that does not answer, either, and are given up after a while.
    ends.push(endOf(stage, database, proxy));
    return times;
  }

  describe(`a server that falls silent (${engine.name})`, () => {
    it.each(all)(
      'at $name: the call ends within its timeout, and its connection is cut',
      { timeout: 120_000 },
      async (stage) => {
        let slowest = Number.POSITIVE_INFINITY;
        for (let attempt = 0; attempt < tries && slowest > timeout + slack; attempt += 1) {
          slowest = Math.min(slowest, Math.max(...(await once(stage))));
        }
        expect(slowest).toBeLessThanOrEqual(timeout + slack);
      },
    );

    it("close() cuts a library's own connection after its timeout, and tells its caller", async () => {
      const proxy = await startFaultProxy(server.url);
      const database = open(proxy.url, 1);
      let error: unknown;
      const fall = async (): Promise<void> => proxy.set('down', { type: 'swallow', after: 0 });
      const call = pinned(database, 'select 1', fall, 'select 2').catch((thrown: unknown) => (error = thrown));
      await until('the answer is missing', () => proxy.hasStruck('down'));
      const began = performance.now();
      await database.close({ timeout: 20 });
      // Compensations alone have five seconds.
      expect(performance.now() - began).toBeLessThan(4_000);
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', cause: { code: 'DATABASE_CLOSED' } });
      await call;
      await proxy.close();
    });

    it('leaves no connection behind', { timeout: 60_000 }, async () => {
      await Promise.all(ends);
    });
  });
}

async function endOf({ goesOn }: Stage, database: TestDatabase, proxy: FaultProxy): Promise<void> {
  if (goesOn !== true) await until('nothing is in use', () => database.stats().clients.default.used === 0);
  await database.close({ timeout: goesOn === true ? 0 : 5_000 });
  await until('no connection is left', () => proxy.connections() === 0);
  await proxy.close();
}

/** Opens as many connections as there are callers. */
async function openAll(database: TestDatabase): Promise<void> {
  const opened = signal();
  let count = 0;
  const hold = (): Promise<unknown> =>
    database.transaction(async () => {
      await database.current.query('select 1');
      count += 1;
      if (count === callers) opened.fire();
      await opened.promise;
    });
  await Promise.all(Array.from({ length: callers }, hold));
}

/** Falls silent when all callers have come, or those who have waited for the others long enough. */
function silenceOnceAllHaveCome(proxy: FaultProxy): () => Promise<void> {
  const silent = signal();
  let count = 0;
  const fall = (): void => {
    for (const direction of ['up', 'down'] as const) proxy.set(direction, { type: 'swallow', after: 0 });
    silent.fire();
  };
  return async () => {
    count += 1;
    if (count === 1) setTimeout(fall, timeout / 2);
    if (count === callers) fall();
    await silent.promise;
  };
}
