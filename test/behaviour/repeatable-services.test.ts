// Services that are right are so with a second attempt, too: none of them may be reported.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { proveRepeatable } from '../../src/testing/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { type Body, rightServiceNames, rightServices, rightServiceTables } from '../support/right-services.ts';

describe.skipIf(engine.name === 'sqlite')('a service that is right may be repeated:', () => {
  const server = useTestDatabase(...rightServiceTables);
  let database: Database<'default'>;
  beforeEach(() => {
    database = server.open({ max: 4 });
  });

  /** How it ends, which is a failure for whoever comes too late. */
  const ended = async (body: Body): Promise<unknown> => await body().catch((error: unknown) => error);

  it.each(rightServiceNames)('%s', async (name) => {
    const { seed, pairs } = rightServices(database, { attempts: 3, delay: 1 });
    const [alice, bob] = pairs[name];
    const proof = await proveRepeatable(database, {
      setup: seed,
      body: async () => [await ended(alice), await ended(bob)],
    });
    expect(proof.repeated).toContain('anonymous');
    expect(proof.notCompared).toEqual([]);
  });
});
