// What starts and stops on each engine: a stop is for good and says so, and drain() waits for what start() has begun.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvents, createEventTables, defineEvent, type Events } from '../../src/events/index.ts';
import { channelNames, type Database } from '../../src/index.ts';
import {
  addToOutbox,
  createOutbox,
  createOutboxTables,
  createRelay,
  defineTopic,
  type Outbox,
  type Relay,
} from '../../src/outbox/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { createSagas, createSagaTables, defineSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { rejection, signal, until } from '../support/settled.ts';

const server = useTestDatabase();
const placed = defineEvent<{ id: number }>('order.placed');
const orders = defineTopic<{ readonly id: number }>('orders');
const stops: (() => Promise<void>)[] = [];
let database: Database<'default'>;

beforeEach(async () => {
  database = server.open({ max: 4 });
  await createEventTables(database.current);
  await createOutboxTables(database.current);
  await createSagaTables(database.current);
  for (const table of ['sluice_event_publication', 'sluice_outbox', 'sluice_saga'])
    await server.sql(`delete from ${table}`);
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('expected it to throw');
}

/** Longer than a drain takes that finds nothing. */
async function roundTrips(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await server.sql('select 1 as one');
}

/** With a table that is looked at so seldom that only pokes count. */
const seldom = { pollInterval: 60_000 } as const;

function events(listener: () => unknown): Events {
  const made = createEvents(database, { pollInterval: 20 });
  made.on(placed, { phase: 'durable', id: 'mail' }, listener);
  stops.push(() => made.stop({ timeout: 1_000 }));
  return made;
}
const publish = (on: Events): Promise<void> =>
  database.transaction(async () => {
    await on.publish(placed, { id: 1 });
  });

function relay(deliver: () => Promise<void>): Relay {
  const made = createRelay(database, { channel: 'mail', deliver, pollInterval: 20 });
  stops.push(() => made.stop({ timeout: 1_000 }));
  return made;
}
const add = (key?: string): Promise<void> =>
  addToOutbox(database.current, [{ channel: 'mail', queue: 'order', key, payload: 1 }]);

function outbox(): Outbox {
  const made = createOutbox(database, { broker: memoryBroker()(), secret: 'a secret of the tests', ...seldom });
  stops.push(() => made.stop({ timeout: 1_000 }));
  return made;
}

describe('what is stopped', () => {
  it.each<[string, () => { start: () => void; stop: () => Promise<void> }, string]>([
    ['events', () => events(() => {}), 'createEvents()'],
    ['a relay', () => relay(async () => {}), 'createRelay()'],
    ['an outbox', outbox, 'createOutbox()'],
  ])('is not started again: %s', async (_, make, maker) => {
    const made = make();
    made.start();
    made.start();
    await made.stop();
    await made.stop();
    expect(thrown(() => made.start())).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/start\(\) was called after stop\(\), which is for good/) as string,
      remedy: expect.stringContaining(`Make another one with ${maker}`) as string,
    });
  });

  it('leaves what is undone to another one', async () => {
    const said: number[] = [];
    const one = events(() => {});
    one.start();
    await one.stop();
    await publish(one);
    const other = events(() => void said.push(1));
    other.start();
    await until('it has run', () => said.length === 1);
  });

  it('consumes nothing: an outbox', async () => {
    const made = outbox();
    await made.stop();
    expect(thrown(() => made.consume(orders, () => {}, { group: 'stock' }))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('outbox.consume() was called after stop()') as string,
    });
  });

  it('is stopped by none but right options', async () => {
    const made = outbox();
    expect(await rejection(made.stop({ timeout: -1 }))).toMatchObject({ code: 'INVALID_OPTION' });
    made.start();
  });

  it('takes no jobs, and does not say that it does', async () => {
    const work = defineQueue<number, number>('work');
    const jobs = createJobs(database, { queues: { work } });
    const worker = jobs.worker().handle(work, (value) => value);
    await worker.pause();
    await worker.close();
    expect(thrown(() => worker.resume())).toMatchObject({ code: 'INVALID_OPTION', remedy: 'Make a new worker' });
    await jobs.close();
    expect(thrown(() => jobs.startRelay())).toMatchObject({ code: 'JOBS_CLOSED' });
  });

  it('starts no saga, and waits for none', async () => {
    const greet = defineSaga('greet', async (_, name: string) => `hello ${name}`);
    const make = (): ReturnType<typeof createSagas<{ greet: typeof greet }>> =>
      createSagas(database, { sagas: { greet }, pollInterval: 20 });
    const sagas = make();
    const handle = await sagas.greet.start('Ada', { id: 'ada' });
    await sagas.stop();
    const refused = {
      code: 'SAGAS_STOPPED',
      remedy: 'Make others with createSagas(), which take what is left to do, and start those',
    };
    expect(thrown(() => sagas.start())).toMatchObject(refused);
    expect(await rejection(sagas.greet.run('Bob', { id: 'bob' }))).toMatchObject(refused);
    expect(await rejection(handle.result())).toMatchObject({
      code: 'SAGAS_STOPPED',
      remedy: expect.stringContaining('createSagas()') as string,
    });
    const others = make();
    stops.push(() => others.stop());
    expect(await others.greet.get('ada').result()).toBe('hello Ada');
    expect(await rejection(others.greet.get('bob').status())).toMatchObject({ code: 'SAGA_NOT_FOUND' });
  });
});

