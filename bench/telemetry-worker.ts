// The process of one case of the benchmark of telemetry: measures when it is asked to.
import { tracingChannel } from 'node:diagnostics_channel';
import { type Attributes, context, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AlwaysOffSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import { createDatabase, traceNames } from '../src/index.ts';
import { postgres } from '../src/drivers/postgres/index.ts';
import { instrumentSluice } from '../src/opentelemetry/index.ts';
import { sluiceTransaction, width } from './contenders.ts';
import { measure, type RoundOptions } from './rounds.ts';

/** `waiting`: nothing is registered. `bare`: the spans alone, without anything of ours. */
export type TelemetryCase = 'plain' | 'waiting' | 'subscribed' | 'unsampled' | 'bare' | 'recording';

const [url, name] = process.argv.slice(2) as [string, TelemetryCase];
const provider = new TracerProvider(name === 'unsampled' ? { sampler: new AlwaysOffSampler() } : {});
const tracer = provider.getTracer('bare');
const attributes: Attributes = {
  'db.system.name': 'postgresql',
  'db.namespace': 'test',
  'server.address': '127.0.0.1',
  'server.port': 5432,
  'sluice.client': 'default',
  'sluice.level': 0,
};
const client = postgres({ connectionString: url, max: width, maxLevel: 1, budget: width });
const database = createDatabase({ clients: { default: client } });
const transaction = sluiceTransaction({ database }, 1);

function nothing(): void {}

async function besideSpans(): Promise<void> {
  const outer = tracer.startSpan('transaction', { kind: SpanKind.INTERNAL, attributes });
  await context.with(trace.setSpan(context.active(), outer), async () => {
    const inner = tracer.startSpan('UPDATE product', { kind: SpanKind.CLIENT, attributes });
    await context.with(trace.setSpan(context.active(), inner), transaction);
    inner.end();
  });
  outer.end();
}

if (['unsampled', 'bare', 'recording'].includes(name))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
if (name === 'waiting') instrumentSluice();
if (name === 'subscribed') {
  const { transaction, statement, acquire, commit } = traceNames;
  for (const each of [transaction, statement, acquire, commit]) {
    const channels = tracingChannel(each);
    channels.start.subscribe(nothing);
    channels.asyncEnd.subscribe(nothing);
  }
}
if (name === 'unsampled' || name === 'recording') instrumentSluice({ tracerProvider: provider });

process.on('message', (options: RoundOptions) => {
  void measure(name === 'bare' ? besideSpans : transaction, options).then((sample) => process.send?.(sample));
});
process.once('disconnect', () => void database.close());
process.send?.('ready');
