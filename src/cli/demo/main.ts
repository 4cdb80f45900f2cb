import { parseArgs } from 'node:util';
import { postgres } from '../../drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../index.ts';
import { type CheckoutFigures, runCheckouts } from './checkouts.ts';
import { type DeadlockFigures, showDeadlock } from './deadlock.ts';
import { type JobsFigures, runJobs } from './jobs.ts';
import { progressLine, table } from './report.ts';
import { dropTables, schemaName } from './schema.ts';

const usage = 'Usage: npm run demo [-- --json]';

/** The shop on a real server: checkouts at two widths of the pool, and a deadlock that is named. */
async function demo(connectionString: string, json: boolean, signal: AbortSignal): Promise<boolean> {
  const say = json ? (): void => {} : (text: string): void => console.log(text);
  const open = (max: number, maxLevel?: number): Database =>
    createDatabase({
      clients: { default: postgres({ connectionString, max, maxLevel, options: `-c search_path=${schemaName}` }) },
    });

  const checkouts: CheckoutFigures[] = [];
  for (const max of [1, 10]) {
    say(`\n500 checkouts by 50 buyers at max: ${max}`);
    const { problems, ...figures } = await using(open(max), async (database) => {
      const onProgress = progressLine(`max: ${max}`);
      return await runCheckouts({ database, max, signal, onProgress });
    });
    for (const problem of problems) console.error(`VIOLATED: ${problem}`);
    checkouts.push(figures);
  }
  say(`\n${table(checkouts)}`);

  say('\nThe same nesting with levels switched off, at one connection:');
  const { message, ...deadlock } = await using(open(1, 0), showDeadlock);
  say(`  ${deadlock.code} after ${deadlock.ms} ms instead of hanging:\n  ${message}`);

  say('\nTransactions that await jobs of two other processes, every pool of one:');
  const settings = { connectionString, redisUrl: process.env['REDIS_URL'] || undefined, schema: `${schemaName}_jobs` };
  const { problems, ...jobs } = await runJobs({ settings, signal, onProgress: progressLine('jobs', 'chains') });
  for (const problem of problems) console.error(`VIOLATED: ${problem}`);
  say(
    `  ${jobs.engine}: ${jobs.completed} of ${jobs.requested} ended; an answer took ${jobs.p50ms} ms, 99 of 100 at most ${jobs.p99ms} ms`,
  );
  say(
    `  the same chains without levels: ${jobs.withoutLevels.completed} ended, ${jobs.withoutLevels.timedOut} timed out`,
  );
  say(`  a job that wants the row that its waiter has locked: ${jobs.rowLock.code} after ${jobs.rowLock.ms} ms`);
  const jobsHold =
    problems.length === 0 &&
    jobs.completed === jobs.requested &&
    jobs.withoutLevels.completed < jobs.requested &&
    jobs.rowLock.code === 'CHAIN_DEADLOCK';

  const holds = jobsHold && checkouts.every(({ violations }) => violations === 0) && deadlock.code === 'POOL_DEADLOCK';
  say(holds ? '\nEvery invariant holds.' : '\nAn invariant FAILED.');
  if (json)
    console.log(
      JSON.stringify({ checkouts, deadlock, jobs } satisfies {
        checkouts: CheckoutFigures[];
        deadlock: DeadlockFigures;
        jobs: JobsFigures;
      }),
    );
  return holds;
}

/** Leaves the server as it was, whatever happens. */
async function using<Result>(database: Database, work: (database: Database) => Promise<Result>): Promise<Result> {
  try {
    return await work(database);
  } finally {
    try {
      await dropTables(database);
    } finally {
      await database.close({ timeout: 2_000 });
    }
  }
}

async function main(): Promise<number> {
  let json: boolean;
  try {
    ({
      values: { json = false },
    } = parseArgs({ options: { json: { type: 'boolean' } } }));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const connectionString = process.env['DATABASE_URL'];
  if (connectionString === undefined || connectionString === '') {
    console.error(`DATABASE_URL is not set; "npm run demo" starts a PostgreSQL where it is missing.\n${usage}`);
    return 2;
  }
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
  }
  try {
    return (await demo(connectionString, json, interruption.signal)) ? 0 : 1;
  } catch (error) {
    console.error(interruption.signal.aborted ? 'Interrupted.' : error);
    return interruption.signal.aborted ? 130 : 1;
  }
}

process.exitCode = await main();
