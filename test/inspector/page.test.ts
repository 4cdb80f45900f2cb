import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findStandstills } from '../../src/index.ts';
import type { HolderView, Point } from '../../src/inspector/index.ts';
import { complaintsOf, picture, useBrowser } from '../support/inspector/browser.ts';
import { failure, type FakeInspector, startFakeInspector } from '../support/inspector/fake-inspector.ts';
import { holder, processId, snapshot, waiter } from '../support/inspector/snapshots.ts';
import { until } from '../support/settled.ts';

const patience = 60_000;
const history = [
  {
    at: 1,
    event: 'statement',
    transaction: 'checkout',
    clientName: 'default',
    level: 0,
    text: 'update product set stock = ?',
  },
];
const job = {
  queue: 'charge/eu',
  id: 'j 1',
  state: 'failed',
  attempt: 3,
  attempts: 3,
  error: 'declined',
  payload: '{"orderId":17}',
};
const parked = { channel: 'jobs', number: '18', queue: 'mail', attempts: 10, parkedAt: 1, error: 'no such queue' };

const stuck = {
  saga: 'order/eu',
  id: 's 1',
  version: 2,
  status: 'stuck',
  waitsFor: [],
  lastStep: 'reserve',
  attempts: 3,
  startedAt: 1,
  error: 'Error: <b>away</b>',
};
const recorded = {
  steps: [{ name: 'reserve', state: 'done', at: 1 }],
  waits: [{ name: 'cool down', until: 2 }],
  children: [{ name: 'gift', saga: 'gift', id: 's 1/gift', status: 'waiting', startedAt: 1 }],
  leftOut: 2,
};

const browser = useBrowser();
let fake: FakeInspector;
let page: Page;
let complaints: string[];

beforeEach(async () => {
  fake = await startFakeInspector(answer);
  page = await browser.newPage();
  page.setDefaultTimeout(patience);
  complaints = complaintsOf(page);
}, patience);
afterEach(async () => {
  expect(complaints).toEqual([]);
  await page.close();
  await fake.cut();
});

function answer(_method: string, path: string): { status: number; body: unknown } {
  if (path.includes('/api/transactions/checkout')) return { status: 200, body: { processId, id: 'checkout', history } };
  if (path.includes('/api/transactions/')) return { status: 404, body: failure('it has ended') };
  if (path.startsWith('/api/jobs?')) return { status: 200, body: { jobs: [job], hasMore: false } };
  if (path.startsWith('/api/sagas?')) return { status: 200, body: { sagas: [stuck], hasMore: false } };
  if (path === '/api/sagas/order%2Feu/s%201') return { status: 200, body: { ...stuck, ...recorded } };
  if (path.startsWith('/api/outbox?')) return { status: 200, body: { messages: [parked], hasMore: false } };
  return { status: 200, body: { done: !path.endsWith('/discard') } };
}

/** Says what is seen as a reader of the screen is told it. */
async function treeItems(): Promise<readonly string[]> {
  return await page
    .getByRole('treeitem')
    .evaluateAll((items) => items.map((item) => item.getAttribute('aria-label') ?? ''));
}

