import { parseArgs } from 'node:util';
import { ConnectError, createDatabase, type Database } from '../../index.ts';
import { type CheckoutFigures, runCheckouts } from './checkouts.ts';
import { type DeadlockFigures, showDeadlock } from './deadlock.ts';
import { type JobsFigures, runJobs } from './jobs.ts';
import { engineOf, type EngineName, isEngine, type Place, type Width } from './engines.ts';
import { endOnSignal } from './interruption.ts';
import { unreachableRedis } from './reach-redis.ts';
import { progressLine, table } from './report.ts';
import { watchShop } from './watch.ts';

const usage = 'Usage: npm run demo [-- --engine postgres|mariadb|sqlite] [-- --json | --watch]';

/** The shop on a real server: checkouts at two widths of the pool, and a deadlock that is named. */
async function demo(place: Place, json: boolean, signal: AbortSignal): Promise<boolean> {
  const say = json ? (): void => {} : (text: string): void => console.log(text);
  const engine = engineOf(place);
  const open = (width: Width): Database => createDatabase({ clients: { default: engine.client(place, width) } });

  const checkouts: CheckoutFigures[] = [];
  await engine.create(place);
  // SQLite has one writer, and nothing else to choose.
  for (const max of engine.auditsSeparately ? [1, 10] : [1]) {
    say(`\n500 checkouts by 50 buyers at max: ${max}`);
    const { problems, ...figures } = await using(open({ max }), async (database) => {
      const onProgress = progressLine(`max: ${max}`);
      return await runCheckouts({ database, auditsSeparately: engine.auditsSeparately, max, signal, onProgress });
    });
    for (const problem of problems) console.error(`VIOLATED: ${problem}`);
    checkouts.push(figures);
  }
  say(`\n${table(checkouts)}`);

  say('\nThe same nesting with levels switched off, at one connection:');
  const { message, ...deadlock } = await using(open({ max: 1, maxLevel: 0 }), showDeadlock);
  say(`  ${deadlock.code} after ${deadlock.ms} ms instead of hanging:\n  ${message}`);

  const jobs = await showJobs(place, signal, say);
  const jobsHold =
    jobs === undefined ||
    (jobs.holds &&
      jobs.completed === jobs.requested &&
      jobs.withoutLevels.completed < jobs.requested &&
      jobs.rowLock.code === 'CHAIN_DEADLOCK');

  const holds = jobsHold && checkouts.every(({ violations }) => violations === 0) && deadlock.code === 'POOL_DEADLOCK';
  say(holds ? '\nEvery invariant holds.' : '\nAn invariant FAILED.');
  if (json)
    console.log(JSON.stringify({ engine: place.engine, checkouts, deadlock, jobs: figuresOf(jobs) } satisfies Figures));
  return holds;
}

interface Figures {
  readonly engine: EngineName;
  readonly checkouts: readonly CheckoutFigures[];
  readonly deadlock: DeadlockFigures;
  /** Nothing where there is no engine for jobs between processes. */
  readonly jobs: JobsFigures | null;
}

interface ShownJobs extends JobsFigures {
  readonly holds: boolean;
}

async function showJobs(
  place: Place,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<ShownJobs | undefined> {
  const redisUrl = redisUrlFor(place);
  if (!engineOf(place).auditsSeparately || (place.engine !== 'postgres' && redisUrl === undefined)) {
    say(
      engineOf(place).auditsSeparately
        ? '\nJobs between processes: not shown. They need PostgreSQL, or a Redis in REDIS_URL.'
        : '\nJobs between processes: not shown. A transaction that has the one writer cannot await one that wants it.',
    );
    return undefined;
  }
  say('\nTransactions that await jobs of two other processes, every pool of one:');
  const settings = { place: { ...place, name: `${place.name}_jobs` }, redisUrl };
  const { problems, ...jobs } = await runJobs({ settings, signal, onProgress: progressLine('jobs', 'chains') });
  for (const problem of problems) console.error(`VIOLATED: ${problem}`);
  say(
    `  ${jobs.engine}: ${jobs.completed} of ${jobs.requested} ended; an answer took ${jobs.p50ms} ms, 99 of 100 at most ${jobs.p99ms} ms`,
  );
  say(
    `  the same chains without levels: ${jobs.withoutLevels.completed} ended, ${jobs.withoutLevels.timedOut} timed out`,
  );
  say(`  a job that wants the row that its waiter has locked: ${jobs.rowLock.code} after ${jobs.rowLock.ms} ms`);
  return { ...jobs, holds: problems.length === 0 };
}

/** The Redis that keeps the jobs; none where there is one writer. */
function redisUrlFor(place: Place): string | undefined {
  return engineOf(place).auditsSeparately ? process.env['REDIS_URL'] || undefined : undefined;
}

/** Why nothing can begin, where that can be known. */
async function obstacle(place: Place): Promise<string | undefined> {
  const redisUrl = redisUrlFor(place);
  return redisUrl === undefined ? undefined : await unreachableRedis({ place, redisUrl });
}

function figuresOf(jobs: ShownJobs | undefined): JobsFigures | null {
  if (jobs === undefined) return null;
  const { holds: _, ...figures } = jobs;
  return figures;
}

/** Closes the database, whatever happens. */
async function using<Result>(database: Database, work: (database: Database) => Promise<Result>): Promise<Result> {
  try {
    return await work(database);
  } finally {
    await database.close({ timeout: 2_000 });
  }
}

/** Where to run, from the environment; text where that cannot be known. */
function placeOf(engine: string): Place | string {
  if (!isEngine(engine)) return `There is no engine "${engine}".`;
  const { DATABASE_URL, MARIADB_URL } = process.env;
  const urls = { postgres: DATABASE_URL, mariadb: MARIADB_URL ?? 'mysql://root@127.0.0.1:3306', sqlite: '' };
  const connectionString = urls[engine];
  if (connectionString === undefined || (connectionString === '' && engine !== 'sqlite'))
    return 'DATABASE_URL is not set; "npm run demo" starts a PostgreSQL where it is missing.';
  return { engine, connectionString, name: `sluice_demo_${process.pid}` };
}

/** Deletes what the run has made; an engine that cannot be reached was reported above. */
async function leaveNothing(place: Place): Promise<void> {
  try {
    await engineOf(place).drop(place);
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
  }
}

async function main(): Promise<number> {
  let json: boolean;
  let engine: string;
  let watch: boolean;
  try {
    ({
      values: { json = false, engine = 'postgres', watch = false },
    } = parseArgs({ options: { json: { type: 'boolean' }, engine: { type: 'string' }, watch: { type: 'boolean' } } }));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const place = placeOf(engine);
  if (typeof place === 'string') {
    console.error(`${place}\n${usage}`);
    return 2;
  }
  const interruption = endOnSignal();
  const problem = watch ? undefined : await obstacle(place);
  if (problem !== undefined) {
    console.error(problem);
    return interruption.exitCode ?? 1;
  }
  try {
    if (watch) await watchShop(place, interruption.signal);
    return (await demo(place, json, interruption.signal)) ? 0 : 1;
  } catch (error) {
    console.error(interruption.exitCode === undefined ? error : 'Interrupted.');
    return interruption.exitCode ?? 1;
  } finally {
    await leaveNothing(place);
  }
}

process.exitCode = await main();
