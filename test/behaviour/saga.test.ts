// Sagas on each engine: steps and their records, compensation, waiting, cancelling, and what a body may not do.
import { afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import {
  createSagas,
  createSagaTables,
  defineSaga,
  findSaga,
  type Saga,
  SagaCancelledError,
  SagaConflictError,
  type SagaDefinition,
  SagaFailedError,
  type Sagas,
  SagaStepError,
  SagaStepFailedError,
  SagaStuckError,
  SagaTimeoutError,
} from '../../src/saga/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();
beforeAll(() => createSagaTables(server.open().current));

const quick = { pollInterval: 20, retryDelay: 10, lease: 2_000 } as const;
let database: Database<'default'>;
let stops: (() => Promise<void>)[] = [];
let run = 0;
beforeEach(() => {
  run += 1;
  database = server.open();
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** The sagas of a process with one definition. */
function process<Input, Result>(
  definition: SagaDefinition<Input, Result>,
  more: object = {},
): Sagas<{ it: SagaDefinition<Input, Result> }> {
  const sagas = createSagas(database, { sagas: { it: definition }, ...quick, ...more });
  stops.push(() => sagas.stop({ timeout: 1_000 }));
  return sagas;
}

/** A name that no other test has. */
const named = (name: string): string => `${name}-${run}`;

async function products(): Promise<number[]> {
  return await server.products();
}

const add = (id: number) => async () => {
  await insert(database, id);
  return { id };
};
const remove = async ({ id }: { readonly id: number }): Promise<void> => {
  await database.current.query('delete from product where id = $1', [id]);
};

async function* generating(): AsyncGenerator<number> {
  await insert(database, 1);
  yield 1;
}

describe('a saga', () => {
  it('asks for its steps where a step of another saga runs it, or what such a step has left running', async () => {
    const inner = defineSaga(named('inner'), (saga, id: number) => saga.step('add', add(id)));
    const inside = process(inner);
    let left: Promise<unknown> | undefined;
    const outer = defineSaga(named('outer'), (saga) =>
      saga.step('run', { transactional: false }, async () => {
        left = new Promise((resolve) => setImmediate(resolve)).then(() => inside.it.run(2));
        return await inside.it.run(1);
      }),
    );
    expect(await process(outer).it.run(undefined)).toEqual({ id: 1 });
    expect(await left).toEqual({ id: 2 });
    expect(await products()).toEqual([1, 2]);
  });

  it('runs its steps, each in a transaction, and gives its result', async () => {
    const transactions: boolean[] = [];
    const order = defineSaga(named('order'), async (saga, input: { first: number }) => {
      transactions.push(database.current.inTransaction);
      const one = await saga.step('one', async () => {
        transactions.push(database.current.inTransaction);
        return await add(input.first)();
      });
      const two = await saga.step('two', add(one.id + 1));
      return { sum: one.id + two.id };
    });
    const result = await process(order).it.run({ first: 1 }, { id: 'a' });
    expect(result).toEqual({ sum: 3 });
    expect(transactions).toEqual([false, true]);
    expect(await products()).toEqual([1, 2]);
    expect(await findSaga(database.current, order.name, 'a')).toMatchObject({
      status: 'completed',
      steps: [
        { name: 'one', state: 'done' },
        { name: 'two', state: 'done' },
      ],
    });
  });

  it('undoes its steps backwards when its body throws, and tells why', async () => {
    const undone: string[] = [];
    const undo = (name: string) => async (result: { id: number }) => {
      undone.push(name);
      await remove(result);
    };
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1), { compensate: undo('one') });
      await saga.step('two', add(2), { compensate: undo('two') });
      await saga.step('kept', add(3));
      await saga.step('three', async () => {
        await insert(database, 4);
        throw new Error('declined');
      });
    });
    const error = await rejection(process(order).it.run(undefined, { id: 'a' }));
    expect(error).toBeInstanceOf(SagaFailedError);
    expect(error).toMatchObject({
      saga: order.name,
      id: 'a',
      step: 'three',
      message: expect.stringContaining('at its step "three" (Error)') as string,
      cause: { step: 'three', failure: { message: 'declined' } },
    });
    expect(undone).toEqual(['two', 'one']);
    expect(await products()).toEqual([3]);
    expect(await findSaga(database.current, order.name, 'a')).toMatchObject({
      status: 'failed',
      steps: [
        { name: 'one', state: 'undone' },
        { name: 'two', state: 'undone' },
        { name: 'kept', state: 'done' },
        { name: 'three', state: 'failed' },
      ],
    });
  });

  it('goes on where a step has failed and the body catches it, the same way when it is run again', async () => {
    const runs: string[] = [];
    const order = defineSaga(named('order'), async (saga) => {
      runs.push('body');
      const paid = await saga
        .step('card', () => {
          runs.push('card');
          throw Object.assign(new RangeError('too much'), { code: 'E_CARD' });
        })
        .catch((error: unknown) => {
          if (!(error instanceof SagaStepFailedError)) throw error;
          return `${error.failure.name} ${error.failure.message} ${error.failure.code}`;
        });
      const seen = await saga.step('invoice', () => {
        runs.push('invoice');
        return paid;
      });
      await saga.waitFor('approval');
      return seen === paid ? seen : 'differs';
    });
    const sagas = process(order);
    const handle = await sagas.it.start(undefined, { id: 'a' });
    sagas.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    await handle.signal('approval');
    expect(await handle.result()).toBe('RangeError too much E_CARD');
    expect(runs.filter((each) => each !== 'body')).toEqual(['card', 'invoice']);
    expect(runs.filter((each) => each === 'body').length).toBeGreaterThan(1);
  });

  it('starts with the transaction that it is started in, or not at all', async () => {
    const order = defineSaga(named('order'), async (saga) => await saga.step('one', add(1)));
    const sagas = process(order);
    sagas.start();
    await rejection(
      database.transaction(async () => {
        await sagas.it.start(undefined, { id: 'lost' });
        throw new Error('roll back');
      }),
    );
    const handle = await database.transaction(() => sagas.it.start(undefined, { id: 'kept' }));
    expect(await handle.result()).toEqual({ id: 1 });
    expect(await findSaga(database.current, order.name, 'lost')).toBeUndefined();
  });

  it('joins the one that has its id, and refuses another input', async () => {
    let runs = 0;
    const order = defineSaga(named('order'), async (saga, input: number) =>
      saga.step('one', () => {
        runs += 1;
        return input;
      }),
    );
    const sagas = process(order);
    expect(await Promise.all([1, 2, 3].map(() => sagas.it.run(7, { id: 'a' })))).toEqual([7, 7, 7]);
    expect(runs).toBe(1);
    expect(await rejection(sagas.it.run(8, { id: 'a' }))).toBeInstanceOf(SagaConflictError);
  });

  it('runs steps in parallel, waits for those beside one that fails, and undoes all', async () => {
    const { promise: failed, resolve } = Promise.withResolvers<void>();
    const order = defineSaga(named('order'), async (saga) => {
      await Promise.all([
        saga.step('one', add(1), { compensate: remove }),
        saga.step(
          'slow',
          { attempts: 1 },
          async () => {
            await failed;
            return await add(2)();
          },
          { compensate: remove },
        ),
        saga.step('three', () => {
          resolve();
          throw new Error('no');
        }),
      ]);
    });
    // Its steps take a connection each.
    database = server.open({ max: 3 });
    expect(await rejection(process(order).it.run(undefined))).toBeInstanceOf(SagaFailedError);
    expect(await products()).toEqual([]);
  });

  it('gives the same time, numbers and ids whenever the body is run', async () => {
    const seen: unknown[][] = [];
    const order = defineSaga(named('order'), async (saga) => {
      const before = saga.now().getTime();
      await saga.step('one', add(1));
      seen.push([before, saga.now().getTime(), saga.random(), saga.uuid(), saga.uuid()]);
      await saga.waitFor('go');
    });
    const sagas = process(order);
    const handle = await sagas.it.start(undefined, { id: 'a' });
    sagas.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    await handle.signal('go');
    await handle.result();
    expect(seen.length).toBeGreaterThan(1);
    for (const each of seen) expect(each).toEqual(seen[0]);
    expect(new Set(seen[0]).size).toBeGreaterThanOrEqual(4);
    expect(seen[0]?.[3]).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });
});

