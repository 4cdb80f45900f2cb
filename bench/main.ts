// Sluice beside raw `pg`, in interleaved rounds on one server. Figures are ratios: the times of a machine mean little.
import { parseArgs } from 'node:util';
import { openBeforeArena } from './before.ts';
import { openCacheArena } from './caches.ts';
import {
  openArena,
  rawNested,
  rawRead,
  rawTransaction,
  sluiceNested,
  sluiceRead,
  sluiceTransaction,
  type Arena,
} from './contenders.ts';
import { type EngineArena, openMariadbArena, openSqliteArena } from './engines.ts';
import { measureGrowth, type Series } from './growth.ts';
import { type JobsFigures, measureJobs } from './jobs.ts';
import { type LeakFigures, measureLeak } from './leak.ts';
import { Limit } from './limit.ts';
import { openLibraryArena } from './libraries.ts';
import { measureOverhead, type Overhead } from './overhead.ts';
import { groups, measure, openPeerArena } from './peers.ts';
import { interleave, median, type Sample } from './rounds.ts';
import { ConnectError } from '../src/index.ts';

interface Workload {
  readonly name: string;
  readonly callers: number;
  readonly raw: (arena: Arena) => () => Promise<unknown>;
  readonly sluice: (arena: Arena) => () => Promise<unknown>;
  /** With the same round trips. */
  readonly limit?: (limit: Limit) => () => Promise<unknown>;
}

const transactionOf = (statements: number, callers: number): Workload => ({
  name: `${statements === 1 ? 'one statement' : `${statements} statements`}, ${callers} callers`,
  callers,
  raw: (arena) => rawTransaction(arena, statements),
  sluice: (arena) => sluiceTransaction(arena, statements),
  limit: (limit) => limit.transaction(statements),
});

const workloads: readonly Workload[] = [
  transactionOf(1, 1),
  transactionOf(1, 16),
  transactionOf(1, 64),
  transactionOf(5, 1),
  transactionOf(5, 16),
  transactionOf(5, 64),
  {
    name: 'outer and REQUIRES_NEW, 5 callers',
    callers: 5,
    raw: rawNested,
    sluice: sluiceNested,
    limit: (limit) => limit.nested(),
  },
  { name: 'plain read, 16 callers', callers: 16, raw: rawRead, sluice: sluiceRead },
];

/** A workload's figures: Sluice's median as a ratio to raw pg's, and the spread over the rounds. */
export interface Result {
  readonly workload: string;
  readonly throughput: number;
  readonly throughputSpread: readonly [number, number];
  readonly cpu: number;
  readonly cpuSpread: readonly [number, number];
}

/** The figures of a transaction, and those of bare sockets, which nothing can pass. */
export interface TransactionResult extends Result {
  readonly limit?: Result;
}

/** A package's figures in a workload, with raw `pg` as 1. */
export interface PeerResult extends Result {
  readonly peer: string;
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    /** Another checkout, beside which this one is measured, and nothing else is. */
    before: { type: 'string', default: '' },
    /** How long the heap is looked at. */
    minutes: { type: 'string', default: '1' },
  },
});
const connectionString = process.env['DATABASE_URL'];
if (connectionString === undefined || connectionString === '')
  throw new Error('DATABASE_URL is not set: use "npm run bench"');
