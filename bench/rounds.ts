/** What one contender did in one round. */
export interface Sample {
  /** Operations per second. */
  readonly throughput: number;
  /** Microseconds of processor time of this process for each operation. */
  readonly cpu: number;
}

export interface Contender {
  readonly name: string;
  /** One operation. */
  readonly run: () => Promise<unknown>;
}

/** One that measures itself, in another process. */
export interface RemoteContender {
  readonly name: string;
  /** @param duration in milliseconds */
  readonly measure: (duration: number) => Promise<Sample>;
}

export interface RoundOptions {
  readonly callers: number;
  readonly rounds: number;
  /** How long each contender runs in a round, in milliseconds. */
  readonly duration: number;
}

/**
 * Lets the contenders run one after the other, round by round, so that whatever else the machine does
 * hits all of them alike. The first round warms up and does not count.
 */
export async function interleave(
  contenders: readonly (Contender | RemoteContender)[],
  options: RoundOptions,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round <= options.rounds; round += 1) {
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of order) {
      const isRemote = 'measure' in contender;
      const sample = await (isRemote ? contender.measure(options.duration) : measure(contender.run, options));
      if (round > 0) samples.get(contender.name)?.push(sample);
    }
  }
  return samples;
}

export async function measure(
  run: () => Promise<unknown>,
  { callers, duration }: Pick<RoundOptions, 'callers' | 'duration'>,
): Promise<Sample> {
  let operations = 0;
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const end = start + duration;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      await run();
      operations += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { throughput: (operations / (performance.now() - start)) * 1_000, cpu: (user + system) / operations };
}

/** Nanoseconds for each of many operations in a row: the median of several runs. */
export async function timeEach(run: () => unknown, count: number, runs = 7): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index <= runs; index += 1) {
    const start = performance.now();
    for (let at = 0; at < count; at += 1) await run();
    if (index > 0) times.push(((performance.now() - start) * 1e6) / count);
  }
  return median(times);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
