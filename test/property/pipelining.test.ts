// What a program comes to does not depend on whether its statements are pipelined.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import {
  cancelledProgram,
  openRunners,
  program,
  type Runners,
  runProgram,
  type Step,
  type Trace,
} from '../support/pipelined-programs.ts';

const server = useTestDatabase();

interface Mode {
  readonly database: Database<'default'>;
  readonly runners: Runners;
}

async function open(pipelining: boolean): Promise<Mode> {
  const database = server.open({ max: 1, pipelining });
  return { database, runners: await openRunners(database) };
}

async function outcome(
  { database, runners }: Mode,
  body: readonly Step[],
): Promise<Trace & { readonly rows: unknown }> {
  await server.sql('truncate product');
  await server.sql('insert into product (id) values (1), (2), (3)');
  const trace = await runProgram(database, runners, body);
  return { ...trace, rows: await server.products() };
}

async function compare(
  runs: number,
  arbitrary: fc.Arbitrary<readonly Step[]>,
  seen: (trace: Awaited<ReturnType<typeof outcome>>) => unknown,
): Promise<void> {
  const on = await open(true);
  const off = await open(false);
  try {
    await fc.assert(
      fc.asyncProperty(arbitrary, async (body) => {
        const expected = await outcome(off, body);
        const given = await outcome(on, body);
        expect(seen(given)).toEqual(seen(expected));
        expect(on.database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      }),
      { numRuns: runs },
    );
  } finally {
    await Promise.all([on.runners.close(), off.runners.close()]);
  }
}

describe('pipelining', () => {
  it(
    '1,000 programs of all libraries give the same rows, errors, hooks and outcomes without it',
    { timeout: 600_000 },
    async () => {
      await compare(1_000, program, (trace) => trace);
    },
  );

  it('500 programs that are cancelled in the middle end the same', { timeout: 600_000 }, async () => {
    // How far a program came is a matter of time, and so it was without pipelining.
    await compare(500, cancelledProgram, ({ rows, ended }) => ({ rows, ended }));
  });
});
