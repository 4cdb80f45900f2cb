// Sluice against raw `pg`, and bare sockets.
import {
  type Arena,
  openArena,
  rawNested,
  rawRead,
  rawTransaction,
  sluiceNested,
  sluiceRead,
  sluiceTransaction,
} from './contenders.ts';
import { Limit } from './limit.ts';
import { duration, rounds, values } from './options.ts';
import { measureOverhead, type Overhead } from './overhead.ts';
import { compare, row, say, type TransactionResult } from './report.ts';
import { interleave } from './rounds.ts';

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

const chosen = workloads.filter((workload) => workload.name.includes(values.only));

/** Whether a workload is named by `--only`. */
export const isAsked: boolean = chosen.length > 0;

export async function benchTransactions(url: string): Promise<{ results: TransactionResult[]; overhead: Overhead }> {
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