describe('drain()', () => {
  it('waits for a listener that start() has begun to run', async () => {
    const [begun, end] = [signal(), signal()];
    let hasEnded = false;
    const made = events(async () => {
      begun.fire();
      await end.promise;
      hasEnded = true;
    });
    made.start();
    await publish(made);
    await begun.promise;
    const drained = made.drain().then((count) => ({ count, hasEnded }));
    await roundTrips();
    end.fire();
    expect(await drained).toEqual({ count: 1, hasEnded: true });
  });

  it('has run what was published before it, started or not', async () => {
    let ran = 0;
    const made = events(() => void (ran += 1));
    made.start();
    for (let round = 1; round <= 10; round += 1) {
      await publish(made);
      await made.drain();
      expect(ran).toBe(round);
    }
  });

  it('waits for what a relay that was started is handing over, and for what comes after it', async () => {
    const [begun, end] = [signal(), signal()];
    let delivered = 0;
    const made = relay(async () => {
      begun.fire();
      await end.promise;
      delivered += 1;
    });
    await add('ada');
    made.start();
    await begun.promise;
    await add('ada');
    const drained = made.drain().then((count) => ({ count, delivered }));
    await roundTrips();
    end.fire();
    expect(await drained).toEqual({ count: 2, delivered: 2 });
  });

  it('has handed over what was written before it, started or not', async () => {
    let delivered = 0;
    const made = relay(async () => void (delivered += 1));
    made.start();
    for (let round = 1; round <= 10; round += 1) {
      await add();
      made.poke();
      await made.drain();
      expect(delivered).toBe(round);
    }
  });
});

describe('after close() of the database without a stop', () => {
  const pollInterval = 10;
  const running: readonly (readonly [name: string, start: () => void])[] = [
    [
      'events',
      () => {
        const events = createEvents(database, { pollInterval });
        events.on(placed, { phase: 'durable', id: 'mail' }, () => {});
        events.start();
      },
    ],
    ['a relay', () => createRelay(database, { channel: 'mail', deliver: async () => {}, pollInterval }).start()],
    ['sagas', () => createSagas(database, { sagas: { order: defineSaga('order', () => 1) }, pollInterval }).start()],
  ];
  it.each(running)('nothing more is looked for: %s', async (_, start) => {
    const reports: unknown[] = [];
    const note = (report: unknown): void => void reports.push(report);
    subscribe(channelNames.backgroundError, note);
    try {
      start();
      await database.close();
      // Timers of one length fire in the order in which they were begun: several turns would have come by then.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve, pollInterval));
      expect(reports).toEqual([]);
    } finally {
      unsubscribe(channelNames.backgroundError, note);
    }
  });
});
