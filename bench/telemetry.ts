// What OpenTelemetry costs: Sluice without it is 1. Each case has a process of its own, in which it is on or off for good: to
// subscribe and to unsubscribe has V8 compile anew, which no program does ten times a second.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openArena } from './contenders.ts';
import { lengthsBeside } from './options.ts';
import { compare, type Result, row, say } from './report.ts';
import { interleave, type RemoteContender, type Sample } from './rounds.ts';
import type { TelemetryCase } from './telemetry-worker.ts';

const callers = 16;
const cases: Readonly<Record<Exclude<TelemetryCase, 'plain'>, string>> = {
  waiting: 'OpenTelemetry without an SDK',
  subscribed: 'a subscriber of the same events that does nothing',
  unsampled: 'OpenTelemetry with an SDK that samples nothing',
  bare: 'two spans of an SDK without an exporter, by hand',
  recording: 'OpenTelemetry with an SDK, without an exporter',
};

/** One statement, with and without instrumentation, in rounds that alternate. */
export async function benchTelemetry(url: string): Promise<Result[]> {
  const arena = await openArena(url);
  const workers: ChildProcess[] = [];
  const contender = async (name: TelemetryCase): Promise<RemoteContender> => {
    const worker = fork(fileURLToPath(new URL('telemetry-worker.ts', import.meta.url)), [url, name]);
    workers.push(worker);
    await once(worker, 'message');
    return {
      name,
      measure: async (duration) => {
        worker.send({ callers, duration });
        const [sample] = (await once(worker, 'message')) as [Sample];
        return sample;
      },
    };
  };
  const names = Object.keys(cases) as (keyof typeof cases)[];
  const contenders = await Promise.all((['plain', ...names] as const).map(contender));
  const samples = await interleave(contenders, { callers, ...lengthsBeside });
  for (const worker of workers) worker.disconnect();
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  await arena.close();
  return names.map((name) => {
    const title = `one statement, ${callers} callers, ${cases[name]}`;
    const result = compare(title, samples.get(name) ?? [], samples.get('plain') ?? []);
    say(row(result));
    return result;
  });
}
