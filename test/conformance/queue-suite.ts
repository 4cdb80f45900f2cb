import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { ConnectionLostError, currentContext, type Database, SluiceError, withContext } from '../../src/index.ts';
import {
  createJobs,
  defineQueue,
  type EngineJob,
  type Job,
  type Jobs,
  JobTimeoutError,
  type QueueDefinitions,
  type QueueEngine,
  type QueueEngineFactory,
  RemoteError,
  UnrecoverableError,
} from '../../src/queue/index.ts';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { engine as databaseEngine, itWith, useTestDatabase } from '../support/database.ts';
import { oddErrors } from '../support/odd-errors.ts';
import { rejection, signal, until } from '../support/settled.ts';

export interface QueueSuiteOptions {
  /** Makes engines that share their jobs; `scope` is new for each test. */
  readonly engine: (server: { readonly url: string }, scope: string) => QueueEngineFactory;
}

const requiresNew = { propagation: 'REQUIRES_NEW' } as const;

/** Everything that is promised of jobs, on one engine. */
export function queueSuite(name: string, { engine }: QueueSuiteOptions): void {
  const server = useTestDatabase(
    `create table effect (id ${databaseEngine.sql.generatedId}, note text not null)`,
    'create table tally (id int primary key, count int not null)',
  );
  const opened: Jobs[] = [];
  let factory: QueueEngineFactory;
  let database: Database<'default'>;
  let raw: QueueEngine;
  let tests = 0;

  beforeEach(async () => {
    tests += 1;
    factory = engine(server, `${Date.now()}-${tests}`);
    database = server.open({ max: 1 });
    await createOutboxTables(database.current);
    for (const table of ['effect', 'tally', 'sluice_outbox', 'sluice_inbox']) await server.sql(`delete from ${table}`);
  });
  // Before the databases are closed, which the test database does in a hook that was registered earlier.
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((jobs) => jobs.close({ timeout: 500 })));
  });

  /** A process of its own, as far as that goes in one: its own pool, queues and workers. */
  function open<const Definitions extends QueueDefinitions>(
    queues: Definitions,
    on: Database = database,
  ): Jobs<Definitions> {
    const jobs = createJobs(on, {
      queues,
      engine: (host) => (raw = factory(host)),
    });
    opened.push(jobs);
    return jobs;
  }

  const notes = async (): Promise<string[]> =>
    (await server.sql<{ note: string }>('select note from effect order by id')).map(({ note }) => note);
  const note = (text: string, on: Database<'default'> = database): Promise<unknown> =>
    on.current.query('insert into effect (note) values ($1)', [text]);

  describe(`a queue on ${name}`, () => {
    it('repeats the transactions of handlers as their options say', { timeout: 60_000 }, async () => {
      const count = 12;
      const pooled = server.open({ max: count });
      await server.sql('insert into tally (id, count) values (1, 0)');
      const tally = defineQueue<null, number>('tally', { concurrency: count });
      const jobs = open({ tally }, pooled);
      jobs.worker().handle(
        tally,
        async () => {
          const { rows } = await pooled.current.query<{ count: number }>('select count from tally where id = 1');
          const next = (rows[0]?.count ?? 0) + 1;
          // As a library does that tells of the server's error in words of its own.
          await pooled.current.query('update tally set count = $1 where id = 1', [next]).catch(() => {
            throw new Error('could not count');
          });
          return next;
        },
        { transaction: { isolationLevel: 'SERIALIZABLE', retry: { attempts: 60, delay: 4 } } },
      );
      const handles = await Promise.all(Array.from({ length: count }, () => jobs.queues.tally.push(null)));
      const results = await Promise.all(handles.map((handle) => handle.result({ timeout: 50_000 })));
      expect(results.toSorted((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    });

    it('runs what was pushed, and gives its typed result', async () => {
      const add = defineQueue<{ a: number; b: number }, number>('add');
      const jobs = open({ add });
      jobs.worker().handle(add, ({ a, b }) => a + b);
      const handle = await jobs.queues.add.push({ a: 1, b: 2 });
      expectTypeOf(await handle.result()).toEqualTypeOf<number>();
      expect(await handle.result()).toBe(3);
      expect(await handle.status()).toBe('completed');
      expect(await jobs.queues.add.pushAsync({ a: 2, b: 3 })).toBe(5);
    });

    it.each([1, 7, 20])('is left to others once the database of a worker is closed, after %i', async (count) => {
      const once = defineQueue<string, string>('once', { attempts: 1, concurrency: 3 });
      const closing = server.open();
      let began = 0;
      const enough = Promise.withResolvers<void>();
      const worker = open({ once }, closing)
        .worker()
        .handle(once, async (text) => {
          if ((began += 1) === count) enough.resolve();
          await note(text, closing);
          return text;
        });
      await worker.ready();
      const jobs = open({ once });
      const texts = Array.from({ length: 30 }, (_, at) => `job ${at}`);
      const pushed = Promise.all(texts.map((text) => jobs.queues.once.push(text)));
      await enough.promise;
      const closed = closing.close();
      jobs.worker().handle(once, async (text) => {
        await note(text);
        return text;
      });
      const results = await Promise.all((await pushed).map((handle) => handle.result()));
      await closed;
      expect(results).toEqual(texts);
      expect((await notes()).toSorted()).toEqual(texts.toSorted());
    });

    it('request is pushAsync by another name: one level deeper, with the same options and errors', async () => {
      const add = defineQueue<{ a: number; b: number }, number>('add');
      const jobs = open({ add });
      const levels: number[] = [];
      jobs.worker().handle(add, ({ a, b }) => {
        levels.push(database.current.level);
        if (a < 0) throw new RangeError('negative');
        return a + b;
      });
      const { add: queue } = jobs.queues;
      expectTypeOf<(typeof queue)['request']>().toEqualTypeOf<(typeof queue)['pushAsync']>();
      expect(await queue.request({ a: 1, b: 2 })).toBe(3);
      expect(await database.transaction(() => queue.request({ a: 1, b: 2 }))).toBe(3);
      expect(await database.transaction(() => queue.request({ a: 1, b: 2 }, { dbInfo: { level: 2 } }))).toBe(3);
      expect(levels).toEqual([1, 1, 2]);
      expect(await rejection(queue.request({ a: -1, b: 2 }))).toMatchObject({
        name: 'RangeError',
        queue: 'add',
        message: 'negative',
      });
      const refused = await rejection(queue.request({ a: 1, b: 2 }, { when: 'now' } as never));
      expect(refused).toMatchObject({ code: 'INVALID_OPTION' });
      expect(refused.message).toContain('request to queue "add" has no option "when"');
    });

    it('carries data and results as JSON, undefined too', async () => {
      const echo = defineQueue('echo');
      const jobs = open({ echo });
      jobs.worker().handle(echo, (data) => data);
      const date = new Date(0);
      const values: [unknown, unknown][] = [
        [undefined, undefined],
        [null, null],
        [{ at: date, skipped: undefined }, { at: date.toISOString() }],
        [
          [1, 'zwei', { drei: "it's" }],
          [1, 'zwei', { drei: "it's" }],
        ],
        ['', ''],
        // What PostgreSQL cannot hold as it is: NUL, half of a character.
        ['a\0b', 'a\0b'],
        [{ '\ud800': ['\udc00', '\\u0000'] }, { '\ud800': ['\udc00', '\\u0000'] }],
        [{ sluicePacked: '1' }, { sluicePacked: '1' }],
      ];
      for (const [sent, got] of values) expect(await jobs.queues.echo.pushAsync(sent)).toEqual(got);
    });

    it('brings a handler error to the waiter, with name, message, code and remote stack', async () => {
      class SoldOutError extends Error {
        override readonly name = 'SoldOutError';
        readonly code = 'SOLD_OUT';
      }
      const sell = defineQueue<number, void>('sell');
      const jobs = open({ sell });
      jobs.worker().handle(sell, (id) => {
        throw new SoldOutError(`product ${id} is sold out`);
      });
      const error = await rejection(jobs.queues.sell.pushAsync(7));
      expect(error).toBeInstanceOf(RemoteError);
      expect(error).toMatchObject({
        name: 'SoldOutError',
        message: 'product 7 is sold out',
        code: 'SOLD_OUT',
        queue: 'sell',
      });
      expect(error['remoteStack']).toContain('queue-suite');
    });

    it.each<[string, (error: unknown) => unknown]>([
      ['as it is', (error) => error],
      ['as the cause of an error of a library', (error) => new Error('QueryFailedError', { cause: error })],
    ])('brings an error of Sluice, which SluiceError.find finds: %s', async (_, wrap) => {
      const sell = defineQueue<null, void>('sell');
      const jobs = open({ sell });
      jobs.worker().handle(sell, () => {
        const at = { clientName: 'default', level: 3 };
        const thrown = new ConnectionLostError({ what: 'It was lost', remedy: 'Repeat it', retryable: true, at });
        throw wrap(thrown);
      });
      const error = await rejection(jobs.queues.sell.pushAsync(null));
      expect(error).toBeInstanceOf(RemoteError);
      expect(SluiceError.find(error)).toMatchObject({
        name: 'ConnectionLostError',
        message: 'It was lost. Repeat it.',
        code: 'CONNECTION_LOST',
        remedy: 'Repeat it',
        retryable: true,
        docs: 'docs/errors.md#connection_lost',
        clientName: 'default',
        level: 3,
      });
    });

    it('brings an error whose text not every server can hold', async () => {
      const sell = defineQueue<null, void>('sell');
      const jobs = open({ sell });
      jobs.worker().handle(sell, () => {
        // Half of the last character is beyond what travels of a text.
        throw new Error(`no\0 \ud800 ${'x'.repeat(7_994)}\u{1F600}`);
      });
      const error = await rejection(jobs.queues.sell.pushAsync(null));
      expect(error).toBeInstanceOf(RemoteError);
      expect(error.message).toMatch(/^no\u{FFFD} \u{FFFD} x/u);
    });

    it.each([['in its transaction', {}] as const, ['without a transaction', { transaction: false }] as const])(
      'fails the job with whatever a handler throws, and goes on: %s',
      { timeout: 60_000 },
      async (_where, options) => {
        const sell = defineQueue<number, number>('sell', { attempts: 2, backoff: 1, timeout: 50_000 });
        const jobs = open({ sell });
        jobs.worker().handle(
          sell,
          async (at) => {
            const odd = oddErrors[at];
            if (odd === undefined) return at;
            await note(odd[0]);
            throw odd[1]();
          },
          options,
        );
        for (const at of oddErrors.keys()) {
          const error = await rejection(jobs.queues.sell.pushAsync(at));
          expect(error).toBeInstanceOf(RemoteError);
          expect([error.name, error.message].every((text) => typeof text === 'string')).toBe(true);
          expect(error['code']).toBeUndefined();
        }
        expect(await jobs.queues.sell.pushAsync(99)).toBe(99);
        expect(await notes()).toHaveLength('transaction' in options ? oddErrors.length * 2 : 0);
      },
    );

    it('tells progress', async () => {
      const load = defineQueue<null, string>('load');
      const jobs = open({ load });
      const [seen, end] = [signal(), signal()];
      jobs.worker().handle(load, async (_data, job) => {
        await job.progress({ percent: 50 });
        await end.promise;
        return 'done';
      });
      const handle = await jobs.queues.load.push(null);
      const told: unknown[] = [];
      const result = handle.result({
        onProgress: (value) => {
          told.push(value);
          seen.fire();
        },
      });
      await seen.promise;
      expect(await handle.progress()).toEqual({ percent: 50 });
      expect(await handle.status()).toBe('active');
      end.fire();
      expect(await result).toBe('done');
      expect(told).toEqual([{ percent: 50 }]);
    });

    it('runs the lower priority number first, 0 before all, and equals in their order', async () => {
      const print = defineQueue<string, void>('print');
      const jobs = open({ print });
      const printed: string[] = [];
      const { print: queue } = jobs.queues;
      await queue.push('late', { priority: 10 });
      await queue.push('soon 1', { priority: 1 });
      await queue.push('first 1');
      await queue.push('soon 2', { priority: 1 });
      await queue.push('first 2');
      jobs.worker().handle(print, (text) => void printed.push(text));
      await until('all are printed', () => printed.length === 5);
      expect(printed).toEqual(['first 1', 'first 2', 'soon 1', 'soon 2', 'late']);
    });

    it('holds a delayed job back', async () => {
      const remind = defineQueue<string, number>('remind');
      const jobs = open({ remind });
      jobs.worker().handle(remind, () => Date.now());
      const start = Date.now();
      const ranAt = await jobs.queues.remind.pushAsync('x', { delay: 1_200 });
      expect(ranAt - start).toBeGreaterThanOrEqual(1_000);
    });

    it('runs a failed job again, as often as it may fail, and no UnrecoverableError', async () => {
      const flaky = defineQueue<string, number>('flaky', { attempts: 3, backoff: { type: 'fixed', delay: 10 } });
      const jobs = open({ flaky });
      const runs: string[] = [];
      jobs.worker().handle(flaky, async (data, { attempt, attempts }) => {
        runs.push(`${data} ${attempt}/${attempts}`);
        await note(data);
        if (data === 'hopeless') throw new UnrecoverableError('never');
        if (data === 'bad' || attempt < 3) throw new Error(`no ${attempt}`);
        return attempt;
      });
      expect(await jobs.queues.flaky.pushAsync('good')).toBe(3);
      expect(await rejection(jobs.queues.flaky.pushAsync('bad'))).toMatchObject({ message: 'no 3' });
      expect(await rejection(jobs.queues.flaky.pushAsync('hopeless'))).toMatchObject({ code: 'UNRECOVERABLE' });
      expect(runs).toEqual(['good 1/3', 'good 2/3', 'good 3/3', 'bad 1/3', 'bad 2/3', 'bad 3/3', 'hopeless 1/3']);
      // What failed attempts wrote was rolled back with them.
      expect(await notes()).toEqual(['good']);
    });

    it('tells those who look a job up how it ended, and not how an earlier attempt did', async () => {
      const flaky = defineQueue<string, string>('flaky', { attempts: 2, backoff: { type: 'fixed', delay: 10 } });
      const jobs = open({ flaky });
      jobs.worker().handle(flaky, (text, { attempt }) => {
        if (attempt === 1) throw new Error('only the first time');
        return text;
      });
      const handle = await jobs.queues.flaky.push('in the end');
      await until('it has ended', async () => (await raw.look([handle])).get(handle.id)?.outcome !== undefined);
      expect((await raw.look([handle])).get(handle.id)).toMatchObject({
        status: 'completed',
        outcome: { type: 'completed', value: 'in the end' },
      });
      expect(await handle.status()).toBe('completed');
      expect(await handle.result()).toBe('in the end');
    });

    it('says of a job that waits for its next attempt that it waits', async () => {
      const flaky = defineQueue<null, void>('flaky', { attempts: 2, backoff: { type: 'fixed', delay: 600_000 } });
      const jobs = open({ flaky });
      let runs = 0;
      jobs.worker().handle(flaky, () => {
        runs += 1;
        throw new Error('not yet');
      });
      const handle = await jobs.queues.flaky.push(null);
      await until('it has run', () => runs === 1);
      await until('it waits', async () => (await handle.status()) === 'waiting');
      expect(await rejection(handle.result({ timeout: 100 }))).toMatchObject({ lastState: 'waiting' });
    });

    it('runs as many at once as its concurrency says, in each lane', async () => {
      const work = defineQueue<number, void>('work', { concurrency: 3 });
      const jobs = open({ work });
      let running = 0;
      let most = 0;
      const end = signal();
      jobs.worker().handle(work, async () => {
        running += 1;
        most = Math.max(most, running);
        await end.promise;
        running -= 1;
      });
      const handles = await Promise.all(Array.from({ length: 7 }, (_, index) => jobs.queues.work.push(index)));
      await until('three run', () => running === 3);
      end.fire();
      for (const handle of handles) await handle.result();
      expect(most).toBe(3);
    });
  });

  describe(`a job on ${name} and the transaction of its pusher`, () => {
    it('leaves with the commit, and not before', async () => {
      const mail = defineQueue<string, string>('mail');
      const jobs = open({ mail });
      const ran: string[] = [];
      jobs.worker().handle(mail, (to) => {
        ran.push(to);
        return to;
      });
      const handle = await database.transaction(async () => {
        await note('order');
        const handle = await jobs.queues.mail.push('in time');
        // Whatever is pushed later and at once overtakes it.
        await jobs.queues.mail.push('now', { when: 'now' });
        await until('the other has run', () => ran.includes('now'));
        return handle;
      });
      expect(await handle.result()).toBe('in time');
      expect(ran).toEqual(['now', 'in time']);
    });

    it('never runs after a rollback, of the transaction or of its savepoint', async () => {
      const mail = defineQueue<string, void>('mail');
      const jobs = open({ mail });
      const ran: string[] = [];
      jobs.worker().handle(mail, (to) => void ran.push(to));
      let dropped = await jobs.queues.mail.push('before');
      await rejection(
        database.transaction(async () => {
          dropped = await jobs.queues.mail.push('rolled back');
          throw new Error('no');
        }),
      );
      await database.transaction(async () => {
        await rejection(
          database.transaction(
            async () => {
              await jobs.queues.mail.push('rolled back to a savepoint');
              throw new Error('no');
            },
            { propagation: 'NESTED' },
          ),
        );
        await database.transaction(() => jobs.queues.mail.push('nested'), { propagation: 'NESTED' });
      });
      await jobs.queues.mail.pushAsync('last');
      await until('those that may have run', () => ran.length >= 3);
      expect(ran.toSorted()).toEqual(['before', 'last', 'nested']);
      expect(await rejection(dropped.result())).toMatchObject({ code: 'JOB_DROPPED' });
    });

    it('cannot be awaited inside of it, and says so at once', async () => {
      const mail = defineQueue<string, void>('mail');
      const jobs = open({ mail });
      jobs.worker().handle(mail, () => {});
      const outside = await jobs.queues.mail.push('outside');
      await database.transaction(async () => {
        await database.current.query('select 1');
        const handle = await jobs.queues.mail.push('inside');
        expect(await rejection(handle.result())).toMatchObject({ code: 'WOULD_DEADLOCK' });
        // Its level is 0, and so is that of this transaction.
        expect(await rejection(outside.result())).toMatchObject({ code: 'WOULD_DEADLOCK' });
        await database.transaction(async () => {
          expect(await rejection(handle.result())).toMatchObject({ code: 'WOULD_DEADLOCK' });
        }, requiresNew);
        const now = await jobs.queues.mail.push('now', { when: 'now' });
        await now.result();
      });
    });

    itWith('raised errors')('is pushed once, however often the transaction is repeated', async () => {
      const mail = defineQueue<string, string>('mail');
      const jobs = open({ mail });
      const ran: string[] = [];
      jobs.worker().handle(mail, (to) => {
        ran.push(to);
        return to;
      });
      const ids: string[][] = [];
      const answers: string[] = [];
      await database.transaction(
        async () => {
          await database.current.query('select 1');
          const now = await jobs.queues.mail.push('now', { when: 'now' });
          const with_ = await jobs.queues.mail.push('commit');
          answers.push(await jobs.queues.mail.pushAsync('awaited'));
          ids.push([now.id, with_.id]);
          if (ids.length < 3) throw await serializationFailure(database);
        },
        { retry: { attempts: 5, delay: 1 } },
      );
      await until('all have run', () => ran.length >= 3);
      expect(ran.toSorted()).toEqual(['awaited', 'commit', 'now']);
      expect(answers).toEqual(['awaited', 'awaited', 'awaited']);
      expect(new Set(ids.map((pair) => pair.join()))).toHaveLength(1);
    });

    it('needs a transaction that may write', async () => {
      const mail = defineQueue<string, void>('mail');
      const jobs = open({ mail });
      const error = await rejection(database.transaction(() => jobs.queues.mail.push('x'), { readOnly: true }));
      expect(error).toMatchObject({ code: 'INVALID_OPTION' });
    });

    it('sees the tenant, the trace and the rest of the chain, but not its deadline and level', async () => {
      const look = defineQueue<null, object>('look');
      const jobs = open({ look });
      jobs.worker().handle(look, () => ({ ...currentContext(), db: database.current.level }));
      const ambient = { tenant: 'acme', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
      const handle = await withContext({ ...ambient, timeout: 20_000 }, () =>
        database.transaction(() => jobs.queues.look.push(null)),
      );
      expect(await handle.result()).toEqual({ level: 0, db: 0, ...ambient });
      const awaited = await withContext({ ...ambient, timeout: 20_000 }, () =>
        database.transaction(() => jobs.queues.look.pushAsync(null)),
      );
      expect(awaited).toMatchObject({ level: 1, db: 1, ...ambient });
      expect((awaited as { remaining: number }).remaining).toBeLessThanOrEqual(20_000);
    });
  });

  describe(`levels through jobs on ${name}`, () => {
    itWith('several writers')('the scenario of the pool of one ends in every form', async () => {
      const add = defineQueue<{ a: number; b: number }, number>('add');
      const worker = server.open({ max: 1 });
      const jobs = open({ add });
      const levels: number[] = [];
      open({ add }, worker)
        .worker()
        .handle(add, async ({ a, b }) => {
          levels.push(worker.current.level);
          await worker.current.query('update product set stock = stock + $1 where id = 2', [a + b]);
          return a + b;
        });
      await server.sql('insert into product (id) values (1), (2)');
      const { current, transaction } = database;
      const touch = (): Promise<unknown> => current.query('update product set stock = stock + 1 where id = 1');
      const data = { a: 1, b: 2 };
      // The level is passed on by itself.
      const automatic = await transaction(async () => {
        await touch();
        return await jobs.queues.add.pushAsync(data);
      });
      // A level for what runs below.
      const switched = await transaction(async () => {
        await touch();
        const { level } = database.current;
        return await database.switchDb(() => jobs.queues.add.pushAsync(data), { level: level + 1 });
      });
      const isolated = await transaction(async () => {
        await touch();
        return await database.switchDbIsolate(() => jobs.queues.add.pushAsync(data));
      });
      // A level for the job, taken as it is.
      const explicit = await transaction(async () => {
        await touch();
        return await jobs.queues.add.pushAsync(data, { dbInfo: { level: database.current.level + 1 } });
      });
      expect([automatic, switched, isolated, explicit]).toEqual([3, 3, 3, 3]);
      expect(levels).toEqual([1, 2, 2, 1]);
      expect(await server.sql('select id, stock from product order by id')).toEqual([
        { id: 1, stock: 4 },
        { id: 2, stock: 12 },
      ]);
    });

    itWith('several writers')(
      'a job that awaits a job of its own queue ends: concurrency 1, depth 3, 20 roots',
      { timeout: 60_000 },
      async () => {
        const nest = defineQueue<{ root: number; depth: number }, number>('nest', { timeout: 25_000 });
        const jobs = open({ nest });
        const seen = new Set<number>();
        jobs.worker().handle(nest, async ({ root, depth }) => {
          seen.add(database.current.level);
          await note(`${root}.${depth}`);
          return depth === 3 ? 1 : 1 + (await jobs.queues.nest.pushAsync({ root, depth: depth + 1 }));
        });
        const roots = Array.from({ length: 20 }, (_, root) => jobs.queues.nest.pushAsync({ root, depth: 1 }));
        expect(await Promise.all(roots)).toEqual(roots.map(() => 3));
        expect(seen).toEqual(new Set([1, 2, 3]));
        expect(await notes()).toHaveLength(60);
        expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      },
    );

    it('1,000 jobs that each push the next stay at level 0 and within the budget', { timeout: 90_000 }, async () => {
      const next = defineQueue<number, void>('next', { concurrency: 4 });
      const jobs = open({ next });
      const levels = new Set<number>();
      let most = 0;
      let ran = 0;
      jobs.worker().handle(next, async (left) => {
        levels.add(database.current.level);
        await database.current.query('select 1');
        most = Math.max(most, database.stats().clients.default.used);
        if (left > 0) await jobs.queues.next.push(left - 1);
        ran += 1;
      });
      // Four lines of 250.
      for (let line = 0; line < 4; line += 1) await jobs.queues.next.push(249);
      await until('all have run', () => ran === 1_000, 80_000);
      expect([...levels]).toEqual([0]);
      expect(most).toBeLessThanOrEqual(database.stats().clients.default.budget);
    });

    itWith('several writers')('refuses a job deeper than maxLevel before anything is sent', async () => {
      const add = defineQueue<number, number>('add');
      const shallow = server.open({ max: 1, maxLevel: 1 });
      const jobs = open({ add }, shallow);
      jobs.worker().handle(add, (value) => value);
      const deep = shallow.transaction(async () => {
        await shallow.current.query('select 1');
        return await shallow.transaction(async () => {
          await shallow.current.query('select 1');
          return await jobs.queues.add.pushAsync(1);
        }, requiresNew);
      });
      expect(await rejection(deep)).toMatchObject({ code: 'LEVEL_LIMIT' });
      expect(await rejection(jobs.queues.add.push(1, { dbInfo: { level: 2 } }))).toMatchObject({ code: 'LEVEL_LIMIT' });
    });

    it('names the row lock that a job and its waiter want both', async () => {
      const touch = 'update product set stock = stock + 1 where id = 1';
      const clash = defineQueue<null, void>('clash', { attempts: 3, backoff: 1 });
      const worker = server.open({ max: 1 });
      const jobs = open({ clash });
      let runs = 0;
      open({ clash }, worker)
        .worker()
        .handle(clash, async () => {
          runs += 1;
          await worker.current.query(touch);
        });
      await server.sql('insert into product (id) values (1)');
      const error = await rejection(
        database.transaction(
          async () => {
            await database.current.query(touch);
            await jobs.queues.clash.pushAsync(null);
          },
          { name: 'checkout' },
        ),
      );
      expect(error).toMatchObject({ name: 'ChainDeadlockError', code: 'CHAIN_DEADLOCK' });
      expect(error.message).toContain('"checkout"');
      // Another attempt could only come to the same.
      expect(runs).toBe(1);
    });
  });

  describe(`a worker on ${name}`, () => {
    it('runs jobs in nothing that was ambient where it was made', async () => {
      const look = defineQueue<null, object>('look');
      const jobs = open({ look });
      const seen = await withContext({ tenant: 'of the worker' }, () =>
        database.transaction(async () => {
          await database.current.query('select 1');
          jobs.worker().handle(look, () => ({ ...currentContext(), name: database.current.transaction.active?.name }), {
            transaction: { name: 'own' },
          });
          return await withContext({ tenant: 'of the job' }, () => jobs.queues.look.pushAsync(null));
        }),
      );
      expect(seen).toMatchObject({ level: 1, tenant: 'of the job', name: 'own' });
    });

    itWith('several writers')('runs two jobs at once without mixing their transactions', async () => {
      const write = defineQueue<string, void>('write', { concurrency: 2 });
      const wide = server.open({ max: 4 });
      const jobs = open({ write }, wide);
      const both = signal();
      let arrived = 0;
      jobs.worker().handle(write, async (text) => {
        await note(text, wide);
        arrived += 1;
        if (arrived === 2) both.fire();
        await both.promise;
        if (text === 'bad') throw new Error('rolled back alone');
      });
      const results = await Promise.allSettled([
        jobs.queues.write.pushAsync('good'),
        jobs.queues.write.pushAsync('bad'),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(await notes()).toEqual(['good']);
    });

    it('says of a job that did not answer in time whether it may still run', async () => {
      const sell = defineQueue<null, void>('sell');
      const jobs = open({ sell });
      const waiting = await rejection(jobs.queues.sell.pushAsync(null, { timeout: 1_500 }));
      expect(waiting).toMatchObject({
        code: 'JOB_TIMEOUT',
        lastState: 'waiting',
        remedy: expect.stringMatching(/^It was not running: a worker that takes it now refuses it/) as string,
      });
      const ran: string[] = [];
      const handle = await jobs.queues.sell.push(null);
      const left = await rejection(handle.result({ timeout: 1_500 }));
      expect(left).toMatchObject({
        lastState: 'waiting',
        remedy: expect.stringMatching(/^It was not running, and stays in the queue until a worker takes it/) as string,
      });
      // What is said is what happens.
      jobs.worker().handle(sell, (_, { id }) => void ran.push(id));
      await handle.result();
      expect(ran).toEqual([handle.id]);
    });

    it('takes nothing while it pauses', async () => {
      const work = defineQueue<number, number>('work');
      const jobs = open({ work });
      const worker = jobs.worker().handle(work, (value) => value);
      await jobs.queues.work.pushAsync(1);
      await worker.pause();
      const handle = await jobs.queues.work.push(2);
      expect(await rejection(handle.result({ timeout: 300 }))).toMatchObject({
        code: 'JOB_TIMEOUT',
        lastState: 'waiting',
      });
      worker.resume();
      expect(await handle.result()).toBe(2);
    });

    it('lets running jobs end when it closes, and takes no more', async () => {
      const work = defineQueue<number, number>('work');
      const jobs = open({ work });
      const [begun, end] = [signal(), signal()];
      const worker = jobs.worker().handle(work, async (value) => {
        begun.fire();
        await end.promise;
        return value;
      });
      const first = await jobs.queues.work.push(1);
      await begun.promise;
      const second = await jobs.queues.work.push(2);
      const closing = worker.close({ timeout: 20_000 });
      end.fire();
      await closing;
      expect(await first.result()).toBe(1);
      expect(await second.status()).toBe('waiting');
    });

    it('gives running jobs back when closing takes too long; their effects are rolled back', async () => {
      const work = defineQueue<string, string>('work');
      const jobs = open({ work });
      const begun = signal();
      const worker = jobs.worker().handle(work, async () => {
        await note('of the first');
        begun.fire();
        return await new Promise<string>(() => {});
      });
      const handle = await jobs.queues.work.push('x');
      await begun.promise;
      await worker.close({ timeout: 50 });
      jobs.worker().handle(work, async (_data, { attempt }) => {
        await note('of the second');
        return `attempt ${attempt}`;
      });
      expect(await handle.result()).toBe('attempt 1');
      expect(await notes()).toEqual(['of the second']);
    });

    it('runs a job again without any tables, where its handler sends no statement', async () => {
      for (const table of ['sluice_outbox', 'sluice_inbox']) await server.sql(`drop table ${table}`);
      const work = defineQueue<string, string>('work');
      const jobs = open({ work });
      const begun = signal();
      const worker = jobs.worker().handle(work, async () => {
        begun.fire();
        return await new Promise<string>(() => {});
      });
      const handle = await jobs.queues.work.push('x');
      await begun.promise;
      await worker.close({ timeout: 50 });
      jobs.worker().handle(work, (text) => text.toUpperCase());
      expect(await handle.result()).toBe('X');
    });

    it('ends a handler that never does', async () => {
      const hang = defineQueue<null, void>('hang', { maxRuntime: 200 });
      const jobs = open({ hang });
      let aborted: unknown;
      jobs.worker().handle(hang, async (_data, job) => {
        await note('gone');
        job.signal.addEventListener('abort', () => (aborted = job.signal.reason));
        await new Promise(() => {});
      });
      expect(await rejection(jobs.queues.hang.pushAsync(null))).toMatchObject({ code: 'JOB_OVERRUN' });
      expect(aborted).toMatchObject({ code: 'JOB_OVERRUN' });
      expect(await notes()).toEqual([]);
    });

    itWith('slow statements')(
      'ends a handler, with its transaction or without one, for which nobody waits any more',
      async () => {
        const slow = defineQueue<string, void>('slow');
        const bare = defineQueue<string, void>('bare');
        const jobs = open({ slow, bare });
        let slept = 0;
        const ends: unknown[] = [];
        const handler = async (text: string, { signal: aborted }: Job): Promise<void> => {
          await note(text);
          aborted.throwIfAborted();
          slept += 1;
          aborted.addEventListener('abort', () => ends.push(aborted.reason));
          await database.current.query(databaseEngine.sql.sleep(20));
        };
        jobs.worker().handle(slow, handler).handle(bare, handler, { transaction: false });
        // On a machine that stood still, the time may be over before a job has come so far: then another one.
        const overrun = async (queue: 'slow' | 'bare', text: string): Promise<void> => {
          for (const before = slept; slept === before;) {
            const error = await rejection(jobs.queues[queue].pushAsync(text, { timeout: 400 }));
            expect(['JOB_TIMEOUT', 'DEADLINE_EXCEEDED']).toContain(error['code']);
          }
        };
        await overrun('slow', 'in a transaction');
        await until('the first is told', () => ends.length === 1);
        await overrun('bare', 'by itself');
        await until('the second is told', () => ends.length === 2);
        expect(ends).toEqual([0, 1].map(() => expect.objectContaining({ code: 'DEADLINE_EXCEEDED' })));
        expect(new Set(await notes())).toEqual(new Set(['by itself']));
        await until('the connections are back', () => database.stats().clients.default.used === 0);
      },
    );

    it('does not begin a job for which nobody waits any more', async () => {
      const late = defineQueue<string, string>('late');
      const jobs = open({ late });
      const ran: string[] = [];
      const expired = rejection(jobs.queues.late.pushAsync('late', { timeout: 100 }));
      expect(await expired).toBeInstanceOf(JobTimeoutError);
      jobs.worker().handle(late, (data) => {
        ran.push(data);
        return data;
      });
      expect(await jobs.queues.late.pushAsync('in time')).toBe('in time');
      expect(ran).toEqual(['in time']);
    });
  });

  describe(`bad input on ${name}`, () => {
    it('is refused before anything is sent: what is no JSON, or too large', async () => {
      const any = defineQueue('any');
      const jobs = open({ any });
      const cyclic: Record<string, unknown> = {};
      cyclic['self'] = cyclic;
      for (const data of [cyclic, 1n, { deep: [1n] }, () => {}, Symbol('x'), Promise.resolve(1)]) {
        expect(await rejection(jobs.queues.any.push(data))).toMatchObject({ code: 'UNSERIALIZABLE' });
        expect(await rejection(jobs.queues.any.pushAsync(data))).toMatchObject({ code: 'UNSERIALIZABLE' });
      }
      const error = await rejection(jobs.queues.any.push('secret'.repeat(200_000)));
      expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
      expect(error.message).toContain('1048576');
      expect(error.message).not.toContain('secret');
    });

    it('a result that is no JSON, or too large, fails the job and rolls it back', async () => {
      const give = defineQueue<string>('give', { attempts: 3, maxPayload: 1_000 });
      const jobs = open({ give });
      jobs.worker().handle(give, async (what) => {
        await note(what);
        return what === 'big' ? 'x'.repeat(2_000) : 1n;
      });
      expect(await rejection(jobs.queues.give.pushAsync('big'))).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
      expect(await rejection(jobs.queues.give.pushAsync('BigInt'))).toMatchObject({ code: 'UNSERIALIZABLE' });
      expect(await notes()).toEqual([]);
    });

    it('forged jobs fail with a clear error; no lane and no connection is made from them', async () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      const ran: number[] = [];
      await jobs.queues.add.push(0);
      jobs.worker().handle(add, (value) => ran.push(value));
      const forge = (change: object, context: object = {}): EngineJob => {
        const id = crypto.randomUUID();
        const envelope = {
          v: 1,
          id,
          queue: 'add',
          sentAt: Date.now(),
          data: 1,
          context: { level: 0, ...context },
          ...change,
        };
        return {
          id,
          queue: 'add',
          level: 0,
          priority: 0,
          delay: 0,
          attempts: 5,
          backoff: { type: 'fixed', delay: 1 },
          envelope: envelope as EngineJob['envelope'],
        };
      };
      const ancestor = { clientName: 'default', level: 0, transaction: 'x', backend: 1 };
      const forged = [
        forge({ v: 2 }),
        forge({ id: crypto.randomUUID() }),
        forge({ queue: 'other' }),
        forge({ sentAt: 'yesterday' }),
        forge({ sentAt: undefined }, { timeout: 1_000 }),
        forge({ context: null }),
        { ...forge({}), envelope: null as never },
        { ...forge({}), envelope: 'text' as never },
        forge({}, { level: 1 }),
        forge({}, { level: 99 }),
        forge({}, { level: -1 }),
        forge({}, { clientName: 'not there' }),
        forge({}, { ancestors: Array.from({ length: 10_000 }, () => ancestor) }),
        forge({}, { ancestors: [{ ...ancestor, level: 1e9 }] }),
        forge({}, { tenant: 'x'.repeat(1_000) }),
      ];
      const before = Object.keys(database.stats().clients);
      await raw.add(forged);
      for (const job of forged) {
        await until('it has failed', async () => (await raw.look([job])).get(job.id)?.status === 'failed');
        expect((await raw.look([job])).get(job.id)?.outcome).toMatchObject({ failure: { code: 'INVALID_CONTEXT' } });
      }
      await until('the good one has run', () => ran.length === 1);
      expect(ran).toEqual([0]);
      expect(Object.keys(database.stats().clients)).toEqual(before);
    });

    it('a context that is nested without end is refused', async () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      await jobs.queues.add.push(0);
      let runs = 0;
      jobs.worker().handle(add, () => (runs += 1));
      for (const depth of [3_000, 100_000]) {
        let deep: unknown[] = [];
        for (let at = 0; at < depth; at += 1) deep = [deep];
        const id = crypto.randomUUID();
        const context = { level: 0, baggage: { deep } };
        const envelope = { v: 1, id, queue: 'add', data: 1, context } as unknown as EngineJob['envelope'];
        const backoff = { type: 'fixed', delay: 1 } as const;
        const job: EngineJob = { id, queue: 'add', level: 0, priority: 0, delay: 0, attempts: 5, backoff, envelope };
        // Not every engine can even be given it.
        const added = await raw.add([job]).then(
          () => true,
          () => false,
        );
        if (!added) continue;
        await until('it has failed', async () => (await raw.look([job])).get(id)?.status === 'failed');
        expect((await raw.look([job])).get(id)?.outcome).toMatchObject({ failure: { code: 'INVALID_CONTEXT' } });
      }
      await until('the good one has run', () => runs === 1);
    });

    it('options that cannot be are refused before anything is sent', async () => {
      const add = defineQueue<number, number>('add', { timeout: 2_000 });
      const jobs = open({ add });
      const wrong: object[] = [
        ...[{}, Number.NaN, 1e300, -1, 'fixed', [], { type: 'linear', delay: 1 }, { type: 'fixed' }].map((backoff) => ({
          backoff,
        })),
        { backoff: { type: 'fixed', delay: Number.NaN } },
        { backoff: { type: 'exponential', delay: 1e300 } },
        { backoff: { type: 'fixed', delay: 1, jitter: 1 } },
        ...[-1, 1.5, 1_001, '1'].map((priority) => ({ priority })),
        ...[-1, 0.5, 1e300, '1'].map((delay) => ({ delay })),
        ...[0, -1, 1.5, 1_001].map((attempts) => ({ attempts })),
        ...['x', 1, {}, 'A'.repeat(36), crypto.randomUUID().toUpperCase()].map((id) => ({ id })),
        { dbInfo: 'default' },
        { dbInfo: { level: -1 } },
        { dbInfo: { level: '0' } },
      ];
      for (const options of [...wrong, { when: 'later' }, { key: '' }, { key: 'a\0' }, { key: '\ud800' }]) {
        expect(await rejection(jobs.queues.add.push(1, options as never))).toMatchObject({ code: 'INVALID_OPTION' });
      }
      for (const options of [...wrong, { timeout: 0 }, { signal: {} }, { onProgress: 1 }]) {
        expect(await rejection(jobs.queues.add.pushAsync(1, options as never))).toMatchObject({
          code: 'INVALID_OPTION',
        });
      }
      const ran: number[] = [];
      jobs.worker().handle(add, (value) => {
        ran.push(value);
        return value;
      });
      expect(await jobs.queues.add.pushAsync(2, { backoff: 5 })).toBe(2);
      expect(ran).toEqual([2]);
    });

    it('a handler is not given what a job cannot have', () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      for (const options of [
        { concurrency: 0 },
        { transaction: true },
        { transaction: null },
        { transaction: { isolationLevel: 'bogus' } },
        { transaction: { propagation: 'SUPPORTS' } },
        { transaction: { propagation: 'REQUIRED' } },
        { transaction: { signal: new AbortController().signal } },
        { transaction: { timeout: 5 } },
        { transaction: { retry: {} } },
        { transaction: { readonly: true } },
        { retries: 3 },
      ]) {
        expect(() => jobs.worker().handle(add, (value) => value, options as never)).toThrow(
          expect.objectContaining({ code: 'INVALID_OPTION' }),
        );
      }
    });

    it('a job that was pushed with an id is there once', async () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      const id = crypto.randomUUID();
      const ran: number[] = [];
      await jobs.queues.add.push(1, { id });
      await jobs.queues.add.push(2, { id });
      await database.transaction(() => jobs.queues.add.push(3, { id }));
      jobs.worker().handle(add, (value) => {
        ran.push(value);
        return value;
      });
      expect(await jobs.queues.add.pushAsync(4, { id, dbInfo: { level: 0 } })).toBe(1);
      expect(await jobs.queues.add.pushAsync(5)).toBe(5);
      expect(ran).toEqual([1, 5]);
    });

    it('unknown queues and options are refused by name', async () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      for (const none of [() => 1, { name: 'none' }, { name: 5, options: {} }, 'add', null]) {
        expect(() => createJobs(database, { queues: { add, none: none as never } })).toThrow(
          expect.objectContaining({ code: 'INVALID_OPTION' }),
        );
      }
      expect(() => jobs.queue('nope')).toThrow(expect.objectContaining({ code: 'UNKNOWN_QUEUE' }));
      expect(() => jobs.worker().handle(defineQueue('nope'), () => {})).toThrow(
        expect.objectContaining({ code: 'UNKNOWN_QUEUE' }),
      );
      expect(await rejection(jobs.queues.add.push(1, { wen: 'now' } as never))).toMatchObject({
        code: 'INVALID_OPTION',
      });
      expect(await rejection(jobs.queues.add.push(1, { dbInfo: { clientName: 'nope' } }))).toMatchObject({
        code: 'UNKNOWN_CLIENT',
      });
    });

    it('after its closing everything is refused, and waits end', async () => {
      const add = defineQueue<number, number>('add');
      const jobs = open({ add });
      const waiting = rejection(jobs.queues.add.pushAsync(1));
      await (await jobs.queues.add.push(2)).status();
      await jobs.close();
      expect(await waiting).toMatchObject({ code: 'JOBS_CLOSED' });
      expect(await rejection(jobs.queues.add.push(1))).toMatchObject({ code: 'JOBS_CLOSED' });
    });
  });
}

/** The error that a server gives to the loser of two serializable transactions. */
async function serializationFailure(database: Database<'default'>): Promise<unknown> {
  return await rejection(
    database.current.query(`do $$ begin raise exception 'try again' using errcode = '40001'; end $$`),
  );
}