describe('a step', () => {
  it('gives its result as JSON has it, the first time too, and by its type', async () => {
    class Money {
      readonly amount = 3;
      toJSON(): string {
        return `${this.amount} EUR`;
      }
      double(): number {
        return this.amount * 2;
      }
    }
    const given = { at: new Date(0), price: new Money(), tags: ['a', null] as const, id: 1, note: undefined };
    const undone: unknown[] = [];
    const order = defineSaga(named('order'), async (saga) => {
      const result = await saga.step('one', () => given, { compensate: (done) => undone.push(done.at.slice(0, 4)) });
      expectTypeOf(result.at).toEqualTypeOf<string>();
      expectTypeOf(result.price).toEqualTypeOf<string>();
      expectTypeOf(result.price).not.toHaveProperty('double');
      if (saga.id === 'b') throw new Error('sold out');
      return { ...result, until: new Date(1) };
    });
    const sagas = process(order);
    const result = await sagas.it.run(undefined, { id: 'a' });
    expectTypeOf(result.until).toEqualTypeOf<string>();
    const json = JSON.parse(JSON.stringify({ ...given, until: new Date(1) })) as unknown;
    expect(result).toEqual(json);
    await rejection(sagas.it.run(undefined, { id: 'b' }));
    expect(undone).toEqual(['1970']);
  });

  it.each([true, false])('ends when its time is over (in a transaction: %s)', async (transactional) => {
    const stopped = Promise.withResolvers<void>();
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('slow', { timeout: 50, transactional }, async ({ signal }) => {
        signal.addEventListener('abort', () => stopped.resolve());
        await new Promise(() => {});
      });
    });
    const error = await rejection(process(order).it.run());
    expect(error).toMatchObject({ code: 'SAGA_FAILED', cause: { step: 'slow' } });
    if (!transactional) await stopped.promise;
  });

  it('has taken effect when a hook of its transaction throws after the commit', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      const failing = (act: () => Promise<unknown>) => async () => {
        await act();
        database.current.commit(() => {
          throw new Error('the hook fails');
        });
      };
      await saga.step('one', failing(add(1)), { compensate: failing(() => remove({ id: 1 })) });
      await saga.step('two', () => {
        throw new Error('no');
      });
    });
    // Sooner than its lease is over, and undone once.
    expect(await rejection(process(order, { lease: 60_000 }).it.run())).toBeInstanceOf(SagaFailedError);
    expect(await products()).toEqual([]);
  });
});

