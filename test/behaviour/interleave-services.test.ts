// Services that are right, under every order of their statements and without an invariant: none of them may be reported.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave, type InterleaveReport } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import {
  type Body,
  rightServiceNames,
  rightServices,
  type RightServices,
  rightServiceTables,
} from '../support/right-services.ts';

describe.skipIf(engine.name === 'sqlite')('a service that is right is not reported:', () => {
  const server = useTestDatabase(...rightServiceTables);
  let database: Database<'default'>;
  let services: RightServices;
  beforeEach(() => {
    // A deadlock is seen soon: PostgreSQL looks after a second.
    database = server.open({ max: 4, options: '-c deadlock_timeout=400' });
    services = rightServices(database);
  });

  const tried = async ([alice, bob]: readonly [Body, Body]): Promise<InterleaveReport> =>
    await interleave(database, { setup: services.seed, actors: { alice, bob }, maxRemedyRuntime: 0 });

  it.each(rightServiceNames)('%s', async (name) => {
    const report = await tried(services.pairs[name]);
    expect(report.toString()).toContain('No anomaly');
    expect(report).toMatchObject({ anomalous: 0, notes: [], isComplete: true });
    report.assertSerializable();
  });

  it('and is, without what makes it right', async () => {
    const body = services.inTransaction(services.readAndTake());
    const report = await tried([body, body]);
    expect(report.anomalies[0]).toMatchObject({ kind: 'oversell', switches: 1 });
    expect(report.anomalies[0]?.found).toMatch(/^no serial order gives this: /);
    expect(() => report.assertSerializable()).toThrow(expect.objectContaining({ code: 'ANOMALY_FOUND' }));
  });
});
