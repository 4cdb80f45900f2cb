import { createNoopMeter, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import type { Row } from './row.ts';
import { only, some } from './values.ts';

const tracerProvider: TracerProvider = { getTracer: () => ({}) as never };
const meterProvider: MeterProvider = { getMeter: () => createNoopMeter() };

export const telemetryRows: readonly Row[] = [
  {
    interface: 'InstrumentOptions',
    entrance: 'instrumentSluice',
    call: (options) => instrumentSluice(options).disable(),
    options: {
      tracerProvider: some(tracerProvider),
      meterProvider: some(meterProvider),
      queryText: only('none', 'sanitized'),
      outbox: ({ database }) => some(database.current),
    },
  },
];
