import { createNoopMeter, type Meter, metrics, trace, type Tracer } from '@opentelemetry/api';
import { version } from '../core/index.ts';

/** What is given by users, of either kind. */
export interface Providers {
  /** Gives tracers. */
  readonly tracerProvider?: { getTracer(name: string, version?: string): Tracer } | undefined;
  /** Gives meters. */
  readonly meterProvider?: { getMeter(name: string, version?: string): Meter } | undefined;
}

const name = 'sluice';
const noMeter = createNoopMeter().constructor;

/** The tracer of the provider that is given or registered; nothing as long as there is none. */
export function findTracer({ tracerProvider }: Providers): Tracer | undefined {
  if (tracerProvider !== undefined) return tracerProvider.getTracer(name, version);
  const registered = trace.getTracerProvider();
  // Before there is one its place is held by a proxy without anything behind it.
  if (!('getDelegateTracer' in registered)) return registered.getTracer(name, version);
  const proxy = registered as { getDelegateTracer(name: string, version: string): Tracer | undefined };
  return proxy.getDelegateTracer(name, version);
}

/** The same for meters. */
export function findMeter({ meterProvider }: Providers): Meter | undefined {
  const meter = (meterProvider ?? metrics.getMeterProvider()).getMeter(name, version);
  return meter.constructor === noMeter ? undefined : meter;
}
