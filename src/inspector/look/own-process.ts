import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { CacheStatistics } from '../../cache/index.ts';
import { describeThrown, type HistoryEntry, nextId, version } from '../../core/index.ts';
import { type Database, internalsOf } from '../../database/index.ts';
import type { HolderInfo } from '../../observation/index.ts';
import type { Collector } from '../measure/collector.ts';
import type { CacheView, PoolView, ProcessIdentity } from '../snapshot.ts';
import type { ProcessReport, ToldHolders } from './report.ts';
import { toldHolders } from './told-holders.ts';

/** How long a server may take to tell who waits for whose locks, in milliseconds. */
const lockTimeout = 500;
/** So many are looked at in a second: the others wait for a later look. */
const looksPerSecond = 20_000;
const mostBackends = 1_000;

/** As much of a cache as is shown. */
export interface WatchedCache {
  /** Its name. */
  readonly name: string;
  /** What it has done in this process so far. */
  readonly statistics: CacheStatistics;
}

/** What of this process is shown. */
export interface OwnProcessSettings {
  readonly databases: readonly Database[];
  readonly caches: readonly WatchedCache[];
  readonly name: string | undefined;
  readonly collector: Collector;
}

/** This process, as it reports what it does. */
export class OwnProcess {
  readonly identity: ProcessIdentity;
  readonly #settings: OwnProcessSettings;
  #latest: { readonly told: ToldHolders; readonly at: number; readonly again: number } | undefined;
  #problems: readonly string[] = [];

  constructor(settings: OwnProcessSettings) {
    this.#settings = settings;
    this.identity = {
      id: nextId(),
      name: settings.name ?? basename(process.argv[1] ?? 'node'),
      pid: process.pid,
      host: hostname(),
      startedAt: Math.round(Date.now() - process.uptime() * 1_000),
      nodeVersion: process.versions.node,
      version,
    };
  }

  /** Looks. It takes as long as the server needs for its locks, and half a second at most. */
  async report(): Promise<ProcessReport> {
    const holders = await this.#holders();
    return {
      identity: this.identity,
      pools: this.#settings.databases.flatMap(poolsOf),
      caches: this.#settings.caches.map(viewOf),
      holders,
      backends: this.#settings.databases.flatMap(backendsOf).slice(0, mostBackends),
      seconds: this.#settings.collector.told(),
      problems: this.#problems,
    };
  }

  /** What has happened in the chain of a transaction that is open. */
  historyOf(id: string): readonly HistoryEntry[] | undefined {
    for (const database of this.#settings.databases) {
      const history = internalsOf(database).historyOf(id);
      if (history !== undefined) return history;
    }
    return undefined;
  }

  async #holders(): Promise<ToldHolders> {
    const now = performance.now();
    const latest = this.#latest;
    if (latest !== undefined && now < latest.again) return { ...latest.told, lookedAgo: now - latest.at };
    const problems: string[] = [];
    const look = async (database: Database): Promise<readonly HolderInfo[]> => {
      try {
        return await database.holders({ limit: Number.MAX_SAFE_INTEGER, lockTimeout });
      } catch (error) {
        problems.push(`Holders cannot be looked at: ${describeThrown(error).name}`);
        return [];
      }
    };
    const found = (await Promise.all(this.#settings.databases.map(look))).flat();
    this.#problems = problems;
    const told = { ...toldHolders(found.sort((one, other) => other.age - one.age)), lookedAgo: 0 };
    this.#latest = { told, at: now, again: performance.now() + Math.floor((found.length / looksPerSecond) * 1_000) };
    return told;
  }
}

function poolsOf(database: Database): readonly PoolView[] {
  return Object.entries(database.stats().clients).map(([clientName, stats]) => ({
    ...stats,
    clientName,
    target: internalsOf(database).clientNamed(clientName).driver.target,
  }));
}

function backendsOf(database: Database): readonly number[] {
  return Object.keys(database.stats().clients).flatMap((name) =>
    [...internalsOf(database).clientNamed(name).pool.connections].map(({ backend }) => backend.id),
  );
}

function viewOf({ name, statistics }: WatchedCache): CacheView {
  return { name, ...statistics };
}
