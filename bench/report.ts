// Figures as ratios, and how they are said.
import { values } from './options.ts';
import { show } from './show.ts';
import { median, type Sample } from './rounds.ts';

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

export function inThousands(count: number): string {
  return (count / 1_000).toFixed(1);
}

export function say(text: string): void {
  if (!values.json) console.log(text);
}

export function compare(workload: string, ours: readonly Sample[], theirs: readonly Sample[]): Result {
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

export function row({ workload, throughput, throughputSpread, cpu, cpuSpread }: Result): string {
  return `${workload.padEnd(36)} throughput x ${show(throughput, throughputSpread)}  CPU x ${show(cpu, cpuSpread)}`;
}
