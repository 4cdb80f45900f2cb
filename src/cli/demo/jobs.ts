import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Database, SluiceError, statement } from '../../index.ts';
import { createOutboxTables } from '../../outbox/index.ts';
import { RemoteError } from '../../queue/index.ts';
import { engineOf } from './engines.ts';
import { type JobsSettings, openJobs, type ShopJobs } from './jobs-shop.ts';

export interface JobsFigures {
  readonly engine: 'pg-boss' | 'bullmq';
  readonly requested: number;
  readonly completed: number;
  /** Of a transaction that awaits a job: from the push to its answer. */
  readonly p50ms: number;
  readonly p99ms: number;
  readonly withoutLevels: { readonly completed: number; readonly timedOut: number };
  readonly rowLock: { readonly code: string; readonly ms: number };
}

export interface JobsRun {
  readonly settings: JobsSettings;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, requested: number) => void;
}

const transactions = 200;
const chains = 20;
const callers = 20;
const accounts = 20;
/** How long a chain without levels is waited for: longer than it would take with them. */
const patience = 3_000;

const tables = [
  'create table account (id int primary key, balance int not null)',
  'create table visit (depth int not null)',
  'create table checkout (id int primary key)',
];

/** Transactions that await jobs of other processes, everything at a pool of one: with levels, without, and against a row lock. */
export async function runJobs({
  settings,
  signal,
  onProgress,
}: JobsRun): Promise<JobsFigures & { problems: string[] }> {
  await engineOf(settings.place).create(settings.place);
  const { database, jobs } = openJobs(settings);
  const workers: ChildProcess[] = [];
  try {
    await createTables(database);
    // The queues are made by one process, not by three at once.
    await (await jobs.queues.charge.push({ orderId: 0, accountId: 0 })).status();
    workers.push(...(await Promise.all([startWorker(settings), startWorker(settings)])));
    const times: number[] = [];
    const completed = await runAll(database, jobs, { times, signal, onProgress });
    const problems = await findProblems(database);
    const withoutLevels = await runWithoutLevels(jobs);
    const rowLock = await showRowLock(database, jobs);
    times.sort((one, other) => one - other);
    const quantile = (share: number): number => Number((times[Math.floor(times.length * share)] ?? 0).toFixed(1));
    return {
      engine: settings.redisUrl === undefined ? 'pg-boss' : 'bullmq',
      requested: transactions + chains,
      completed,
      p50ms: quantile(0.5),
      p99ms: quantile(0.99),
      withoutLevels,
      rowLock,
      problems,
    };
  } finally {
    await Promise.all(workers.map(stopWorker));
    // Each of them, whatever became of those before it: what stays open would keep the process alive.
    for (const step of [
      () => jobs.obliterate(),
      () => jobs.close({ timeout: 1_000 }),
      () => database.close({ timeout: 2_000 }),
      () => engineOf(settings.place).drop(settings.place),
    ]) {
      await step().catch((error: unknown) => console.error('Not everything could be removed:', error));
    }
  }
}

async function createTables({ current }: Database): Promise<void> {
  for (const table of tables) await current.query(table);
  await current.batch(
    Array.from({ length: accounts + 1 }, (_, id) => statement('insert into account values ($1, 0)', [id])),
  );
  await createOutboxTables(current);
}

interface Running {
  readonly times: number[];
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, requested: number) => void;
}

/** @returns how many have ended well */
async function runAll(database: Database, jobs: ShopJobs, { times, signal, onProgress }: Running): Promise<number> {
  let next = 0;
  let done = 0;
  const call = async (): Promise<void> => {
    while (next < transactions + chains) {
      signal.throwIfAborted();
      next += 1;
      if (next > transactions) await jobs.queues.nest.pushAsync({ depth: 1, timeout: 30_000 });
      else times.push(await checkOut(database, jobs, next));
      done += 1;
      onProgress(done, transactions + chains);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return done;
}

/** Writes, pushes a job that leaves with the commit, and awaits one that writes elsewhere. @returns its milliseconds */
async function checkOut(database: Database, jobs: ShopJobs, orderId: number): Promise<number> {
  return await database.transaction(
    async () => {
      await database.current.query('insert into checkout (id) values ($1)', [orderId]);
      await jobs.queues.charge.push({ orderId, accountId: 0 });
      const start = performance.now();
      await jobs.queues.charge.pushAsync({ orderId, accountId: 1 + (orderId % accounts) });
      return performance.now() - start;
    },
    { name: 'checkout' },
  );
}

/** What must be true of the tables afterwards; jobs that left with a commit are given the time to come. */
async function findProblems(database: Database): Promise<string[]> {
  const question = `select (select count(*) from checkout) as checkouts, (select count(*) from visit) as visits,
    (select -balance from account where id = 0) as pushed, (select -sum(balance) from account where id > 0) as awaited`;
  const expected = { checkouts: transactions, visits: chains * 3, pushed: transactions + 1, awaited: transactions };
  for (let attempt = 0; ; attempt += 1) {
    const { rows } = await database.current.query(question);
    const wrong = Object.entries(expected).filter(([name, count]) => Number(rows[0]?.[name]) !== count);
    if (wrong.length === 0) return [];
    if (attempt === 200) return wrong.map(([name, count]) => `${name}: ${String(rows[0]?.[name])} instead of ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The same chains with every job at level 0: those that run hold the slots that those they wait for want. */
async function runWithoutLevels(jobs: ShopJobs): Promise<JobsFigures['withoutLevels']> {
  const options = { timeout: patience, dbInfo: { level: 0 } };
  const chain = (): Promise<number> => jobs.queues.nest.pushAsync({ depth: 1, level: 0, timeout: patience }, options);
  const settled = await Promise.allSettled(Array.from({ length: chains }, chain));
  const errors = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  const timedOut = errors.filter((error) => isCode(error, 'JOB_TIMEOUT') || isCode(error, 'DEADLINE_EXCEEDED')).length;
  return { completed: settled.length - errors.length, timedOut };
}

/** A transaction holds a row and awaits a job that wants it: no server sees this deadlock. */
async function showRowLock(database: Database, jobs: ShopJobs): Promise<JobsFigures['rowLock']> {
  const start = performance.now();
  try {
    await database.transaction(
      async () => {
        await database.current.query('update account set balance = balance + 1 where id = 1');
        await jobs.queues.charge.pushAsync({ orderId: 0, accountId: 1 });
      },
      { name: 'checkout' },
    );
    return { code: 'NONE', ms: Math.round(performance.now() - start) };
  } catch (error) {
    if (!(error instanceof RemoteError) && !(error instanceof SluiceError)) throw error;
    return { code: error.code ?? 'NONE', ms: Math.round(performance.now() - start) };
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function startWorker(settings: JobsSettings): Promise<ChildProcess> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`./jobs-worker.${extension}`, import.meta.url));
  const child = fork(program, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`a worker process ended with ${code} before it was ready`)));
  });
}

function stopWorker(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
    if (child.connected) child.send('end');
  });
}