describe('waiting', () => {
  it('takes a signal that came before, with its data, and once', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1));
      return await saga.waitFor<{ by: string }>('approval', { timeout: '2 days' });
    });
    const sagas = process(order);
    const handle = await sagas.it.start(undefined, { id: 'a' });
    await sagas.signal('a', 'approval', { by: 'Ada' });
    await handle.signal('approval', { by: 'Bob' });
    expect(await handle.result()).toEqual({ by: 'Ada' });
    expect((await findSaga(database.current, order.name, 'a'))?.waits).toEqual([
      { name: 'approval', until: undefined, endedAt: expect.any(Date) },
    ]);
    expect(await rejection(handle.signal('approval'))).toMatchObject({ code: 'SAGA_FINISHED' });
    expect(await rejection(sagas.signal('nobody', 'approval'))).toMatchObject({ code: 'SAGA_NOT_FOUND' });
  });

  it('ends with an error when nobody signals in time', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1), { compensate: remove });
      await saga.waitFor('approval', { timeout: 50 });
    });
    const error = await rejection(process(order).it.run(undefined));
    expect(error).toMatchObject({ code: 'SAGA_FAILED', cause: { code: 'SAGA_TIMEOUT', signal: 'approval' } });
    expect((error as Error).cause).toBeInstanceOf(SagaTimeoutError);
    expect(await products()).toEqual([]);
  });

  it('keeps to the time of the server where the clock of its process is set meanwhile', async () => {
    const realNow = Date.now;
    const order = defineSaga(named('set'), async (saga) => {
      await saga.step('one', () => void (Date.now = () => realNow() + 3_600_000));
      const then = saga.now().getTime();
      await saga.sleep('two', 20);
      return then;
    });
    try {
      const then = await process(order).it.run(undefined, { id: 'a' });
      expect(Math.abs(then - realNow())).toBeLessThan(1_800_000);
    } finally {
      Date.now = realNow;
    }
  });

  it('sleeps, and goes on in another process', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1));
      await saga.sleep('cool down', 300);
      return await saga.step('two', add(2));
    });
    const first = process(order);
    const handle = await first.it.start(undefined, { id: 'a' });
    first.start();
    await until('it sleeps', async () => (await handle.status()).waitsFor.includes('cool down'));
    const sleeping = await findSaga(database.current, order.name, 'a');
    expect(sleeping).toMatchObject({
      waitsFor: ['cool down'],
      lastStep: 'one',
      steps: [{ name: 'one' }],
      children: [],
    });
    expect(sleeping?.waits).toEqual([{ name: 'cool down', until: expect.any(Date), endedAt: undefined }]);
    await first.stop();
    const second = process(order);
    expect(await second.it.get('a').result()).toEqual({ id: 2 });
    expect(await products()).toEqual([1, 2]);
  });

  it('runs another saga as a step, and undoes or cancels it with this one', async () => {
    const child = defineSaga(named('child'), async (saga, first: number) => {
      await saga.step('one', add(first), { compensate: remove });
      if (first > 10) await saga.waitFor('never');
      return first;
    });
    const parent = defineSaga(named('parent'), async (saga, first: number) => {
      const [done] = await Promise.all([
        saga.child('child', child, first, { compensate: (id) => remove({ id }) }),
        ...(first === 5 ? [saga.child('stays', child, 11)] : []),
      ]);
      if (first === 2) throw new Error('no');
      return done;
    });
    const sagas = createSagas(database, { sagas: { parent, child }, ...quick });
    stops.push(() => sagas.stop());
    expect(await sagas.parent.run(1)).toBe(1);
    expect(await rejection(sagas.parent.run(2))).toBeInstanceOf(SagaFailedError);
    expect(await products()).toEqual([1]);
    const third = await sagas.parent.start(5, { id: 'c' });
    await until('its children have begun', async () => (await products()).length === 3);
    await until('it waits', async () => (await third.status()).status === 'waiting');
    await third.cancel();
    expect(await rejection(third.result())).toBeInstanceOf(SagaCancelledError);
    expect(await rejection(sagas.child.get('c/stays').result())).toBeInstanceOf(SagaCancelledError);
  });
});

