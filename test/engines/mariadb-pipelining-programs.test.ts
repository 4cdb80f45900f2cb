// What a program comes to does not depend on whether its statements are pipelined.
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { libraries, mariadbLanguage, mariadbSchema, openRunners } from '../support/pipelined-mariadb.ts';
import {
  compareModes,
  type Mode,
  programsOf,
  runProgram,
  type Step,
  type Trace,
} from '../support/pipelined-programs.ts';

const server = useTestDatabase(...mariadbSchema);
type Name = (typeof libraries)[number];
interface Program {
  readonly body: readonly Step<Name>[];
  /** The server rolls back what changes a row that another one has changed. */
  readonly isSnapshot: boolean;
}
const runs = Number(process.env['SLUICE_PROGRAMS'] ?? 1_000);
const { program, cancelledProgram } = programsOf(libraries, ['fail', 'misfit', 'unsendable', 'conflict', 'deadlock']);
const on = (body: fc.Arbitrary<readonly Step<Name>[]>): fc.Arbitrary<Program> =>
  fc.record({ body, isSnapshot: fc.boolean() });

async function open(pipelining: boolean): Promise<Mode<Name>> {
  const database = server.open({ max: 1, pipelining });
  return { database, runners: await openRunners(database) };
}

async function outcome(
  { database, runners }: Mode<Name>,
  { body, isSnapshot }: Program,
): Promise<Trace & { readonly rows: unknown }> {
  await server.sql('call start_anew()');
  const trace = await runProgram(
    database,
    runners,
    mariadbLanguage,
    body,
    isSnapshot
      ? {
          transaction: { isolationLevel: 'SNAPSHOT' },
          async before() {
            await database.current.query('select * from contended');
            await server.sql('update contended set n = n + 1');
          },
        }
      : {},
  );
  return { ...trace, rows: await server.products() };
}

describe('pipelining', () => {
  it(
    `${runs} programs of all libraries give the same rows, errors, hooks and outcomes without it`,
    { timeout: 600_000 },
    async () => {
      await compareModes(open, { runs, arbitrary: on(program) }, outcome);
    },
  );

  it(`${runs / 4} programs that are cancelled in the middle end the same`, { timeout: 600_000 }, async () => {
    // How far a program came is a matter of time, and so it was without pipelining.
    await compareModes(open, { runs: runs / 4, arbitrary: on(cancelledProgram) }, outcome, ({ rows, ended }) => ({
      rows,
      ended,
    }));
  });
});
