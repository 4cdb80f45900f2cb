import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Queue, QueueEvents } from 'bullmq';
import { createOutboxTables } from '../src/outbox/index.ts';
import { type JobsArenaSettings, openJobsArena, type JobsArena } from './jobs-arena.ts';
import { median } from './rounds.ts';

/** From the push of a job to its answer, in milliseconds, one at a time; the worker is another process. */
export interface Latency {
  readonly name: string;
  readonly p50: number;
  /** Of the rounds. */
  readonly p50Spread: readonly [number, number];
  readonly p99: number;
}

/** Messages per second that were committed to the outbox and are handed to Redis. */
export interface RelayRate {
  readonly perSecond: number;
  readonly spread: readonly [number, number];
  /** Of BullMQ's own `addBulk` with as many jobs at once. */
  readonly ofAddBulk: number;
}

export interface JobsFigures {
  readonly requestAndReply: readonly Latency[];
  readonly relay: RelayRate | undefined;
}

export interface JobsRounds {
  readonly rounds: number;
  /** Requests of each contender in a round. */
  readonly requests: number;
  /** Messages that are relayed in a round. */
  readonly messages: number;
}

interface Requester {
  readonly name: string;
  readonly request: (value: number) => Promise<unknown>;
}

const atOnce = 500;

export async function measureJobs(settings: JobsArenaSettings, rounds: JobsRounds): Promise<JobsFigures> {
  const arena = openJobsArena(settings);
  const { database, engines } = arena;
  await database.current.query('create table sluice_bench_jobs (id int primary key, value int not null)');
  await database.current.query('insert into sluice_bench_jobs select id, 0 from generate_series(0, 999) id');
  await createOutboxTables(database.current);
  for (const { queues } of Object.values(engines)) await (await queues.bulk.push({ orderId: 0 })).status();
  const own = settings.redisUrl === undefined ? undefined : await openOwn(settings.redisUrl, settings.scope);
  const worker = await startWorker(settings);
  try {
    const requesters = requestersOf(arena);
    if (own !== undefined) requesters.push({ name: 'BullMQ itself, waitUntilFinished', request: own.request });
    const requestAndReply = await measureLatency(requesters, rounds);
    const relay = own === undefined ? undefined : await measureRelay(settings, arena, own.queue, rounds);
    return { requestAndReply, relay };
  } finally {
    await stopWorker(worker);
    await own?.close();
    for (const jobs of Object.values(engines)) {
      await jobs.obliterate();
      await jobs.close();
    }
    await database.current.query('drop table sluice_bench_jobs, sluice_outbox, sluice_inbox');
    await database.close();
  }
}

function requestersOf({ engines }: JobsArena): Requester[] {
  return Object.entries(engines).flatMap(([engine, { queues }]) => [
    { name: `Sluice on ${engine}`, request: (value) => queues.echo.pushAsync(value) },
    { name: `Sluice on ${engine}, the job updates a row`, request: (value) => queues.update.pushAsync(value % 1_000) },
  ]);
}

interface Own {
  readonly queue: Queue<unknown, unknown>;
  readonly request: (value: number) => Promise<unknown>;
  close(): Promise<void>;
}

/** BullMQ as its documentation says: the queue, its events, and a job that is waited for. */
async function openOwn(url: string, scope: string): Promise<Own> {
  const prefix = `${scope}-own`;
  const queue = new Queue<unknown, unknown>('echo', { connection: { url }, prefix });
  const bulk = new Queue<unknown, unknown>('bulk', { connection: { url }, prefix });
  const events = new QueueEvents('echo', { connection: { url }, prefix });
  await events.waitUntilReady();
  return {
    queue: bulk,
    request: async (value) => {
      const job = await queue.add('echo', value, { removeOnComplete: { age: 3_600, count: 10_000 } });
      return await job.waitUntilFinished(events, 10_000);
    },
    async close() {
      await queue.obliterate({ force: true });
      await bulk.obliterate({ force: true });
      await Promise.all([queue.close(), bulk.close(), events.close()]);
    },
  };
}

async function measureLatency(requesters: readonly Requester[], { rounds, requests }: JobsRounds): Promise<Latency[]> {
  const medians = new Map<string, number[]>(requesters.map(({ name }) => [name, []]));
  const all = new Map<string, number[]>(requesters.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, request } of round % 2 === 0 ? requesters : requesters.toReversed()) {
      const times: number[] = [];
      for (let value = 0; value < requests; value += 1) {
        const start = performance.now();
        await request(value);
        times.push(performance.now() - start);
      }
      // The first round warms up.
      if (round === 0) continue;
      medians.get(name)?.push(median(times));
      all.get(name)?.push(...times);
    }
  }
  return requesters.map(({ name }) => {
    const p50s = medians.get(name) ?? [];
    const times = (all.get(name) ?? []).toSorted((one, other) => one - other);
    return {
      name,
      p50: median(p50s),
      p50Spread: [Math.min(...p50s), Math.max(...p50s)],
      p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
    };
  });
}

/** Bulk is handed to a lane that no worker takes from, so that nothing else happens meanwhile. */
async function measureRelay(
  settings: JobsArenaSettings,
  arena: JobsArena,
  own: Queue,
  { rounds, messages }: JobsRounds,
): Promise<RelayRate> {
  const rates: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    await fillOutbox(arena, messages);
    const relayed = messages / (await timeRelay(settings, arena));
    const added = messages / (await timeAddBulk(own, messages));
    if (round === 0) continue;
    rates.push(relayed);
    ratios.push(relayed / added);
  }
  return {
    perSecond: median(rates),
    spread: [Math.min(...rates), Math.max(...rates)],
    ofAddBulk: median(ratios),
  };
}

async function fillOutbox({ database, engines }: JobsArena, messages: number): Promise<void> {
  const queue = engines['BullMQ']?.queues.bulk;
  if (queue === undefined) throw new Error('there is no Redis');
  for (let done = 0; done < messages; done += atOnce) {
    await database.transaction(async () => {
      const pushes = Array.from({ length: atOnce }, (_, index) => queue.push({ orderId: done + index }));
      await Promise.all(pushes);
    });
  }
}

/** Starts a relay and waits until the outbox is empty. @returns seconds */
async function timeRelay(settings: JobsArenaSettings, { database }: JobsArena): Promise<number> {
  const relaying = openJobsArena(settings, true);
  try {
    const jobs = relaying.engines['BullMQ'];
    // Connected beforehand.
    await (await jobs?.queues.bulk.push({ orderId: 0 }))?.status();
    const start = performance.now();
    jobs?.startRelay();
    while ((await database.current.query('select 1 from sluice_outbox limit 1')).rowCount > 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return (performance.now() - start) / 1_000;
  } finally {
    for (const jobs of Object.values(relaying.engines)) await jobs.close();
    await relaying.database.close();
  }
}

async function timeAddBulk(queue: Queue, messages: number): Promise<number> {
  const start = performance.now();
  for (let done = 0; done < messages; done += atOnce) {
    await queue.addBulk(
      Array.from({ length: atOnce }, (_, index) => ({ name: 'bulk', data: { orderId: done + index } })),
    );
  }
  return (performance.now() - start) / 1_000;
}

function startWorker(settings: JobsArenaSettings): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('./jobs-worker.ts', import.meta.url));
  const child = fork(program, [JSON.stringify(settings)]);
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', (code) => reject(new Error(`the worker ended with ${code} before it was ready`)));
  });
}

async function stopWorker(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await gone;
}