describe('a child', () => {
  it('is undone before the steps in front of it, when its parent is cancelled', async () => {
    const undone: string[] = [];
    const child = defineSaga(named('child'), async (saga) => {
      await saga.step('one', () => 1, { compensate: () => void undone.push('child') });
      await saga.waitFor('never');
    });
    const parent = defineSaga(named('parent'), async (saga) => {
      await saga.step('first', () => 1, { compensate: () => void undone.push('parent') });
      await saga.child('child', child, undefined);
    });
    const sagas = createSagas(database, { sagas: { parent, child }, ...quick });
    stops.push(() => sagas.stop());
    const handle = await sagas.parent.start(undefined, { id: 'p' });
    sagas.start();
    const waits = async (): Promise<boolean> => (await sagas.child.get('p/child').status()).status === 'waiting';
    await until('the child waits', () => waits().catch(() => false));
    const begun = { name: 'child', saga: child.name, id: 'p/child', createdAt: expect.any(Date) as Date };
    expect(await findSaga(database.current, parent.name, 'p')).toMatchObject({
      lastStep: 'first',
      waits: [],
      children: [{ ...begun, status: 'waiting', endedAt: undefined }],
    });
    await handle.cancel();
    expect(await rejection(handle.result())).toBeInstanceOf(SagaCancelledError);
    expect(undone).toEqual(['child', 'parent']);
    expect(await findSaga(database.current, parent.name, 'p')).toMatchObject({
      waits: [],
      children: [{ ...begun, status: 'cancelled', endedAt: expect.any(Date) as Date }],
    });
  });

  it('has to be among those of its parent', async () => {
    const stranger = defineSaga(named('stranger'), () => 1);
    const order = defineSaga(named('order'), async (saga) => await saga.child('one', stranger, undefined));
    const error = await rejection(process(order).it.run());
    expect(error).toMatchObject({ cause: { message: expect.stringContaining('createSagas was not given') as string } });
  });
});

describe('a database that is closed', () => {
  it('ends the wait for a result, and the looking for what is due', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.waitFor('never');
    });
    const sagas = process(order);
    const handle = await sagas.it.start(undefined, { id: 'a' });
    sagas.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    const ended = rejection(handle.result());
    await database.close({ timeout: 1_000 });
    expect(await ended).toMatchObject({ code: 'SAGAS_STOPPED' });
  });
});