describe('the page', { timeout: patience * 2 }, () => {
  it('shows who waits for whom, is worked with keys alone, and opens the history of a transaction', async () => {
    const owner = { backend: { id: 7, startedAt: 'a' }, holderId: 'checkout', idle: true };
    const wait = { type: 'lock', relation: 'product', owners: [owner], for: 900 } as const;
    fake.show(snapshot([holder('checkout', { backend: owner.backend }), holder('restock', { waitsFor: wait })]));
    await page.goto(fake.url);
    await page.getByRole('treeitem', { name: /^restock/ }).waitFor();
    expect(page.url()).not.toContain('token');
    const [first, second, ...others] = await treeItems();
    expect(others).toEqual([]);
    expect(first).toMatch(/^checkout, is in the program for 3.0 s, 1 behind it, shop \(4711\), default level 0$/);
    expect(second).toMatch(/^restock, waits for a lock on product for 900 ms/);
    const level = await page.getByRole('treeitem', { name: /^restock/ }).getAttribute('aria-level');
    expect(level).toBe('2');

    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toMatch(/^Skip/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('heading', { name: 'The last 15 minutes' }).waitFor();
    await page.keyboard.press('Home');
    expect(await page.getByRole('tab', { selected: true }).textContent()).toBe('Now');
    await page.keyboard.press('Tab');
    const focused = (): Promise<unknown> => page.evaluate(`document.activeElement.getAttribute('aria-label')`);
    expect(await focused()).toMatch(/^checkout/);
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toMatch(/^restock/);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    expect((await treeItems()).length).toBe(1);
    // The next picture takes the focus from nothing.
    fake.show(
      snapshot([holder('checkout', { waitsFor: { type: 'code', for: 9_000 } }), holder('restock', { waitsFor: wait })]),
    );
    await page.getByRole('treeitem', { name: /for 9.0 s/ }).waitFor();
    expect(await focused()).toMatch(/^checkout/);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'checkout' });
    await dialog.getByText('update product set stock = ?').waitFor();
    expect(await dialog.textContent()).toContain('/shop/orders.ts:12:5');
    await picture(page, 'detail');
    await page.keyboard.press('Escape');
    expect(await dialog.count()).toBe(0);
    expect(await focused()).toMatch(/^checkout/);
  });

  it('shows what comes from a database as text, cut', async () => {
    const evil = '<img src=x onerror="document.title=1">';
    const long = 'n'.repeat(10_000_000);
    const given = { running: { text: evil, for: 1 }, origin: evil };
    const shown = snapshot([holder('a', { name: evil, ...given }), holder('b', { name: long })], {
      problems: [evil],
      queues: [{ name: evil, jobs: { [evil]: 1 } }],
      channels: [{ name: evil, waiting: 1, parked: 1 }],
    });
    fake.show(shown);
    await page.goto(fake.url);
    await page.getByRole('treeitem', { name: /^<img/ }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    for (const name of ['Jobs', 'Outbox', 'Over time', 'Now']) await page.getByRole('tab', { name }).click();
    expect(await page.title()).toBe('Sluice inspector');
    expect(await page.locator('main img').count()).toBe(0);
    const length = await page.evaluate('document.documentElement.outerHTML.length');
    expect(length).toBeLessThan(100_000);
  });

  it('groups what is alike: 100,000 that wait are some rows, and opening them shows the first', async () => {
    const many = Array.from({ length: 100_000 }, (_, index) => waiter(`w${index}`, { name: `checkout ${index % 5}` }));
    const pages = [holder('report', { backend: { id: 7, startedAt: 'a' } }), ...many];
    await page.goto(fake.url);
    await page.getByRole('heading', { name: 'Standstills' }).waitFor();
    fake.show(snapshot(pages));
    await page.getByRole('treeitem', { name: /^20,000 × checkout 3/ }).waitFor();
    const count = (): Promise<number> => page.evaluate(`document.querySelectorAll('*').length`);
    expect(await count()).toBeLessThan(500);
    await page.getByRole('treeitem', { name: /^20,000 × checkout 3/ }).click();
    await page.getByRole('treeitem', { name: 'Show 50 more of 19,950' }).click();
    await page.getByRole('treeitem', { name: 'Show 50 more of 19,900' }).waitFor();
    expect(await count()).toBeLessThan(2_000);
    await picture(page, 'crowd');
  });

  it('says that the connection is lost, keeps what it has shown, and goes on when it is back', async () => {
    fake.show(snapshot([holder('checkout')]));
    await page.goto(fake.url);
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await fake.cut();
    await page.getByRole('alert').filter({ hasText: 'The connection to the process is lost' }).waitFor();
    expect(await treeItems()).toHaveLength(1);
    await picture(page, 'lost');
    await fake.open();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('draws what stands still: a circle with what makes it, and a chain with its head', async () => {
    const [one, other] = [1, 2].map((id) => ({ id, startedAt: 'a' }));
    const owned = (backend: HolderView['backend'], holderId: string): HolderView['waitsFor'] => ({
      type: 'lock',
      relation: 'account',
      owners: [{ backend: backend ?? { id: 0, startedAt: '' }, holderId, idle: true }],
      for: 900,
    });
    const outer = holder('checkout', { backend: one, waitsFor: { type: 'transaction', id: 'audit', for: 800 } });
    const inner = holder('audit', { backend: other, level: 1, outerId: 'checkout', waitsFor: owned(one, 'checkout') });
    const head = holder('report', { backend: { id: 3, startedAt: 'a' }, waitsFor: { type: 'code', for: 60_000 } });
    const held = holder('restock', { backend: { id: 4, startedAt: 'a' }, waitsFor: owned(head.backend, 'report') });
    const holders = [outer, inner, head, held];
    const standstills = findStandstills(holders);
    expect(standstills.map(({ kind }) => kind)).toEqual(['circle', 'held']);
    fake.show({ ...snapshot(holders), standstills });
    await page.goto(fake.url);
    const drawings = page.getByRole('img', { name: /^(?:Standstill|Held) for/ });
    await drawings.first().waitFor();
    const names = await drawings.evaluateAll((all) => all.map((drawing) => drawing.getAttribute('aria-label')));
    expect(names).toEqual([
      expect.stringMatching(/: (?:checkout and audit|audit and checkout) wait for each other in a circle\.$/),
      'Held for 1 min 0 s: restock waits for report.',
    ]);
    expect(await drawings.first().locator('.member').count()).toBe(2);
    expect(await drawings.first().locator('path.arrow').count()).toBe(2);
    expect(await drawings.last().locator('path.arrow').count()).toBe(1);
    expect(await drawings.last().locator('.head').textContent()).toContain('report');
    await page.getByText('wants a lock on account, held by checkout').waitFor();
    await page.getByRole('button', { name: 'report' }).click();
    await page.getByRole('dialog', { name: 'report' }).getByText('It has ended.').waitFor();
    await page.keyboard.press('Escape');
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 390, height: 900 });
    await picture(page, 'standstills');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    fake.show({ ...snapshot(), standstills: [] });
    await page.getByText('Nothing stands still.').waitFor();
  });

  it('asks for the token where it is missing or wrong', async () => {
    fake.show(snapshot());
    await page.goto(fake.url.replace(/#.*/, '#token=another-one'));
    await page.getByLabel(/The token is missing or wrong/).fill('a-token-of-the-tests');
    await page.keyboard.press('Enter');
    await page.getByText('No transaction is open, and nothing waits for a connection.').waitFor();
  });

  it('does with jobs and messages what was confirmed, and nothing else', async () => {
    const queues = [{ name: job.queue, jobs: { failed: 1 } }];
    const channels = [{ name: 'jobs', waiting: 0, parked: 1 }];
    fake.show(snapshot([], { queues, channels }));
    await page.goto(fake.url);
    await page.getByRole('tab', { name: 'Jobs' }).click();
    await page.getByRole('button', { name: 'charge/eu: 1 failed' }).click();
    await page.getByRole('button', { name: 'Payload' }).click();
    expect(await page.getByRole('dialog').textContent()).toContain('{"orderId":17}');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Discard' }).click();
    // The button that has the focus changes nothing.
    await page.keyboard.press('Enter');
    await until('the dialog is closed', async () => (await page.getByRole('dialog').count()) === 0, patience);
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('dialog', { name: 'Retry this job?' }).getByRole('button', { name: 'Retry job' }).click();
    await page.getByText('The job j 1 of queue charge/eu runs again.').waitFor();
    await page.getByRole('tab', { name: 'Outbox' }).click();
    await page.getByRole('button', { name: 'jobs: 1 parked' }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Discard message' }).click();
    await page.getByText('It is gone: nothing was done.').waitFor();
    const posts = fake.asked.filter((asked) => asked.startsWith('POST'));
    expect(posts).toEqual(['POST /api/jobs/charge%2Feu/j%201/retry', 'POST /api/outbox/jobs/18/discard']);

    fake.show(snapshot([], { queues, channels, actions: [] }));
    await page.getByRole('button', { name: 'Read again' }).click();
    await until(
      'no action is offered',
      async () => (await page.getByRole('button', { name: 'Replay' }).count()) === 0,
      patience,
    );
  });

  it('shows a saga with what is recorded of it, and resumes it after a question', async () => {
    fake.show(snapshot([], { sagas: [{ name: 'order/eu', sagas: { waiting: 0, stuck: 1 }, atLeast: [] }] }));
    await page.goto(fake.url);
    await page.getByRole('tab', { name: 'Sagas' }).click();
    await page.getByRole('button', { name: 'order/eu: 1 stuck' }).click();
    await page.getByRole('cell', { name: 'Error: <b>away</b>' }).waitFor();
    await page.getByRole('button', { name: 'Steps' }).click();
    const dialog = page.getByRole('dialog', { name: 'Saga order/eu s 1' });
    for (const text of ['reserve: done', 'cool down: until', 'gift: saga gift s 1/gift, waiting', '2 earlier ones'])
      await dialog.getByText(text).waitFor();
    await picture(page, 'saga');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('dialog', { name: 'Resume this saga?' }).getByRole('button', { name: 'Resume saga' }).click();
    await page.getByText('The saga order/eu s 1 goes on.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    // The button that has the focus changes nothing.
    await page.keyboard.press('Enter');
    await until('the dialog is closed', async () => (await page.getByRole('dialog').count()) === 0, patience);
    const posts = fake.asked.filter((asked) => asked.startsWith('POST'));
    expect(posts).toEqual(['POST /api/sagas/order%2Feu/s%201/resume']);
  });
});

describe('the page over time', { timeout: patience * 3 }, () => {
  it('takes no more memory after thousands of snapshots', async () => {
    const start = Math.floor(Date.now() / 1_000) * 1_000;
    let round = 0;
    /** A thousand seconds, in which everything has another name each time. */
    const live = async (): Promise<void> => {
      for (let second = 0; second < 1_000; second += 1) {
        round += 1;
        const at = start + round * 1_000;
        const holders = Array.from({ length: 3 }, (_, index) => holder(`t${round} ${index}`));
        fake.show(
          snapshot(holders, {
            at,
            points: [pointAt(at)],
            channels: [{ name: `c${round}`, waiting: 1, parked: 0, lag: 5 }],
          }),
        );
        if (second % 100 === 99) await page.getByText(`t${round} 0`, { exact: true }).waitFor({ state: 'attached' });
      }
    };
    const session = await page.context().newCDPSession(page);
    const heap = async (): Promise<number> => {
      for (let times = 0; times < 3; times += 1) await session.send('HeapProfiler.collectGarbage');
      return (await session.send('Runtime.getHeapUsage')).usedSize;
    };
    fake.show(snapshot([holder('t0 0')]));
    await page.goto(fake.url);
    await until('the page listens', () => fake.listeners() > 0, patience);
    await page.getByRole('tab', { name: 'Over time' }).click();
    await page.getByRole('figure').first().waitFor();
    await picture(page, 'over-time');
    await page.getByRole('tab', { name: 'Now' }).click();
    await live();
    const before = await heap();
    for (let times = 0; times < 3; times += 1) await live();
    expect((await heap()) - before).toBeLessThan(250_000);
  });
});

function pointAt(at: number): Point {
  const counts = {
    committed: 9,
    rolledBack: 1,
    unknown: 0,
    statements: 40,
    failedStatements: 1,
    waits: 2,
  };
  const jobs = { jobsCompleted: 1, jobsFailed: 0, jobsRetried: 0, jobsReleased: 0, delivered: 1, undelivered: 0 };
  return {
    at,
    ...counts,
    ...jobs,
    retries: 0,
    failedHooks: 0,
    cacheHits: 5,
    cacheMisses: 1,
    transactionTimes: [1, 2, 3],
  };
}
