// What else is measured: engines, libraries, peers, caches, jobs, and what grows.
import { ConnectError } from '../src/index.ts';
import { openCacheArena } from './caches.ts';
import { openArena } from './contenders.ts';
import type { EngineArena } from './engines.ts';
import { measureGrowth, type Series } from './growth.ts';
import { type JobsFigures, measureJobs } from './jobs.ts';
import { type LeakFigures, measureLeak } from './leak.ts';
import { openLibraryArena } from './libraries.ts';
import { duration, fewRounds, values } from './options.ts';
import { groups, measure, openPeerArena } from './peers.ts';
import { compare, inThousands, type PeerResult, type Result, row, say } from './report.ts';
import { show } from './show.ts';
import { interleave, type RoundOptions } from './rounds.ts';

/** What is named "alone" is 1: the engine's client package by itself, or what a cache is compared with. */
export async function benchEngine(
  open: () => Promise<EngineArena>,
  lengths: Pick<RoundOptions, 'rounds' | 'duration'> = { rounds: fewRounds, duration },
): Promise<Result[] | string> {
  let arena: EngineArena;
  try {
    arena = await open();
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    console.error(`Not measured: ${error.message}`);
    return error.code;
  }
  const results: Result[] = [];
  for (const { name, callers = 1, contenders } of arena.workloads) {
    const samples = await interleave(contenders, { callers, ...lengths });
    const result = compare(name, samples.get('sluice') ?? [], samples.get('alone') ?? []);
    results.push(result);
    say(row(result));
  }
  await arena.close();
  return results;
}

/** Each library on a pool of its own is 1. */
export async function benchLibraries(url: string): Promise<Result[]> {
  const libraries = await openLibraryArena(url);
  const results: Result[] = [];
  for (const { name, ...work } of libraries.contenders) {
    for (const [what, { alone, sluice }] of Object.entries(work)) {
      for (const callers of [1, 16]) {
        const contenders = [
          { name: 'alone', run: alone },
          { name: 'sluice', run: sluice },
        ];
        const samples = await interleave(contenders, { callers, rounds: fewRounds, duration });
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
export async function benchPeers(url: string): Promise<PeerResult[]> {
  const results: PeerResult[] = [];
  for (const [group, delay] of groups.flatMap((names) => [0, 1].map((each) => [names, each] as const))) {
    const arena = await openPeerArena(url, group, delay);
    for (const { name, callers, contenders } of arena.workloads) {
      const samples = await interleave(contenders, { callers, rounds: fewRounds, duration: duration / 2 });
      const raw = samples.get(measure) ?? [];
      const of = [...samples].map(([peer, ours]) => ({ peer, ...compare(name, ours, raw) }));
      results.push(...of.filter(({ peer }) => peer !== measure));
      for (const result of of) say(`${result.peer.padEnd(24)} ${row(result)}`);
    }
    await arena.close();
  }
  return results;
}

export async function benchGrowth(url: string): Promise<Series[]> {
  const arena = await openArena(url);
  const growth = await measureGrowth(arena, url, values.quick);
  await arena.close();
  for (const { name, unit, points } of growth) {
    const costs = points.map(([size, cost]) => `${size}: ${cost.toFixed(unit === 'us' ? 1 : 0)} ${unit}`);
    say(`${name}: ${costs.join(', ')}`);
  }
  return growth;
}

export async function benchLeak(url: string): Promise<LeakFigures> {
  const arena = await openArena(url);
  const leak = await measureLeak(arena, Number(values.minutes), process.env['REDIS_URL'] || undefined);
  await arena.close();
  say(`heap after ${leak.minutes} minutes and ${leak.operations} operations: x ${leak.growth.toFixed(3)}`);
  return leak;
}

/** Measured where REDIS_URL names a Redis. */
export async function benchCaches(url: string): Promise<Result[] | string> {
  const redisUrl = process.env['REDIS_URL'] || undefined;
  if (redisUrl !== undefined)
    return await benchEngine(async () => await openCacheArena(await openArena(url), redisUrl));
  console.error('REDIS_URL is not set: caches are not measured.');
  return 'REDIS_URL is not set';
}

/** BullMQ is measured where REDIS_URL names a Redis. */
export async function benchJobs(url: string): Promise<JobsFigures> {
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