describe('cancelling and resuming', () => {
  it('undoes what a waiting saga has done', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1), { compensate: remove });
      await saga.waitFor('never');
    });
    const sagas = process(order);
    const handle = await sagas.it.start(undefined, { id: 'a' });
    sagas.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    await handle.cancel();
    expect(await rejection(handle.result())).toBeInstanceOf(SagaCancelledError);
    expect(await products()).toEqual([]);
    expect(await rejection(handle.cancel())).toMatchObject({ code: 'SAGA_FINISHED' });
  });

  it('does not record a step that is under way', async () => {
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1), { compensate: remove });
      await saga.step('two', { clientName: 'default' }, async () => {
        begun.resolve();
        await goOn.promise;
        return await add(2)();
      });
    });
    const sagas = process(order);
    const ended = rejection(sagas.it.run(undefined, { id: 'a' }));
    await begun.promise;
    await sagas.it.get('a').cancel();
    goOn.resolve();
    expect(await ended).toBeInstanceOf(SagaCancelledError);
    expect(await products()).toEqual([]);
  });

  it('is stuck when a compensation keeps failing, and goes on when it is resumed', async () => {
    let isMended = false;
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('one', add(1), {
        compensate: async (done) => {
          await remove(done);
          if (!isMended) throw new Error('refund is closed');
        },
      });
      throw new Error('no');
    });
    const sagas = process(order, { attempts: 3 });
    const error = await rejection(sagas.it.run(undefined, { id: 'a' }));
    expect(error).toBeInstanceOf(SagaStuckError);
    expect(error).toMatchObject({ cause: { message: 'refund is closed' } });
    const handle = sagas.it.get('a');
    expect(await handle.status()).toMatchObject({
      status: 'stuck',
      attempts: 3,
      lastError: { message: 'refund is closed' },
    });
    expect(await products()).toEqual([1]);
    isMended = true;
    expect(await handle.resume()).toBe(true);
    expect(await rejection(handle.result())).toBeInstanceOf(SagaFailedError);
    expect(await products()).toEqual([]);
  });
});

describe('a definition that has changed', () => {
  /** A saga that has recorded `one` and `two` and waits, and then has another body. */
  async function changed(body: (saga: Saga) => unknown): Promise<Sagas<{ it: SagaDefinition }>> {
    const name = named('order');
    const before = defineSaga(name, async (saga) => {
      await saga.step('one', add(1));
      await saga.step('two', add(2));
      await saga.waitFor('go');
    });
    const first = process(before);
    const handle = await first.it.start(undefined, { id: 'a' });
    first.start();
    await until('it waits', async () => (await handle.status()).status === 'waiting');
    await first.stop();
    await handle.signal('go');
    return process(defineSaga(name, body));
  }

  it.each<[string, (saga: Saga) => unknown, RegExp]>([
    ['another name', (saga) => saga.step('one', add(1)).then(() => saga.step('other', add(3))), /"two".*"other"/],
    ['a step less', (saga) => saga.step('one', add(1)).then(() => saga.waitFor('go')), /recorded "two"/],
    ['an end that comes early', (saga) => saga.step('one', add(1)), /recorded "two"/],
    [
      'a sleep of the same name',
      (saga) => saga.step('one', add(1)).then(() => saga.sleep('two', 1)),
      /"two".*another way/,
    ],
  ])('is named, and not run: %s', async (_, body, message) => {
    const sagas = await changed(body);
    const error = await rejection(sagas.it.get('a').result());
    expect(error).toBeInstanceOf(SagaStuckError);
    expect(error).toMatchObject({
      cause: { code: 'SAGA_MISMATCH', message: expect.stringMatching(message) as string },
    });
    expect(await products()).toEqual([1, 2]);
  });

  it('ends with the version that it has begun with', async () => {
    const name = named('order');
    const one = defineSaga(name, async (saga) => {
      await saga.waitFor('go');
      return await saga.step('one', () => 'one');
    });
    const first = process(one);
    await first.it.start(undefined, { id: 'a' });
    await first.stop();
    const two = defineSaga(name, async (saga) => await saga.step('two', () => 'two'), { version: 2, earlier: [one] });
    const second = process(two);
    const old = second.it.get('a');
    await old.signal('go');
    expect(await old.result()).toBe('one');
    expect(await second.it.run(undefined, { id: 'b' })).toBe('two');
  });
});

