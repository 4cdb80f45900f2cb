import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import { addToOutbox, createOutboxTables, createRelay, listOutbox } from '../../src/outbox/index.ts';
import { bullmq } from '../../src/queue/engines/bullmq/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { complaintsOf, picture, useBrowser } from '../support/inspector/browser.ts';
import { describeWith, redisKeys, redisUrl } from '../support/servers.ts';
import { rejection, until } from '../support/settled.ts';
import { openInspector } from './inspector-client.ts';

const patience = 60_000;
const server = useTestDatabase();
const invoice = defineQueue<{ orderId: number; note: string }>('invoice', { attempts: 1 });
const evil = '<img src=x onerror="document.title=1">';

const browser = useBrowser();
beforeEach(() => server.sql('drop table if exists sluice_outbox'));

/** A page of an inspector, which may do what it offers. */
async function openPage(options: Parameters<typeof openInspector>[0]): Promise<Page> {
  const { inspector } = await openInspector({ ...options, actions: true, payloads: true });
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  page.setDefaultTimeout(patience);
  const complaints = complaintsOf(page);
  onTestFinished(() => expect(complaints).toEqual([]));
  await page.goto(inspector.url);
  return page;
}

/** Goes on with Tab until an element has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  const focused = (): Promise<unknown> =>
    page.evaluate(`document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent`);
  for (let times = 0; times < 60 && (await focused()) !== name; times += 1) await page.keyboard.press('Tab');
  expect(await focused()).toBe(name);
}

await describeWith('Redis', 'the page of an inspector', () => {
  function openJobs(database: Database): Jobs<{ invoice: typeof invoice }> {
    const engine = bullmq({ connection: redisUrl, prefix: redisKeys(randomUUID()) });
    const jobs = createJobs(database, { queues: { invoice }, engine, relay: false });
    onTestFinished(async () => {
      await jobs.obliterate();
      await jobs.close({ timeout: 500 });
    });
    return jobs;
  }

  it('lists the jobs of a real engine, and retries and discards them', { timeout: patience * 2 }, async () => {
    const database = server.open();
    const jobs = openJobs(database);
    let isMended = false;
    jobs.worker().handle(invoice, ({ orderId }) => {
      if (!isMended) throw new TypeError(`no printer for order ${orderId} ${evil}`);
    });
    for (const orderId of [17, 18]) {
      const handle = await jobs.queues.invoice.push({ orderId, note: evil });
      await rejection(handle.result());
    }
    const page = await openPage({ database, jobs });
    const counts = async (): Promise<unknown> => await jobs.queues.invoice.admin.counts();
    const row = (orderId: number): ReturnType<Page['getByRole']> =>
      page.getByRole('row').filter({ hasText: `order ${orderId}` });
    await page.getByRole('tab', { name: 'Jobs' }).click();
    await page.getByRole('button', { name: 'invoice: 2 failed' }).click();
    await row(17).getByRole('button', { name: 'Payload' }).click();
    expect(await page.getByRole('dialog').locator('pre').textContent()).toBe(
      JSON.stringify({ orderId: 17, note: evil }),
    );
    await page.keyboard.press('Escape');
    await picture(page, 'jobs');
    await row(17).getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('dialog', { name: 'Discard this job?' }).getByRole('button', { name: 'Cancel' }).click();
    expect(await counts()).toMatchObject({ failed: 2 });
    await row(17).getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Discard job' }).click();
    await page.getByText('was discarded.').waitFor();
    expect(await counts()).toMatchObject({ failed: 1 });
    isMended = true;
    await row(18).getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('button', { name: 'Retry job' }).click();
    await page.getByText('runs again.').waitFor();
    await until('it has run', async () => ((await counts()) as { completed: number }).completed === 1, patience);
    await page.getByText('There are none, as of').waitFor();
    // The counts come by themselves.
    await page.getByRole('button', { name: 'invoice: 0 failed' }).waitFor();
    expect(await page.locator('main img').count()).toBe(0);
  });

  it(
    'lists what was set aside in a real outbox, replays and discards it, by the keyboard alone',
    {
      timeout: patience * 2,
    },
    async () => {
      const database = server.open();
      await createOutboxTables(database.current);
      const messages = ['welcome', 'goodbye'].map((queue) => ({ channel: 'mail', queue, payload: { to: evil } }));
      await addToOutbox(database.current, messages);
      const delivered: unknown[] = [];
      let isMended = false;
      const relay = createRelay(database, {
        channel: 'mail',
        maxAttempts: 1,
        deliver: async (batch) => {
          if (!isMended) throw new Error(`refused by ${evil}`);
          delivered.push(...batch.map(({ queue }) => queue));
        },
      });
      relay.start();
      onTestFinished(() => relay.stop());
      const parked = async (): Promise<readonly string[]> =>
        (await listOutbox(database.current, 'mail', { state: 'parked' })).messages.map(({ queue }) => queue);
      await until('both are set aside', async () => (await parked()).length === 2, patience);
      isMended = true;
      const page = await openPage({ database, outbox: database.current });
      await page.getByRole('tab', { name: 'Now' }).focus();
      await page.keyboard.press('End');
      await page.getByRole('button', { name: 'mail: 2 parked' }).waitFor();
      await tabTo(page, 'mail: 2 parked');
      await page.keyboard.press('Enter');
      await page.getByRole('row').filter({ hasText: 'goodbye' }).waitFor();
      await picture(page, 'outbox');
      await tabTo(page, 'Replay');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'Replay this message?' }).waitFor();
      await tabTo(page, 'Replay message');
      await page.keyboard.press('Enter');
      await page.getByText('is handed over again.').waitFor();
      await until('it is handed over', () => delivered.length === 1, patience);
      const [left] = await parked();
      await until('the list is read again', async () => (await page.getByRole('row').count()) === 2, patience);
      await tabTo(page, 'Discard');
      await page.keyboard.press('Enter');
      // What has the focus changes nothing.
      await page.keyboard.press('Enter');
      await until('the dialog is closed', async () => (await page.getByRole('dialog').count()) === 0, patience);
      expect(await parked()).toEqual([left]);
      await tabTo(page, 'Discard');
      await page.keyboard.press('Enter');
      await tabTo(page, 'Discard message');
      await page.keyboard.press('Enter');
      await page.getByText('was discarded.').waitFor();
      expect(await parked()).toEqual([]);
      expect(delivered).not.toContain(left);
      await page.getByText('Nothing is parked').waitFor();
      // The button that was pressed is gone: the hands are where the list is.
      expect(await page.evaluate('document.activeElement.id')).toBe('outbox-refresh');
      expect(await page.locator('main img').count()).toBe(0);
    },
  );
});
