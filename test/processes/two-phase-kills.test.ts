// Payments over PostgreSQL and MariaDB whose process is killed at each point of a two-phase commit: after another one has recovered
// them all databases agree, nothing is prepared, and no lock is left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  createTwoPhaseTables,
  recoverTwoPhase,
  type TwoPhaseRecovery,
} from '../../src/experimental/two-phase/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { whenReached } from '../support/servers.ts';
import { until } from '../support/settled.ts';
import { clientOn, type PreparingServer, usePreparingServers } from '../support/two-phase.ts';
import { type Coordinated, type CrashPoint, crashPoints } from './programs/dying-coordinator.ts';

const few = 3;
const rounds = Number(process.env['SLUICE_TWO_PHASE_KILLS'] ?? few);
/** Of a machine that does much else. */
const timeout = 60_000 + rounds * 10_000;

const isHere = await whenReached('MariaDB');
const servers = usePreparingServers(isHere);

const names = ['orders', 'payments', 'stock'] as const;
type Name = (typeof names)[number];
type Places = Readonly<Record<Name, PreparingServer>>;

/** By turns the decision is written on PostgreSQL and on MariaDB, and each prepares first. */
function places(round: number): Places {
  const { postgres, mariadb } = servers();
  return [
    { orders: postgres[0], payments: mariadb[0], stock: postgres[1] },
    { orders: mariadb[0], payments: mariadb[1], stock: postgres[1] },
    { orders: postgres[0], payments: postgres[1], stock: mariadb[1] },
  ][round % 3] as Places;
}

async function runAndDie(coordinated: Coordinated): Promise<void> {
  const path = fileURLToPath(new URL('programs/dying-coordinator.ts', import.meta.url));
  const child = spawn(process.execPath, [path, JSON.stringify(coordinated)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal !== 'SIGKILL') throw new Error(`the coordinator was not killed: it ended with ${code} and said ${said}`);
}

function openOn(at: Places): Database<Name> {
  const clients = { orders: clientOn(at.orders), payments: clientOn(at.payments), stock: clientOn(at.stock) };
  return createDatabase({ clients, defaultClient: 'orders' });
}

const preparedOn = async (at: Places): Promise<string[]> =>
  (await Promise.all(names.map((name) => at[name].prepared()))).flat();

/** Recovers until nothing is prepared: MariaDB lets go of what is prepared when it has noticed the end of the connection. */
async function recover(database: Database<Name>, at: Places): Promise<void> {
  const done: TwoPhaseRecovery[] = [];
  await until(
    'nothing is prepared',
    async () => {
      done.push(await recoverTwoPhase(database, [...names], { abandonedAfter: 0 }));
      const left = await preparedOn(at);
      return left.length === 0;
    },
    10_000,
  ).catch((error: unknown) => {
    throw new Error(`recovery came to ${inspect(done.at(-1))}`, { cause: error });
  });
}

/** What each point leads to, and what is left prepared there. */
const outcomes: Readonly<Record<CrashPoint, { readonly isCommitted: boolean | undefined; readonly left: number }>> = {
  'before any prepares': { isCommitted: false, left: 0 },
  'after some have prepared': { isCommitted: false, left: 1 },
  'before the decision': { isCommitted: false, left: 2 },
  'after the decision': { isCommitted: true, left: 2 },
  'during the decision': { isCommitted: undefined, left: 0 },
  'after some have committed': { isCommitted: true, left: 1 },
};

describe.skipIf(!isHere)('a two-phase commit whose process is killed', () => {
  it.each(crashPoints)(
    '%s ends in the same way on all databases',
    async (point) => {
      const all = [...servers().postgres, ...servers().mariadb];
      for (const server of all) {
        await server.sql('delete from payment');
        await server.sql("insert into payment (id, amount) values ('shared', 0)");
      }
      const figures = { committed: 0, rolledBack: 0, left: 0 };
      for (let round = 0; round < rounds; round += 1) {
        const at = places(round);
        const database = openOn(at);
        await createTwoPhaseTables(database.current);
        const id = `${crashPoints.indexOf(point)}-${round}`;
        const urls = { orders: at.orders.url, payments: at.payments.url, stock: at.stock.url };
        await runAndDie({ urls, point, id, delay: round % 20 });

        const { isCommitted, left } = outcomes[point];
        const prepared = await preparedOn(at);
        if (isCommitted !== undefined && left > 0)
          expect(new Set(prepared).size, `${point}, ${round}`).toBeGreaterThanOrEqual(left);
        figures.left += new Set(prepared).size;
        await recover(database, at);
        const paid = await Promise.all(names.map(async (name) => (await at[name].payments()).includes(id)));
        expect(new Set(paid).size, `${point}, round ${round}: ${paid.join()}`).toBe(1);
        if (isCommitted !== undefined) expect(paid[0]).toBe(isCommitted);
        figures[paid[0] === true ? 'committed' : 'rolledBack'] += 1;
        // No lock is left: each of them takes the row that was written.
        for (const name of names) {
          await database
            .getDb({ clientName: name })
            .transaction.begin(
              () =>
                database.getDb({ clientName: name }).query("update payment set amount = amount where id = 'shared'"),
              { timeout: 5_000 },
            );
        }
        await database.close({ timeout: 1_000 });
      }
      // Each payment has counted once in each database that it was for.
      for (const server of all) {
        const [row] = await server.sql("select amount from payment where id = 'shared'");
        expect(Number(row?.['amount'])).toBe((await server.payments()).length - 1);
      }
      console.info(`${point}: ${rounds} kills, ${JSON.stringify(figures)}`);
    },
    timeout,
  );
});
