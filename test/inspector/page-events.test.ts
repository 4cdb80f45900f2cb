import type { Page } from 'playwright-core';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createEvents, createEventTables, defineEvent } from '../../src/events/index.ts';
import { createOutbox, createOutboxTables, defineTopic } from '../../src/outbox/index.ts';
import { createSagaTables } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { complaintsOf, picture, useBrowser } from '../support/inspector/browser.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { until } from '../support/settled.ts';
import { openInspector } from './inspector-client.ts';

const patience = 60_000;
const server = useTestDatabase();
const browser = useBrowser();
const evil = '<img src=x onerror="document.title=1">';
const placed = defineEvent<{ orderId: number; card: string }>('order.placed');
const orders = defineTopic<{ orderId: number; card: string }>('orders');

beforeEach(async () => {
  for (const table of [
    'sluice_event_publication',
    'sluice_outbox',
    'sluice_inbox',
    'sluice_parked_message',
    'sluice_saga',
  ])
    await server.sql(`drop table if exists ${table}`);
});

/** A page of an inspector, which shows all that it may. */
async function openPage(options: Parameters<typeof openInspector>[0]): Promise<Page> {
  const { inspector } = await openInspector({ payloads: true, ...options });
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  page.setDefaultTimeout(patience);
  const complaints = complaintsOf(page);
  onTestFinished(() => expect(complaints).toEqual([]));
  await page.goto(inspector.url);
  return page;
}

describe('the page', { timeout: patience * 2 }, () => {
  it('lists publications that have failed, and resubmits them after a question', async () => {
    const database = server.open();
    await createEventTables(database.current);
    const events = createEvents(database, { pollInterval: 20, attempts: 1, completion: 'keep' });
    onTestFinished(() => events.stop({ timeout: 1_000 }));
    let isMended = false;
    events.on(placed, { phase: 'durable', id: 'invoice' }, ({ orderId }) => {
      if (orderId !== 3 && !isMended) throw new Error(`no printer for order ${orderId} ${evil}`);
    });
    for (const orderId of [1, 2, 3])
      await database.transaction(() => events.publish(placed, { orderId, card: 'canary-4242' }));
    events.start();
    const failed = async (): Promise<number> => (await events.incomplete({ state: 'failed' })).publications.length;
    await until('two have failed', async () => (await failed()) === 2, patience);

    const looking = await openPage({ database, events: database.current });
    await looking.getByRole('tab', { name: 'Events' }).click();
    await looking.getByRole('button', { name: 'invoice: 2 failed' }).click();
    await looking.getByRole('row').filter({ hasText: 'order 1' }).waitFor();
    expect(await looking.getByRole('button', { name: 'Resubmit' }).count()).toBe(0);

    const page = await openPage({ database, events: database.current, actions: true });
    await page.getByRole('tab', { name: 'Events' }).click();
    await page.getByText('Publications that are completed are not counted.').waitFor();
    await page.getByRole('button', { name: 'invoice: 2 failed' }).click();
    const row = page.getByRole('row').filter({ hasText: `no printer for order 2 ${evil}` });
    await row.waitFor();
    await picture(page, 'events');
    await row.getByRole('button', { name: 'Resubmit' }).click();
    const dialog = page.getByRole('dialog', { name: 'Resubmit this publication?' });
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(await failed()).toBe(2);
    isMended = true;
    await row.getByRole('button', { name: 'Resubmit' }).click();
    await dialog.getByRole('button', { name: 'Resubmit publication' }).click();
    await page.getByText('for invoice runs again.').waitFor();
    await until('it is completed', async () => (await events.incomplete()).publications.length === 1, patience);
    await page.getByText('All 1, as of').waitFor();
    // The counts come by themselves.
    await page.getByRole('button', { name: 'invoice: 1 failed' }).waitFor();
    expect(await page.content()).not.toContain('canary');
    expect(await page.locator('main img').count()).toBe(0);
  });

  it('lists the messages that a consumer has set aside, replays and discards them', async () => {
    const database = server.open();
    await createOutboxTables(database.current);
    const broker = memoryBroker()();
    const outbox = createOutbox(database, { broker });
    onTestFinished(async () => {
      await outbox.stop({ timeout: 1_000 });
      await broker.close();
    });
    let isMended = false;
    const handled: number[] = [];
    outbox.consume(
      orders,
      ({ orderId }) => {
        if (!isMended) throw new Error(`order ${orderId} is sold out ${evil}`);
        handled.push(orderId);
      },
      { group: 'stock', attempts: 1, replayInterval: 20 },
    );
    for (const orderId of [1, 2]) await outbox.publish(orders, { orderId, card: 'canary-4242' }, { key: 'customer 7' });
    await outbox.drain();
    const parked = async (): Promise<number> => (await outbox.parked(orders, { group: 'stock' })).messages.length;
    await until('both are set aside', async () => (await parked()) === 2, patience);

    const page = await openPage({ database, outbox: database.current, actions: true });
    await page.getByRole('tab', { name: 'Outbox 2' }).click();
    await page.getByRole('button', { name: 'stock/orders: 2 parked' }).click();
    const row = (orderId: number): ReturnType<Page['getByRole']> =>
      page.getByRole('row').filter({ hasText: `order ${orderId} is sold out ${evil}` });
    await row(1).waitFor();
    await picture(page, 'received');
    isMended = true;
    await row(1).getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('button', { name: 'Replay message' }).click();
    await page.getByText('of stock/orders is handled again.').waitFor();
    await until('it is handled', () => handled.length === 1, patience);
    await row(2).getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Discard message' }).click();
    await page.getByText('of stock/orders was discarded.').waitFor();
    expect(await parked()).toBe(0);
    expect(handled).toEqual([1]);
    await page.getByText('Nothing is parked').waitFor();
    await page.getByText('No consumer has set a message of a broker aside.').waitFor();
    expect(await page.content()).not.toContain('canary');
    expect(await page.locator('main img').count()).toBe(0);
  });

  it('says of sagas that more have ended than it counts', async () => {
    const database = server.open();
    await createSagaTables(database.current);
    await server.sql(`insert into sluice_saga (saga, id, definition, status, context, seed, created_at, ended_at)
      select 'order', n, 'order@1', case when n = 10001 then 'failed' else 'completed' end, '{}', 's', n, n
      from generate_series(1, 10002) as n`);
    await server.sql(`insert into sluice_saga (saga, id, definition, status, context, seed, created_at, stuck)
      select 'order', 'stuck', 'order@1', 'running', '{}', 's', 1, '{"name":"Error","message":"away"}'`);
    const page = await openPage({ database, sagas: database.current });
    await page.getByRole('tab', { name: 'Sagas' }).click();
    for (const counted of ['10,000+ completed', '1+ failed', '0 cancelled', '1 stuck', '0 running'])
      await page.getByRole('button', { name: `order: ${counted}`, exact: true }).waitFor();
    await page.getByText('where there are more, a count has a +').first().waitFor();
  });
});
