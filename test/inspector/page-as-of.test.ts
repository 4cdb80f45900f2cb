import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { joinFleet } from '../../src/inspector/index.ts';
import { postgresFleet } from '../../src/inspector/postgres/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { useBrowser } from '../support/inspector/browser.ts';
import { rejection } from '../support/settled.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { openInspector } from './inspector-client.ts';

const server = useTestDatabase();
const patience = 60_000;

const browser = useBrowser();

async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage();
  onTestFinished(() => page.close());
  page.setDefaultTimeout(patience);
  await page.goto(url);
  return page;
}

describe('the page', { timeout: patience * 2 }, () => {
  it('says nothing of standstills as long as it was let in to nothing', async () => {
    const { inspector } = await openInspector({ database: server.open() });
    const page = await openPage(inspector.url.replace(/=.*/, '=not-the-token-of-this-page'));
    await page.locator('#token').waitFor();
    expect(await page.getByText('Nothing stands still.').isVisible()).toBe(false);
    await page.locator('#token-input').fill(inspector.url.replace(/.*=/, ''));
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('Nothing stands still.').waitFor();
  });

  it('says of the pools of a process that has gone silent from when they are', async () => {
    const proxy = await startTcpProxy(server.url);
    onTestFinished(() => proxy.close());
    const member = joinFleet(server.open(), { name: 'worker', fleet: postgresFleet({ connectionString: proxy.url }) });
    onTestFinished(() => member.close());
    const fleet = postgresFleet({ connectionString: server.url });
    const { inspector } = await openInspector({ database: server.open(), name: 'web', fleet });
    const page = await openPage(inspector.url);
    const pool = page.locator('.pool', { hasText: 'worker' });
    await pool.getByText('in use').waitFor();
    expect(await pool.textContent()).not.toContain('as of');
    proxy.hold();
    await pool.getByText('when its process last answered').waitFor();
    expect(await page.locator('.pool', { hasText: 'web' }).textContent()).not.toContain('as of');
    proxy.goOn();
    await page.locator('.pool:not(.stale)', { hasText: 'worker' }).waitFor();
  });

  it('says what came of an action where it was done alone', async () => {
    const database = server.open();
    const invoice = defineQueue<{ orderId: number }>('invoice', { attempts: 1 });
    const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
    onTestFinished(() => jobs.close({ timeout: 500 }));
    jobs.worker().handle(invoice, () => Promise.reject(new Error('no printer')));
    await rejection((await jobs.queues.invoice.push({ orderId: 1 })).result());
    const { inspector } = await openInspector({ database, jobs, actions: true });
    const page = await openPage(inspector.url);
    await page.getByRole('tab', { name: 'Jobs' }).click();
    await page.getByRole('button', { name: '1 failed' }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Discard job' }).click();
    await page.getByText('was discarded.').waitFor();
    await page.getByRole('tab', { name: 'Outbox' }).click();
    expect(await page.locator('#outcome').textContent()).toBe('');
  });
});
