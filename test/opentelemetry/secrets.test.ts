// A canary in everything that a program may hold: in no span, metric, event or log.
import { inspect } from 'node:util';
import { diag, DiagLogLevel } from '@opentelemetry/api';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { afterAll, expect, it } from 'vitest';
import { createDatabase } from '../../src/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { addToOutbox, createOutboxTables, createRelay } from '../../src/outbox/index.ts';
import { createJobs, defineQueue, memory } from '../../src/queue/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';
import { useRecording } from './recording.ts';

class Reader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

const canary = 'canary-7f3a';
const server = useTestDatabase();
const recording = useRecording();
afterAll(() => diag.disable());

it('a secret in the DSN, values, literals, payloads and errors is in no span, metric or log', async () => {
  const said: unknown[] = [];
  const log = (...words: unknown[]): void => void said.push(...words);
  const logger = { error: log, warn: log, info: log, debug: log, verbose: log };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ALL });
  const reader = new Reader();
  const meterProvider = new MeterProvider({ readers: [reader] });
  const url = new URL(server.url);
  url.password = canary;
  url.searchParams.set('application_name', canary);
  await using database = createDatabase({ clients: { default: postgres({ connectionString: url.href }) } });
  using _ = instrumentSluice({ meterProvider, outbox: database.current });

  await createOutboxTables(database.current);
  const invoice = defineQueue<{ secret: string }, string>('invoice');
  const jobs = createJobs(database, { queues: { invoice }, engine: memory() });
  jobs.worker().handle(invoice, ({ secret }) => {
    if (secret.endsWith('!'))
      throw Object.assign(new Error(secret), { code: `${secret} ${secret}`, name: ` ${secret}` });
    return secret;
  });
  await database.transaction(async () => {
    await database.query(`select '${canary}' /* ${canary} */ -- ${canary}`);
    await database.query('select $1::text', [canary]);
    await database.query(`select E'${canary}', $tag$${canary}$tag$, U&'${canary}'`);
    await addToOutbox(database.current, [{ channel: 'mail', queue: 'orders', key: canary, payload: { canary } }]);
    await jobs.queues.invoice.push({ secret: canary });
    await jobs.queues.invoice.pushAsync({ secret: canary });
  });
  await rejection(jobs.queues.invoice.pushAsync({ secret: `${canary}!` }));
  // The server quotes the value in the message of its error.
  await rejection(database.transaction(() => database.query(`select '${canary}'::int`)));
  await rejection(
    database.transaction(async () => {
      database.current.afterCommit(() => {
        throw new Error(canary);
      });
      await database.query('select 1');
    }),
  );
  const relay = createRelay(database, { channel: 'mail', deliver: () => Promise.reject(new Error(canary)) });
  await relay.drain();
  await jobs.close();

  const { resourceMetrics } = await reader.collect();
  const spans = recording
    .spans()
    .map(({ name, attributes, events, links, status }) => ({ name, attributes, events, links, status }));
  const text = inspect({ spans, metrics: resourceMetrics.scopeMetrics, said }, { depth: 20, maxArrayLength: null });
  expect(spans.length).toBeGreaterThan(10);
  expect(text).toContain('db.query.text');
  expect(text).toContain('sluice.outbox.lag');
  expect(text).not.toContain(canary);
});
