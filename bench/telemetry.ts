// What OpenTelemetry costs: Sluice without it is 1.
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { instrumentSluice, type InstrumentOptions } from '../src/opentelemetry/index.ts';
import { openArena, sluiceTransaction } from './contenders.ts';
import { lengthsBeside } from './options.ts';
import { compare, type Result, row, say } from './report.ts';
import { interleave, measure, type RemoteContender } from './rounds.ts';

const callers = 16;
const cases: readonly (readonly [name: string, options: InstrumentOptions])[] = [
  ['OpenTelemetry without an exporter', {}],
  ['OpenTelemetry with an SDK, without an exporter', { tracerProvider: new TracerProvider() }],
];

/** One statement, with and without instrumentation, in rounds that alternate. */
export async function benchTelemetry(url: string): Promise<Result[]> {
  const arena = await openArena(url);
  const run = sluiceTransaction(arena, 1);
  const results: Result[] = [];
  for (const [name, options] of cases) {
    const manager = new AsyncLocalStorageContextManager();
    if (options.tracerProvider !== undefined) context.setGlobalContextManager(manager.enable());
    const contenders: readonly RemoteContender[] = [
      { name: 'plain', measure: (duration) => measure(run, { callers, duration }) },
      {
        name: 'instrumented',
        measure: async (duration) => {
          using _ = instrumentSluice(options);
          return await measure(run, { callers, duration });
        },
      },
    ];
    const samples = await interleave(contenders, { callers, ...lengthsBeside });
    context.disable();
    const title = `one statement, ${callers} callers, ${name}`;
    results.push(compare(title, samples.get('instrumented') ?? [], samples.get('plain') ?? []));
    say(row(results.at(-1) as Result));
  }
  await arena.close();
  return results;
}
