import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DeferredResultError, drain, drainLast, InvalidOptionError, type Subscribable } from '../../src/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();

/** As RxJS has it: nothing runs before somebody subscribes. */
class Observable<Value> implements Subscribable<Value> {
  readonly #run: () => Promise<Value>;

  constructor(run: () => Promise<Value>) {
    this.#run = run;
  }

  subscribe(observer: Parameters<Subscribable<Value>['subscribe']>[0]): void {
    void this.#run().then(
      (value) => {
        observer.next(value);
        observer.complete();
      },
      (error: unknown) => observer.error(error),
    );
  }

  pipe(): this {
    return this;
  }
}

/** What runs later, by the work that it does then. */
const deferred: Record<string, (work: () => Promise<void>) => unknown> = {
  'an Observable': (work) => new Observable(work),
  'an Observable of another library': (work) => ({ '@@observable': () => new Observable(work) }),
  'an async generator': async function* (work) {
    await work();
    yield 1;
  },
  'an async iterable': (work) => ({
    [Symbol.asyncIterator]: () => ({ next: async () => ({ value: await work(), done: true }) }),
  }),
  'a generator': function* (work) {
    yield work();
  },
  'a Readable': (work) => new Readable({ read: () => void work() }),
  'a stream of the web': (work) => new ReadableStream({ pull: work }),
  'a stream of old': (work) => ({ pipe: () => undefined, read: work, on: () => undefined }),
};

describe('a result that runs only when it is read', () => {
  for (const [name, make] of Object.entries(deferred)) {
    it(`${name}: is refused, and what was written is rolled back`, async () => {
      const database = server.open();
      const late = (): Promise<void> => insert(database, 2);
      const body = async (): Promise<unknown> => {
        await insert(database, 1);
        return make(late);
      };
      const error = await rejection(database.transaction(body, { name: 'checkout' }));
      expect(error).toBeInstanceOf(DeferredResultError);
      expect(error).toMatchObject({ code: 'DEFERRED_RESULT', chain: [{ transaction: 'checkout' }] });
      expect(error.message).toContain('"checkout"');
      expect(error.message).toContain('drain(');
      expect(await server.products()).toEqual([]);
    });
  }

  it.each(['REQUIRED', 'NESTED', 'REQUIRES_NEW', 'NOT_SUPPORTED', 'SUPPORTS', 'MANDATORY'] as const)(
    'is refused in a scope with %s inside of a transaction',
    async (propagation) => {
      const database = server.open();
      await rejection(
        database.transaction(async () => {
          const inner = database.transaction(() => Readable.from([1]), { propagation });
          expect(await rejection(inner)).toBeInstanceOf(DeferredResultError);
          throw new Error('declined');
        }),
      );
    },
  );

  it('is refused where the client is switched, which it would not see', async () => {
    const database = server.open();
    const make = (): Readable => Readable.from([1]);
    expect(await rejection(database.switchDb(make, { level: 1 }))).toBeInstanceOf(DeferredResultError);
    expect(await rejection(database.switchDbIsolate(make))).toBeInstanceOf(DeferredResultError);
  });

  it('is refused of the handler of a job, whose result it cannot be', async () => {
    const database = server.open();
    const report = defineQueue<object>('report');
    const jobs = createJobs(database, { queues: { report } });
    jobs.worker().handle(report, () => new Observable(async () => 1));
    const error = await rejection(jobs.queues.report.pushAsync({}));
    await jobs.close();
    expect(error).toMatchObject({ code: 'DEFERRED_RESULT' });
  });

  it('rolls back whatever rollbackOn says', async () => {
    const database = server.open();
    const body = async (): Promise<Readable> => {
      await insert(database, 1);
      return Readable.from([1]);
    };
    expect(await rejection(database.transaction(body, { rollbackOn: () => false }))).toBeInstanceOf(
      DeferredResultError,
    );
    expect(await server.products()).toEqual([]);
  });

  it('is nothing else: values, lists, buffers, and thenables, which are awaited first', async () => {
    const database = server.open();
    const builder = { pipe: () => undefined, subscribe: () => undefined };
    const results = [
      undefined,
      null,
      [1, 2],
      Buffer.from('x'),
      new Map([[1, 2]]),
      new Blob(['x']),
      new Response('x'),
      { subscribe: () => undefined },
      { pipe: () => undefined },
      new Map().values(),
      Object.defineProperty({}, 'pipe', {
        get: () => {
          throw new Error('no');
        },
      }),
    ];
    for (const result of results) expect(await database.transaction(() => result)).toBe(result);
    const thenable = Object.assign(Promise.resolve('done'), builder);
    expect(await database.transaction(() => thenable)).toBe('done');
  });

  it('is refused before it runs where a generator method is decorated', () => {
    const database = server.open();
    const decorate = database.Transactional() as unknown as (t: object, k: string, d: { value: unknown }) => unknown;
    for (const value of [async function* find() {}, function* find() {}]) {
      expect(() => decorate({}, 'find', { value })).toThrow(InvalidOptionError);
      expect(() => decorate({}, 'find', { value })).toThrow('generator method "find"');
    }
  });
});

describe('drain', () => {
  it('reads inside of the transaction: an async generator, a stream, an Observable', async () => {
    const database = server.open();
    const active: unknown[] = [];
    const work = async (id: number): Promise<number> => {
      active.push(database.current.inTransaction);
      await insert(database, id);
      return id;
    };
    async function* two(): AsyncGenerator<number> {
      yield await work(1);
      yield await work(2);
    }
    expect(await database.transaction(() => drain(two()))).toEqual([1, 2]);
    expect(await database.transaction(() => drain(new Observable(() => work(3))))).toEqual([3]);
    expect(await database.transaction(() => drainLast(new Observable(() => work(4))))).toBe(4);
    expect(await database.transaction(() => drainLast(Readable.from(['a', 'b'])))).toBe('b');
    expect(active).toEqual([true, true, true, true]);
    expect(await server.products()).toEqual([1, 2, 3, 4]);
  });

  it('fails with what the source fails with, and the transaction is rolled back', async () => {
    const database = server.open();
    const broken = new Error('broken');
    const fails = async (): Promise<never> => {
      await insert(database, 1);
      throw broken;
    };
    async function* source(): AsyncGenerator<number> {
      yield await fails();
    }
    expect(await rejection(database.transaction(() => drain(source())))).toBe(broken);
    expect(await rejection(database.transaction(() => drainLast(new Observable(fails))))).toBe(broken);
    expect(await server.products()).toEqual([]);
  });

  it.each([undefined, null, 5, {}, { subscribe: 1 }])('refuses %s', async (source) => {
    expect(await rejection(drain(source as never))).toBeInstanceOf(InvalidOptionError);
  });

  it('gives nothing of a source without values', async () => {
    expect(await drain(Readable.from([]))).toEqual([]);
    expect(await drainLast(Readable.from([]))).toBeUndefined();
  });
});