const mariadbUrl = process.env['MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306/test';
const [rounds, duration] = values.quick ? [3, 300] : [11, 1_000];

const chosen = workloads.filter((workload) => workload.name.includes(values.only));
const figures =
  values.before === ''
    ? await benchAll(connectionString)
    : {
        before: await benchEngine(() =>
          openBeforeArena(values.before, { postgres: connectionString, mariadb: mariadbUrl }, values.only),
        ),
      };
if (values.json) console.log(JSON.stringify(figures));

async function benchAll(connectionString: string): Promise<object> {
  return {
    node: process.version,
    rounds,
    duration,
    ...(chosen.length === 0 ? {} : await benchTransactions(connectionString)),
    ...('mariadb'.includes(values.only) ? { mariadb: await benchEngine(() => openMariadbArena(mariadbUrl)) } : {}),
    ...('sqlite'.includes(values.only) ? { sqlite: await benchEngine(openSqliteArena) } : {}),
    ...('libraries'.includes(values.only) ? { libraries: await benchLibraries(connectionString) } : {}),
    ...('peers'.includes(values.only) ? { peers: await benchPeers(connectionString) } : {}),
    ...('caches'.includes(values.only) ? { caches: await benchCaches(connectionString) } : {}),
    ...('growth'.includes(values.only) ? { growth: await benchGrowth(connectionString) } : {}),
    ...('leak'.includes(values.only) ? { leak: await benchLeak(connectionString) } : {}),
    ...('jobs'.includes(values.only) ? { jobs: await benchJobs(connectionString) } : {}),
  };
}

async function benchTransactions(url: string): Promise<{ results: TransactionResult[]; overhead: Overhead }> {
  const arena = await openArena(url);
  const bare = await Limit.open(url);
  const results: TransactionResult[] = [];
  for (const { name, callers, raw, sluice, limit } of chosen) {
    const contenders = [
      { name: 'raw', run: raw(arena) },
      { name: 'sluice', run: sluice(arena) },
      ...(limit === undefined ? [] : [{ name: 'limit', run: limit(bare) }]),
    ];
    const samples = await interleave(contenders, { callers, rounds, duration });
    const ofRaw = samples.get('raw') ?? [];
    const result = compare(name, samples.get('sluice') ?? [], ofRaw);
    const theirs = samples.get('limit');
    if (theirs === undefined) results.push(result);
    else results.push({ ...result, limit: compare(`${name}, bare sockets`, theirs, ofRaw) });
    say(row(result));
    const least = results.at(-1)?.limit;
    if (least !== undefined) say(row(least));
  }
  await bare.close();
  const overhead = await measureOverhead(arena.database, values.quick ? 20_000 : 200_000);
  await arena.close();
  for (const [name, nanoseconds] of Object.entries(overhead)) say(`${name.padEnd(36)} ${Math.round(nanoseconds)} ns`);
  return { results, overhead };
}

/** What is named "alone" is 1: the engine's client package by itself, or what a cache is beside. */
async function benchEngine(open: () => Promise<EngineArena>): Promise<Result[] | string> {
  let arena: EngineArena;
  try {
    arena = await open();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    console.error(`Not measured: ${error.message}`);
    return error.code;
  }
  const results: Result[] = [];
  for (const { name, callers, contenders } of arena.workloads) {
    const samples = await interleave(contenders, { callers, rounds: Math.min(rounds, 7), duration });
    const result = compare(name, samples.get('sluice') ?? [], samples.get('alone') ?? []);
    results.push(result);
    say(row(result));
  }
  await arena.close();
  return results;
}

/** Each library on a pool of its own is 1. */
async function benchLibraries(url: string): Promise<Result[]> {
  const libraries = await openLibraryArena(url);
  const results: Result[] = [];
  for (const { name, ...work } of libraries.contenders) {
    for (const [what, { alone, sluice }] of Object.entries(work)) {
      for (const callers of [1, 16]) {
        const contenders = [
          { name: 'alone', run: alone },
          { name: 'sluice', run: sluice },
        ];
        const samples = await interleave(contenders, { callers, rounds: Math.min(rounds, 7), duration });
        const title = `${name}, ${what}, ${callers} callers`;
        results.push(compare(title, samples.get('sluice') ?? [], samples.get('alone') ?? []));
        say(row(results.at(-1) as Result));
      }
    }
  }
  await libraries.close();
  return results;
}

/** Raw `pg` is 1 for all. */
async function benchPeers(url: string): Promise<PeerResult[]> {
  const results: PeerResult[] = [];
  for (const [group, delay] of groups.flatMap((names) => [0, 1].map((each) => [names, each] as const))) {
    const arena = await openPeerArena(url, group, delay);
    for (const { name, callers, contenders } of arena.workloads) {
      const samples = await interleave(contenders, { callers, rounds: Math.min(rounds, 7), duration: duration / 2 });
      const raw = samples.get(measure) ?? [];
      const of = [...samples].map(([peer, ours]) => ({ peer, ...compare(name, ours, raw) }));
      results.push(...of.filter(({ peer }) => peer !== measure));
      for (const result of of) say(`${result.peer.padEnd(24)} ${row(result)}`);
    }
    await arena.close();
  }
  return results;
}

async function benchGrowth(url: string): Promise<Series[]> {
  const arena = await openArena(url);
  const growth = await measureGrowth(arena, url, values.quick);
  await arena.close();
  for (const { name, unit, points } of growth) {
    const costs = points.map(([size, cost]) => `${size}: ${cost.toFixed(unit === 'us' ? 1 : 0)} ${unit}`);
    say(`${name}: ${costs.join(', ')}`);
  }
  return growth;
}

async function benchLeak(url: string): Promise<LeakFigures> {
  const arena = await openArena(url);
  const leak = await measureLeak(arena, Number(values.minutes), process.env['REDIS_URL'] || undefined);
  await arena.close();
  say(`heap after ${leak.minutes} minutes and ${leak.operations} operations: x ${leak.growth.toFixed(3)}`);
  return leak;
}

/** Measured where REDIS_URL names a Redis. */
async function benchCaches(url: string): Promise<Result[] | string> {
  const redisUrl = process.env['REDIS_URL'] || undefined;
  if (redisUrl !== undefined)
    return await benchEngine(async () => await openCacheArena(await openArena(url), redisUrl));
  console.error('REDIS_URL is not set: caches are not measured.');
  return 'REDIS_URL is not set';
}

/** BullMQ is measured where REDIS_URL names a Redis. */
async function benchJobs(url: string): Promise<JobsFigures> {
  const redisUrl = process.env['REDIS_URL'] || undefined;
  if (redisUrl === undefined) console.error('REDIS_URL is not set: jobs are measured on pg-boss alone.');
  const settings = { connectionString: url, redisUrl, scope: 'sluice_bench' };
  const jobs = await measureJobs(settings, {
    rounds: values.quick ? 2 : 7,
    requests: values.quick ? 50 : 300,
    messages: values.quick ? 5_000 : 20_000,
  });
  for (const { name, p50, p50Spread, p99 } of jobs.requestAndReply)
    say(`${name.padEnd(44)} p50 ${show(p50, p50Spread)} ms  p99 ${p99.toFixed(2)} ms`);
  if (jobs.relay !== undefined) {
    const { perSecond, spread, ofAddBulk } = jobs.relay;
    say(
      `relay into Redis: ${inThousands(perSecond)} (${spread.map(inThousands).join('-')}) thousand messages/s, addBulk x ${ofAddBulk.toFixed(2)}`,
    );
  }
  return jobs;
}

function inThousands(count: number): string {
  return (count / 1_000).toFixed(1);
}

function say(text: string): void {
  if (!values.json) console.log(text);
}

function compare(workload: string, ours: readonly Sample[], theirs: readonly Sample[]): Result {
  const ratios = (pick: (sample: Sample) => number): number[] =>
    ours.map((sample, round) => pick(sample) / pick(theirs[round] ?? sample));
  const throughput = ratios((sample) => sample.throughput);
  const cpu = ratios((sample) => sample.cpu);
  return {
    workload,
    throughput: median(throughput),
    throughputSpread: [Math.min(...throughput), Math.max(...throughput)],
    cpu: median(cpu),
    cpuSpread: [Math.min(...cpu), Math.max(...cpu)],
  };
}

function show(value: number, [low, high]: readonly [number, number]): string {
  return `${value.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}

function row({ workload, throughput, throughputSpread, cpu, cpuSpread }: Result): string {
  return `${workload.padEnd(36)} throughput x ${show(throughput, throughputSpread)}  CPU x ${show(cpu, cpuSpread)}`;
}
