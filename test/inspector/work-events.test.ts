import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createEvents, createEventTables, defineEvent, type Events, listPublications } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import type { PublicationList } from '../../src/inspector/work-views.ts';
import { itWith, useTestDatabase } from '../support/database.ts';
import { signal, until } from '../support/settled.ts';
import { codeOf, type Open, openInspector, post, shown } from './inspector-client.ts';

const server = useTestDatabase();
const placed = defineEvent<{ orderId: number; card: string }>('order.placed');

/** What the listener `invoice/eu` does with an order. */
type Bill = (orderId: number) => void | Promise<void>;

async function openEvents(database: Database, bill: Bill): Promise<Events> {
  await createEventTables(database.current);
  const options = { pollInterval: 20, retryDelay: 10, attempts: 2, completion: 'keep' } as const;
  const events = createEvents(database, options);
  onTestFinished(() => events.stop({ timeout: 1_000 }));
  events.on(placed, { phase: 'durable', id: 'invoice/eu' }, ({ orderId }) => bill(orderId));
  return events;
}

const publish = (database: Database, events: Events, orderId: number): Promise<void> =>
  database.transaction(() => events.publish(placed, { orderId, card: 'canary-4242' }));
const listOf = async (open: Open, state: string): Promise<PublicationList> =>
  JSON.parse((await open.get(`/api/publications?listener=invoice%2Feu&state=${state}`)).text) as PublicationList;
const numberOf = async (open: Open, state: string): Promise<string> =>
  (await listOf(open, state)).publications[0]?.number ?? '';
const resubmit = (open: Open, number: string): ReturnType<typeof post> =>
  post(open, `/api/publications/invoice%2Feu/${number}/resubmit`);

beforeEach(async () => {
  await server.sql('drop table if exists sluice_event_publication');
});

describe('the publications of transactional events', () => {
  it('are nothing where their tables were not made, and where none were given', async () => {
    const database = server.open();
    const open = await openInspector({ database, events: database.current, actions: true });
    expect((await open.get('/api/publications?listener=invoice&state=failed')).status).toBe(404);
    expect(await open.snapshot()).toMatchObject({ publications: [], problems: [], actions: ['publication.resubmit'] });
    const without = await openInspector({ database, actions: true });
    expect((await without.get('/api/publications?listener=invoice&state=failed')).status).toBe(404);
    expect((await post(without, '/api/publications/invoice/1/resubmit')).status).toBe(404);
  });

  it('are counted by listener, and listed by state with their errors, without payloads', async () => {
    const database = server.open();
    const [running, go] = [signal(), signal()];
    onTestFinished(() => go.fire());
    const events = await openEvents(database, async (orderId) => {
      if (orderId === 1) throw new TypeError('no printer <b>here</b>');
      if (orderId === 2) return;
      running.fire();
      await go.promise;
    });
    const open = await openInspector({ database, events: database.current, payloads: true });
    await publish(database, events, 1);
    await publish(database, events, 2);
    events.start();
    const failed = async (): Promise<boolean> =>
      (await listPublications(database.current, { state: 'failed' })).publications.length === 1;
    await until('one has failed', failed);
    await publish(database, events, 3);
    await running.promise;
    await events.stop({ timeout: 0 }).catch(() => {});
    await publish(database, events, 4);

    const now = await shown(open, ({ publications }) => publications.length > 0 && publications[0]?.lag !== 0);
    const [counted] = now.publications;
    expect(now.publications).toHaveLength(1);
    expect(counted).toMatchObject({ name: 'invoice/eu', atLeast: [] });
    // What is completed is not there.
    expect(Object.keys(counted?.publications ?? {})).toEqual(['published', 'processing', 'failed']);
    expect(counted?.publications['failed']).toBe(1);
    const list = await listOf(open, 'failed');
    expect(list).toEqual({
      hasMore: false,
      publications: [
        {
          listener: 'invoice/eu',
          number: expect.stringMatching(/^\d+$/),
          event: 'order.placed',
          eventId: expect.stringMatching(/^[\da-f-]{36}$/),
          state: 'failed',
          attempts: 2,
          publishedAt: expect.any(Number),
          error: 'TypeError: no printer <b>here</b>',
        },
      ],
    });
    const waiting = await listOf(open, 'published');
    expect(waiting.publications.map(({ attempts, dueAt }) => [attempts, typeof dueAt])).toContainEqual([0, 'number']);
    expect(JSON.stringify([now, list, waiting])).not.toContain('canary');
    for (const query of ['listener=invoice%2Feu&state=completed', 'listener=invoice%2Feu&state=constructor', ''])
      expect((await open.get(`/api/publications?${query}`)).status).toBe(404);
    expect(codeOf(await open.get('/api/publications?listener=&state=failed'))).toBe('INVALID_OPTION');
    const other = await open.get('/api/publications?listener=nobody&state=failed');
    expect(JSON.parse(other.text)).toEqual({ publications: [], hasMore: false });
  });

  it('are resubmitted by POST, where that is allowed', async () => {
    const database = server.open();
    let isMended = false;
    const events = await openEvents(database, () => {
      if (!isMended) throw new Error('no printer');
    });
    const looking = await openInspector({ database, events: database.current });
    const open = await openInspector({ database, events: database.current, actions: true });
    await publish(database, events, 1);
    events.start();
    await until('it has failed', async () => (await listOf(open, 'failed')).publications.length === 1);
    const number = await numberOf(open, 'failed');
    expect(codeOf(await resubmit(looking, number))).toBe('NO_ACTIONS');
    expect((await open.get(`/api/publications/invoice%2Feu/${number}/resubmit`)).status).toBe(405);
    expect(await numberOf(open, 'failed')).toBe(number);
    isMended = true;
    expect((await resubmit(open, number)).json).toEqual({ done: true });
    await until('it is completed', async () => (await events.incomplete()).publications.length === 0);
    const nothing = { done: false, why: 'It runs now, or is completed: nothing was done.' };
    expect((await resubmit(open, number)).json).toEqual(nothing);
    expect((await resubmit(open, '12345')).json).toEqual(nothing);
    expect((await resubmit(open, 'nonsense')).status).toBe(400);
    expect((await post(open, `/api/publications/invoice%2Feu/${number}/discard`)).status).toBe(404);
  });

  // Where transactions take turns, it waits for the listener.
  itWith('row locks')('are left alone while they run, without waiting for that', async () => {
    const database = server.open();
    const [running, go] = [signal(), signal()];
    const events = await openEvents(database, async (orderId) => {
      if (orderId === 1) throw new Error('no printer');
      running.fire();
      await go.promise;
    });
    const open = await openInspector({ database, events: database.current, actions: true });
    await publish(database, events, 1);
    await publish(database, events, 2);
    events.start();
    await running.promise;
    await until('one has failed', async () => (await listOf(open, 'failed')).publications.length === 1);
    const answer = await resubmit(open, await numberOf(open, 'processing'));
    expect(answer.json).toEqual({ done: false, why: 'It runs now, or is completed: nothing was done.' });
    expect(await events.resubmit({ all: true })).toBe(1);
    go.fire();
    await until('it is completed', async () => (await listOf(open, 'processing')).publications.length === 0);
  });
});
