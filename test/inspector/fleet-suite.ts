import { expect, it, onTestFinished } from 'vitest';
import type { Database } from '../../src/index.ts';
import { type FleetBus, joinFleet } from '../../src/inspector/index.ts';
import type { Snapshot } from '../../src/inspector/snapshot.ts';
import { parcelsOf } from '../../src/inspector/fleet/parcels.ts';
import { signal, until } from '../support/settled.ts';
import { openInspector, readStream } from './inspector-client.ts';

/** What is true of a fleet over any bus. */
export function describeFleet(open: () => Database, bus: () => FleetBus): void {
  const join = (name: string): { readonly database: Database; readonly leave: () => Promise<void> } => {
    const database = open();
    const member = joinFleet(database, { name, fleet: bus() });
    onTestFinished(() => member.close());
    return { database, leave: () => member.close() };
  };

  it('shows the other processes with their holders, and forgets who leaves', async () => {
    const worker = join('worker');
    const page = await openInspector({ database: open(), name: 'web', fleet: bus() });
    const { promise, fire } = signal();
    const working = worker.database.transaction(
      async () => {
        await worker.database.query("select 'canary-of-a-literal'");
        await promise;
      },
      { name: 'invoice' },
    );
    let now: Snapshot | undefined;
    await until('the worker has answered', async () => {
      now = await page.snapshot();
      return now.holders.shown.some(({ name, backend }) => name === 'invoice' && backend !== undefined);
    });
    const view = now?.processes.find(({ name }) => name === 'worker');
    expect(view).toMatchObject({ status: 'answered', isInspector: false, holders: 1 });
    const holder = now?.holders.shown.find(({ name }) => name === 'invoice');
    expect(holder?.processId).toBe(view?.id);
    const { json, text } = await page.get(`/api/transactions/${holder?.id}`);
    expect(json).toMatchObject({ processId: view?.id, id: holder?.id });
    expect(text).toContain('"event":"statement"');
    expect(text + JSON.stringify(now)).not.toContain('canary');
    fire();
    await working;
    await worker.leave();
    await until('it is forgotten', async () => (await page.snapshot()).processes.length === 1);
  });

  it('shows the others soon after the first look, however long it is until the next one', async () => {
    const member = joinFleet(open(), { name: 'worker', fleet: bus() });
    onTestFinished(() => member.close());
    const page = await openInspector({ database: open(), fleet: bus(), interval: 60_000 });
    const probe = bus();
    const answered = new Set<string>();
    probe.open(
      (text) => {
        const from = /^a1 \S+ (\S+) /.exec(text)?.[1];
        if (from !== undefined) answered.add(from);
      },
      () => {},
    );
    onTestFinished(() => probe.close());
    await until('both listen', async () => {
      await probe.publish('q1 probe-1 probe-2 report').catch(() => {});
      return answered.size === 2;
    });
    const stream = await readStream(page);
    const isShown = (): boolean => stream.snapshots.at(-1)?.processes.some(({ name }) => name === 'worker') === true;
    await until('the worker is shown', isShown, 20_000);
    stream.leave();
  });

  it('puts together answers that are longer than a message', async () => {
    const worker = join('worker');
    const page = await openInspector({ database: open(), fleet: bus() });
    const { promise, fire } = signal();
    // Texts that do not pack well.
    const working = Array.from({ length: 250 }, (_, at) =>
      worker.database.transaction(
        async () => {
          await worker.database.query('select 1');
          await promise;
        },
        {
          name: `${at}-${Array.from({ length: 12 }, () => Math.random().toString(36).slice(2)).join('-')}`.slice(
            0,
            150,
          ),
        },
      ),
    );
    await until('all have come', async () => (await page.snapshot()).holders.shown.length >= 250);
    fire();
    await Promise.all(working);
  });

  it('shows what answers garbage, too much or not to the end as such, and goes on', async () => {
    const worker = join('worker');
    const page = await openInspector({ database: open(), fleet: bus() });
    const evil = bus();
    const waste = 'x'.repeat(20_000_000);
    const packed = await parcelsOf('ASK', 'huge-1', { waste }, evil.longestMessage);
    const answers = (ask: string): readonly string[] => [
      ...packed.map((text) => text.replace('ASK', ask)),
      `a1 ${ask} garbled-1 0 1 bm9uc2Vuc2U=`,
      `a1 ${ask} half-1 0 2 bm9u`,
      `a1 ${ask} twice-1 0 2 bm9u`,
      `a1 ${ask} twice-1 0 2 bm9u`,
      `a1 ${ask} endless-1 0 99999 ${'A'.repeat(1_000)}`,
      `a1 ${ask} <img/onerror> 0 1 AAAA`,
      `a1 ${ask}`,
      'q1 <img> <img> report',
      'nonsense',
      '\u{1F600}',
    ];
    evil.open(
      (text) => {
        const ask = /^q1 (\S+) \S+ report$/.exec(text)?.[1];
        if (ask === undefined) return;
        void Promise.all(answers(ask).map((answer) => evil.publish(answer))).catch(() => {});
      },
      () => {},
    );
    onTestFinished(() => evil.close());
    const stream = await readStream(page);
    const statuses = (): Record<string, string> => {
      const processes = stream.snapshots.at(-1)?.processes ?? [];
      return Object.fromEntries(processes.map(({ id, name, status }) => [name === 'worker' ? name : id, status]));
    };
    const expected = {
      worker: 'answered',
      'huge-1': 'tooLarge',
      'garbled-1': 'garbled',
      'half-1': 'silent',
      'twice-1': 'garbled',
      'endless-1': 'silent',
    };
    await until('all are shown', () => Object.entries(expected).every(([id, status]) => statuses()[id] === status));
    expect(Object.keys(statuses())).toHaveLength(7);
    expect(
      await worker.database.transaction(async () => (await worker.database.query('select 1 as one')).rows),
    ).toEqual([{ one: 1 }]);
    stream.leave();
  });
}