describe('what a body may not do', () => {
  it.each<[string, (saga: Saga) => unknown, RegExp]>([
    [
      'a step twice',
      (saga) => saga.step('one', add(1), { compensate: remove }).then(() => saga.step('one', add(2))),
      /"one" twice/,
    ],
    ['a step in a step', (saga) => saga.step('one', () => saga.step('two', add(1))), /"two" inside of a step/],
    [
      'a step in a step without a transaction',
      (saga) => saga.step('one', { transactional: false }, () => saga.step('two', add(1))),
      /"two" inside of a step/,
    ],
    [
      'a step without await',
      (saga) => {
        void saga.step('one', add(1), { compensate: remove });
        return 'done';
      },
      /"one" without waiting for it/,
    ],
    ['a result that is no JSON', (saga) => saga.step('one', () => 1n), /cannot be written as JSON/],
    ['a step that is a generator', (saga) => saga.step('one', generating), /cannot be written as JSON/],
    ['a result that is too large', () => 'x'.repeat(2_000_000), /bytes of JSON/],
    ['a name that is none', (saga) => saga.step('', add(1)), /"name"/],
    ['a name of 10 kB', (saga) => saga.step('x'.repeat(10_000), add(1)), /"name"/],
    ['an option that is none', (saga) => saga.step('one', { client: 'x' } as object, add(1)), /"client"/],
    ['a client that is not there', (saga) => saga.step('one', { clientName: 'other' }, add(1)), /"other"/],
    ['a time that is none', (saga) => saga.sleep('one', '2 fortnights' as never), /"duration"/],
  ])('%s fails it with an error that says so', async (_, body, message) => {
    const order = defineSaga(named('order'), async (saga) => await body(saga));
    const error = await rejection(process(order).it.run(undefined));
    expect(error).toMatchObject({ code: 'SAGA_FAILED', cause: { message: expect.stringMatching(message) as string } });
    expect(await products()).toEqual([]);
  });

  it('a step after the saga has ended', async () => {
    let kept: Saga | undefined;
    const order = defineSaga(named('order'), (saga) => {
      kept = saga;
    });
    await process(order).it.run(undefined);
    await until(
      'it has ended',
      async () => (await rejection(Promise.resolve(kept?.step('late', add(1))))) instanceof SagaStepError,
    );
  });

  it('to be waited for in a transaction', async () => {
    const order = defineSaga(named('order'), () => 1);
    const sagas = process(order);
    const error = await database.transaction(() => rejection(sagas.it.run(undefined)));
    expect(error).toMatchObject({ code: 'SAGA_IN_TRANSACTION' });
    const handle = await sagas.it.start(undefined);
    expect(await database.transaction(() => rejection(handle.result()))).toMatchObject({ code: 'SAGA_IN_TRANSACTION' });
    expect(await handle.result()).toBe(1);
  });

  it('to be waited for in a test that is rolled back, and says how sagas are tested', async () => {
    const sagas = process(defineSaga(named('order'), () => 1));
    const refusals = await rolledBack(database, async () => [
      await rejection(sagas.it.run(undefined)),
      await database.transaction(() => rejection(sagas.it.run(undefined))),
    ]);
    expect(refusals).toMatchObject([
      { code: 'SAGA_IN_TRANSACTION', remedy: expect.stringContaining('Test it without rollbackEach()') },
      { code: 'SAGA_IN_TRANSACTION', remedy: expect.stringContaining('after its commit') },
    ]);
  });
});

describe('a step on a client that does not exist', () => {
  it('fails with the names of the step, of the client and of those that there are', async () => {
    const order = defineSaga(named('order'), async (saga) => {
      await saga.step('reserve', add(1), { compensate: remove });
      await saga.step('pay', { clientName: 'payment' }, () => 1);
    });
    const error = await rejection(process(order).it.run(undefined, { id: 'a' }));
    expect(error).toMatchObject({
      code: 'SAGA_FAILED',
      step: 'pay',
      cause: { code: 'SAGA_STEP_FAILED', step: 'pay', failure: { code: 'UNKNOWN_CLIENT' } },
    });
    expect((error.cause as Error).message).toMatch(/The step "pay" .* no client "payment"\. Its clients are: default/);
    expect(await products()).toEqual([]);
  });
});
