// Sluice beside raw `pg`, in interleaved rounds on one server. Figures are ratios: the times of a machine mean little.
import { parseArgs } from 'node:util';
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
import { measureOverhead } from './overhead.ts';
import { interleave, median, type Sample } from './rounds.ts';

interface Workload {
  readonly name: string;
  readonly callers: number;
  readonly raw: (arena: Arena) => () => Promise<unknown>;
  readonly sluice: (arena: Arena) => () => Promise<unknown>;
}

const transactionOf = (statements: number, callers: number): Workload => ({
  name: `${statements === 1 ? 'one statement' : `${statements} statements`}, ${callers} callers`,
  callers,
  raw: (arena) => rawTransaction(arena, statements),
  sluice: (arena) => sluiceTransaction(arena, statements),
});

const workloads: readonly Workload[] = [
  transactionOf(1, 1),
  transactionOf(1, 16),
  transactionOf(1, 64),
  transactionOf(5, 1),
  transactionOf(5, 16),
  transactionOf(5, 64),
  { name: 'outer and REQUIRES_NEW, 5 callers', callers: 5, raw: rawNested, sluice: sluiceNested },
  { name: 'plain read, 16 callers', callers: 16, raw: rawRead, sluice: sluiceRead },
];

/** A workload's figures: Sluice's median as a ratio to raw pg's, and the spread over the rounds. */
interface Result {
  readonly workload: string;
  readonly throughput: number;
  readonly throughputSpread: readonly [number, number];
  readonly cpu: number;
  readonly cpuSpread: readonly [number, number];
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const connectionString = process.env['DATABASE_URL'];
if (connectionString === undefined || connectionString === '')
  throw new Error('DATABASE_URL is not set: use "npm run bench"');
const [rounds, duration] = values.quick ? [3, 300] : [11, 1_000];

const arena = await openArena(connectionString);
const results: Result[] = [];
for (const { name, callers, raw, sluice } of workloads.filter((workload) => workload.name.includes(values.only))) {
  const contenders = [
    { name: 'raw', run: raw(arena) },
    { name: 'sluice', run: sluice(arena) },
  ];
  const samples = await interleave(contenders, { callers, rounds, duration });
  const result = compare(name, samples.get('sluice') ?? [], samples.get('raw') ?? []);
  results.push(result);
  if (!values.json) console.log(row(result));
}
const overhead = await measureOverhead(arena.database, values.quick ? 20_000 : 200_000);
await arena.close();
if (values.json) console.log(JSON.stringify({ node: process.version, rounds, duration, results, overhead }));
else
  for (const [name, nanoseconds] of Object.entries(overhead))
    console.log(`${name.padEnd(36)} ${Math.round(nanoseconds)} ns`);

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
