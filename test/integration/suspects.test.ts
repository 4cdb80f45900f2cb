import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, expect, it } from 'vitest';
import { type StatementTrace, traceNames } from '../../src/index.ts';
import {
  type Consumer,
  type ConsumeHandler,
  createOutbox,
  createOutboxTables,
  defineTopic,
  type Outbox,
} from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { RunGate } from '../../src/outbox/topics/run-gate.ts';

const server = useTestDatabase();
const orders = defineTopic<number>('orders');
const group = 'stock';
const tables = ['outbox', 'inbox', 'started_message', 'parked_message'].map((name) => `sluice_${name}`);
const stops: (() => void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await server.sql(`truncate ${tables.join(', ')}`);
});

/** A message for a consumer, which comes again to the next one until it is handled. */
async function sell(): Promise<{
  readonly outbox: Outbox;
  readonly consume: (handler: ConsumeHandler<number>, attempts?: number) => Consumer;
}> {
  const database = server.open();
  await createOutboxTables(database.current);
  const outbox = createOutbox(database, { broker: memoryBroker()() });
  await outbox.publish(orders, 1);
  await outbox.drain();
  return {
    outbox,
    consume: (handler, attempts = 10) => outbox.consume(orders, handler, { group, attempts, retryDelay: 1 }),
  };
}

const starts = async (): Promise<unknown[]> =>
  (await server.sql('select starts from sluice_started_message')).map((row) => row['starts']);

/** The statements that are sent from now on, with their first words. */
function statements(): readonly string[] {
  const found: string[] = [];
  const note = ({ text }: StatementTrace): void => {
    if (!text.includes('sluice_parked_message') && !text.startsWith('delete'))
      found.push(text.split(/\s+/, 3).join(' '));
  };
  const channel = tracingChannel<StatementTrace>(traceNames.statement);
  const handlers = { start: note };
  channel.subscribe(handlers as never);
  stops.push(() => channel.unsubscribe(handlers as never));
  return found;
}

it('costs a message that comes for the first time no statement, and one that comes again three', async () => {
  const { consume } = await sell();
  const sent = statements();
  const hung = signal();
  const first = consume(async (_, { signal: ended }) => {
    hung.fire();
    await new Promise((resolve) => ended.addEventListener('abort', resolve, { once: true }));
    throw new Error('ended');
  });
  await hung.promise;
  expect(sent).toEqual(['insert into sluice_inbox']);
  await first.stop({ timeout: 0 });
  const second = consume(() => {});
  await until('it is handled', () => second.handled === 1);
  await second.stop();
  expect(sent.slice(1)).toEqual([
    'select message_id, result',
    'select starts from',
    'insert into sluice_started_message',
    'insert into sluice_inbox',
  ]);
});

it('counts no starts that have ended: with an error, or since the consumer has stopped', async () => {
  const { outbox, consume } = await sell();
  const tried = signal();
  const first = consume(() => {
    tried.fire();
    throw new Error('sold out');
  });
  await tried.promise;
  await first.stop();
  let attempts = 0;
  const again = consume(() => {
    attempts += 1;
    throw new Error('sold out');
  }, 30);
  await until('it has failed often', () => attempts > 4);
  await again.stop();
  expect(await starts()).toEqual([0]);
  const hung = signal();
  const stopped = consume(async () => {
    hung.fire();
    await new Promise(() => {});
  });
  await hung.promise;
  expect(await starts()).toEqual([1]);
  await stopped.stop({ timeout: 0 });
  expect(await starts()).toEqual([0]);
  expect((await outbox.parked(orders, { group })).messages).toEqual([]);
});

it('lets one run alone after those that run, and others after it, in their order', async () => {
  const gate = new RunGate();
  const { signal: never } = new AbortController();
  const log: string[] = [];
  const run = (
    name: string,
    alone: boolean,
    by = never,
  ): { readonly done: Promise<void>; readonly end: () => void } => {
    const { promise, fire } = signal();
    const work = async (): Promise<void> => {
      log.push(name);
      await promise;
    };
    return { done: gate.run(alone, by, work), end: fire };
  };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const [a, b] = [run('a', false), run('b', false)];
  const stopped = new AbortController();
  const alone = run('alone', true);
  const gone = run('gone', true, stopped.signal);
  const c = run('c', false);
  await settled();
  expect(log).toEqual(['a', 'b']);
  a.end();
  await settled();
  expect(log).toEqual(['a', 'b']);
  b.end();
  await settled();
  expect(log).toEqual(['a', 'b', 'alone']);
  stopped.abort(new Error('stopped'));
  expect(await rejection(gone.done)).toMatchObject({ message: 'stopped' });
  expect(log).toEqual(['a', 'b', 'alone']);
  alone.end();
  await settled();
  expect(log).toEqual(['a', 'b', 'alone', 'c']);
  c.end();
  await Promise.all([a.done, b.done, alone.done, c.done]);
});
