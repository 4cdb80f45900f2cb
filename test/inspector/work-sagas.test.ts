import { describe, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import type { SagaDetailView, SagaList } from '../../src/inspector/work-views.ts';
import { createSagas, createSagaTables, defineSaga, findSaga } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';
import { codeOf, type Open, openInspector, post, shown } from './inspector-client.ts';

const server = useTestDatabase();

let isMended = false;
const gift = defineSaga('gift', async (saga) => {
  await saga.waitFor('wrapped');
});
const order = defineSaga('order', async (saga, input: { card: string; fails: boolean }) => {
  await saga.step('reserve', () => input.card, {
    compensate: () => {
      if (!isMended) throw new Error('the stock <b>is away</b>');
    },
  });
  if (input.fails) throw new Error('declined');
  await Promise.all([saga.sleep('cool down', '2 days'), saga.child('gift', gift, undefined)]);
});

/** One that sleeps and has a child, and one that is stuck. */
async function driven(): Promise<Database<'default'>> {
  const database = server.open();
  await createSagaTables(database.current);
  const [quick, sagas] = [
    { pollInterval: 20, retryDelay: 10, attempts: 1 },
    { order, gift },
  ];
  const made = createSagas(database, { sagas, ...quick });
  onTestFinished(() => made.stop({ timeout: 1_000 }));
  isMended = false;
  await made.order.start({ card: 'canary-4242', fails: false }, { id: 'sleeps' });
  await made.order.start({ card: 'canary-4242', fails: true }, { id: 'is/stuck' });
  made.start();
  const statusOf = async (name: string, id: string): Promise<string | undefined> =>
    (await findSaga(database.current, name, id))?.status;
  await until('one is stuck', async () => (await statusOf('order', 'is/stuck')) === 'stuck');
  await until('one sleeps', async () => (await statusOf('order', 'sleeps')) === 'waiting');
  await until('its child waits', async () => (await statusOf('gift', 'sleeps/gift')) === 'waiting');
  return database;
}

const listOf = async (open: Open, status: string): Promise<SagaList> =>
  JSON.parse((await open.get(`/api/sagas?saga=order&status=${status}`)).text) as SagaList;
const none = { running: 0, waiting: 0, stuck: 0, compensating: 0, completed: 0, failed: 0, cancelled: 0 };

describe('the sagas', () => {
  it('are nothing where their tables were not made, and where none were given', async () => {
    const database = server.open();
    await server.sql('drop table if exists sluice_saga');
    const open = await openInspector({ database, sagas: database.current, actions: true });
    expect((await open.get('/api/sagas?saga=gift&status=stuck')).status).toBe(404);
    expect(await open.snapshot()).toMatchObject({ sagas: [], problems: [], actions: ['saga.resume', 'saga.cancel'] });
    const without = await openInspector({ database, actions: true });
    for (const path of ['?saga=gift&status=stuck', '/gift/1'])
      expect((await without.get(`/api/sagas${path}`)).status).toBe(404);
    expect((await post(without, '/api/sagas/gift/1/cancel')).status).toBe(404);
  });

  it('are counted, listed by status, shown, resumed and cancelled, without what they were given', async () => {
    const database = await driven();
    const looking = await openInspector({ database, sagas: database.current, payloads: true });
    const now = await shown(looking, ({ sagas }) => sagas.length > 0);
    expect(now.sagas).toEqual([
      { name: 'gift', sagas: { ...none, waiting: 1 }, atLeast: [] },
      { name: 'order', sagas: { ...none, waiting: 1, stuck: 1 }, atLeast: [] },
    ]);
    const [stuck, waiting] = [await listOf(looking, 'stuck'), await listOf(looking, 'waiting')];
    expect(stuck).toMatchObject({
      hasMore: false,
      sagas: [{ id: 'is/stuck', version: 1, lastStep: 'reserve', error: 'Error: the stock <b>is away</b>' }],
    });
    expect(waiting.sagas).toMatchObject([{ id: 'sleeps', waitsFor: expect.arrayContaining(['cool down', 'gift']) }]);
    const answer = await looking.get('/api/sagas/order/sleeps');
    expect(JSON.parse(answer.text) as SagaDetailView).toMatchObject({
      status: 'waiting',
      steps: [{ name: 'reserve', state: 'done' }],
      waits: [{ name: 'cool down', until: expect.any(Number) }],
      children: [{ name: 'gift', saga: 'gift', id: 'sleeps/gift', status: 'waiting' }],
      leftOut: 0,
    });
    expect(JSON.stringify([now, stuck, waiting, answer.text])).not.toContain('canary');
    expect(await listOf(looking, 'completed')).toEqual({ sagas: [], hasMore: false });
    for (const path of ['?saga=gift&status=constructor', '?saga=gift', '/order/nobody', '/gift'])
      expect((await looking.get(`/api/sagas${path}`)).status).toBe(404);
    const path = '/api/sagas/order/is%2Fstuck';
    expect(codeOf(await post(looking, `${path}/resume`))).toBe('NO_ACTIONS');

    const open = await openInspector({ database, sagas: database.current, actions: true });
    expect((await open.get(`${path}/resume`)).status).toBe(405);
    expect(await listOf(open, 'stuck')).toEqual(stuck);
    isMended = true;
    expect((await post(open, `${path}/resume`)).json).toEqual({ done: true });
    const isThere = async (status: string): Promise<boolean> => (await listOf(open, status)).sagas.length > 0;
    await until('it is so', () => isThere('failed'));
    expect(codeOf(await post(open, `${path}/cancel`))).toBe('SAGA_FINISHED');
    expect((await post(open, '/api/sagas/order/sleeps/resume')).json).toEqual({
      done: false,
      why: expect.stringContaining('not stuck'),
    });
    expect((await post(open, '/api/sagas/order/sleeps/cancel')).json).toEqual({ done: true });
    await until('it is so', () => isThere('cancelled'));
    expect((await post(open, '/api/sagas/order/nobody/cancel')).json).toEqual({ done: false });
    expect((await post(open, '/api/sagas/order/sleeps/discard')).status).toBe(404);
    expect((await post(open, `/api/sagas/gift/${'x'.repeat(201)}/cancel`)).status).toBe(400);
  });
});
