// Statements that travel together: by hand, with other packages, and with Sluice.
import { duration, fewRounds } from '../options.ts';
import { compare, type Result, row, say } from '../report.ts';
import { interleave } from '../rounds.ts';
import { type FlightWorkload, type Goal, Ground } from './ground.ts';
import { libraryWorkloads } from './libraries.ts';
import { farWorkloads, nearWorkloads } from './workloads.ts';

/** Of one contender in a workload, with the first one as 1. */
export interface FlightFigure extends Result {
  readonly contender: string;
  readonly measure: string;
  readonly rounds: number;
  readonly goal?: Goal;
}

/** By the delay that they are measured at. */
const parts: readonly (readonly [number, (ground: Ground) => Promise<FlightWorkload[]>])[] = [
  [0, nearWorkloads],
  [1, farWorkloads],
  [1, libraryWorkloads],
];

export async function benchFlights(url: string): Promise<FlightFigure[]> {
  const figures: FlightFigure[] = [];
  for (const [delay, open] of parts) {
    const ground = await Ground.open(url, delay);
    for (const workload of await open(ground)) {
      for (const contender of workload.contenders) await workload.check(contender);
      figures.push(...(await measureAll(workload)));
    }
    await ground.close();
  }
  return figures;
}

async function measureAll({ name, callers, contenders, goal }: FlightWorkload): Promise<FlightFigure[]> {
  const [first, ...others] = contenders.map((contender) => contender.name);
  if (first === undefined) return [];
  const samples = await interleave(contenders, { callers, rounds: fewRounds, duration: (duration * 3) / 4 });
  return others.map((contender) => {
    const result = compare(name, samples.get(contender) ?? [], samples.get(first) ?? []);
    say(`${contender.padEnd(24)} ${row(result)}`);
    return { ...result, contender, measure: first, rounds: fewRounds, ...(goal?.of === contender ? { goal } : {}) };
  });
}
