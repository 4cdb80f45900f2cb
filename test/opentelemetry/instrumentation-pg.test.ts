// The real instrumentation of pg, which patches its clients, beside Sluice.
import { createRequire } from 'node:module';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { useRecording } from './recording.ts';

const server = useTestDatabase();
const recording = useRecording();
let unregister: () => void;

beforeAll(() => {
  unregister = registerInstrumentations({
    tracerProvider: recording.provider,
    instrumentations: [new PgInstrumentation()],
  });
  createRequire(import.meta.url)('pg');
});
afterAll(() => unregister());

describe('beside @opentelemetry/instrumentation-pg', () => {
  it('there is one span for a statement, not none and not two', async () => {
    using _ = instrumentSluice();
    const database = server.open();
    const pool = ambientPool(database);
    await recording.provider.getTracer('shop').startActiveSpan('request', async (request) => {
      await database.transaction(
        async () => {
          await insert(database, 1);
          await database.transaction(() => insert(database, 2), { propagation: 'NESTED' });
          await pool.query('select id from product');
        },
        { name: 'checkout' },
      );
      await database.query('delete from product');
      request.end();
    });
    expect(recording.tree()).toEqual([
      'request',
      '  transaction checkout',
      '    INSERT product',
      '    INSERT product',
      '    SELECT product',
      '  DELETE product',
    ]);
    expect(new Set(recording.spans().map(({ instrumentationScope }) => instrumentationScope.name))).toEqual(
      new Set(['shop', 'sluice']),
    );
  });

  it('clients of pg that are not those of Sluice keep their spans, inside of its transactions too', async () => {
    using _ = instrumentSluice();
    const database = server.open();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    recording.reset();
    await database.transaction(async () => {
      await insert(database, 1);
      await client.query('select 1');
    });
    await client.end();
    expect(recording.tree()).toEqual([
      'transaction',
      '  INSERT product',
      expect.stringMatching(/^ {2}pg\.query:SELECT/),
    ]);
  });

  it('alone it sees no statement of Sluice as a whole', async () => {
    const database = server.open();
    await database.transaction(() => insert(database, 1));
    expect(recording.spans().filter(({ name }) => name.includes('INSERT'))).toEqual([]);
  });
});
