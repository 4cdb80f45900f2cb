// What a program comes to does not depend on whether its statements are pipelined.
import { describe, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { libraries, openRunners, postgresLanguage } from '../support/pipelined-postgres.ts';
import {
  compareModes,
  type Mode,
  programsOf,
  runProgram,
  type Step,
  type Trace,
} from '../support/pipelined-programs.ts';

const server = useTestDatabase();
type Name = (typeof libraries)[number];
const { program, cancelledProgram } = programsOf(libraries, ['fail', 'misfit', 'unsendable']);

async function open(pipelining: boolean): Promise<Mode<Name>> {
  const database = server.open({ max: 1, pipelining });
  return { database, runners: await openRunners(database) };
}

async function outcome(
  { database, runners }: Mode<Name>,
  body: readonly Step<Name>[],
): Promise<Trace & { readonly rows: unknown }> {
  await server.sql('truncate product');
  await server.sql('insert into product (id) values (1), (2), (3)');
  const trace = await runProgram(database, runners, postgresLanguage, body);
  return { ...trace, rows: await server.products() };
}

describe('pipelining', () => {
  it(
    '1,000 programs of all libraries give the same rows, errors, hooks and outcomes without it',
    { timeout: 600_000 },
    async () => {
      await compareModes(open, { runs: 1_000, arbitrary: program }, outcome);
    },
  );

  it('500 programs that are cancelled in the middle end the same', { timeout: 600_000 }, async () => {
    // How far a program came is a matter of time, and so it was without pipelining.
    await compareModes(open, { runs: 500, arbitrary: cancelledProgram }, outcome, ({ rows, ended }) => ({
      rows,
      ended,
    }));
  });
});
