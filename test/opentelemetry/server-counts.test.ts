// Ten thousand transactions, as Sluice and as the server have counted them.
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const server = useTestDatabase();
const count = 10_000;

interface ServerCounts {
  readonly commits: number;
  readonly rollbacks: number;
}

it('metrics add up with the counts of the server over 10,000 transactions', { timeout: 300_000 }, async () => {
  const reader = new Reader();
  const database = server.open({ max: 8 });
  // The server counts what its own tests do, too: it is looked at from another database, and nothing else runs in this one.
  const name = (await database.query<{ name: string }>('select current_database() as name')).rows[0]?.name;
  const look = async (): Promise<ServerCounts> => {
    const [row] = await server.sql<{ commits: string; rollbacks: string }>(
      'select xact_commit as commits, xact_rollback as rollbacks from pg_stat_database where datname = $1',
      [name],
    );
    return { commits: Number(row?.commits), rollbacks: Number(row?.rollbacks) };
  };
  await using _close = { [Symbol.asyncDispose]: () => database.close() };
  const before = await look();
  using _ = instrumentSluice({ meterProvider: new MeterProvider({ readers: [reader] }) });
  let next = 0;
  const fails = (index: number): boolean => index % 7 === 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const running = database.transaction(async () => {
        await database.query('select $1::int', [index]);
        if (fails(index)) throw new Error('changed its mind');
      });
      await running.catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: 16 }, caller));

  const { resourceMetrics } = await reader.collect();
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const sum = (metric: string, attribute?: string, wanted?: string): number => {
    const found = metrics.find(({ descriptor }) => descriptor.name === metric);
    return ((found?.dataPoints ?? []) as readonly DataPoint<number | Histogram>[])
      .filter(({ attributes }) => attribute === undefined || attributes[attribute] === wanted)
      .reduce((total, { value }) => total + (typeof value === 'number' ? value : value.count), 0);
  };
  const rolledBack = Array.from({ length: count }, (_each, index) => index).filter(fails).length;
  const outcome = 'sluice.transaction.outcome';
  expect(sum('sluice.transactions', outcome, 'committed')).toBe(count - rolledBack);
  expect(sum('sluice.transactions', outcome, 'rolledBack')).toBe(rolledBack);
  expect(sum('db.client.operation.duration')).toBe(count);
  expect(sum('db.client.connection.use_time')).toBe(count);

  // Its sessions tell when they end, or are idle for a while. Opening connections, and looking, are transactions, too.
  await database.close();
  await until(
    'the server has counted all',
    async () => (await look()).commits - before.commits >= count - rolledBack,
    60_000,
  );
  const after = await look();
  expect(after.rollbacks - before.rollbacks).toBe(rolledBack);
  const others = after.commits - before.commits - (count - rolledBack);
  expect(others).toBeLessThan(500);
});
