import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { telemetrySlot } from '../channels/index.ts';
import { type Check, oneOf, readOptions } from '../core/index.ts';
import { aHandle, type Db } from '../database/index.ts';
import type { QueryText } from './database-spans.ts';
import { type Ending, guard } from './listen.ts';
import { startMetering } from './metrics.ts';
import { findMeter, findTracer } from './providers.ts';
import { startTracing } from './tracing.ts';

/** Options of `instrumentSluice`. */
export interface InstrumentOptions {
  /** Makes the spans. Default: the one that is registered with `@opentelemetry/api`, now or later. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Makes the metrics. Default: the one that is registered with `@opentelemetry/api`, now or later. */
  readonly meterProvider?: MeterProvider | undefined;
  /**
   * `sanitized`, the default: spans of statements have `db.query.text`, with `?` in place of literals. `none`: they do not.
   * Values are in none.
   */
  readonly queryText?: QueryText | undefined;
  /** The outbox whose lag and parked messages are measured: it is asked each time that the metrics are read. Default: none. */
  readonly outbox?: Db | undefined;
}

/** What `instrumentSluice` has begun. */
export interface SluiceInstrumentation {
  /** Ends spans and metrics. What has begun and not ended is not told. */
  disable(): void;
  /** The same as `disable()`, for `using`. */
  [Symbol.dispose](): void;
}

function having(method: string, what: string): Check {
  return (value) =>
    typeof value === 'object' && value !== null && typeof Reflect.get(value, method) === 'function' ? undefined : what;
}

const checks: Record<keyof InstrumentOptions, Check> = {
  tracerProvider: having('getTracer', 'a TracerProvider of OpenTelemetry'),
  meterProvider: having('getMeter', 'a MeterProvider of OpenTelemetry'),
  queryText: oneOf(['none', 'sanitized']),
  outbox: aHandle,
};

/**
 * Makes spans and metrics of OpenTelemetry of what Sluice does in this process, for all its databases, queues and caches. One is
 * on at a time: another call ends the one before it.
 *
 * ```ts
 * const instrumentation = instrumentSluice({ queryText: 'none' });
 * process.on('SIGTERM', () => instrumentation.disable());
 * ```
 * @throws InvalidOptionError
 */
export function instrumentSluice(options: InstrumentOptions = {}): SluiceInstrumentation {
  const read = readOptions('instrumentSluice', options, checks);
  telemetrySlot.end?.();
  const instrumentation = new Instrumentation(read);
  const disable = (): void => instrumentation.disable();
  return { disable, [Symbol.dispose]: disable };
}

class Instrumentation {
  readonly #options: InstrumentOptions;
  readonly #end = (): void => this.disable();
  readonly #awake = (): void => guard(() => this.#start());
  #tracing: Ending | undefined;
  #metering: Ending | undefined;

  constructor(options: InstrumentOptions) {
    this.#options = options;
    telemetrySlot.end = this.#end;
    telemetrySlot.awake = this.#awake;
    this.#awake();
  }

  disable(): void {
    if (telemetrySlot.end !== this.#end) return;
    telemetrySlot.end = undefined;
    telemetrySlot.awake = undefined;
    this.#tracing?.();
    this.#metering?.();
  }

  /** With what is registered by now; nothing is listened to without anyone who takes it. */
  #start(): void {
    if (this.#tracing === undefined) {
      const tracer = findTracer(this.#options);
      if (tracer !== undefined) this.#tracing = startTracing(tracer, this.#options.queryText ?? 'sanitized');
    }
    if (this.#metering === undefined) {
      const meter = findMeter(this.#options);
      if (meter !== undefined) this.#metering = startMetering(meter, this.#options.outbox);
    }
    if (this.#tracing !== undefined && this.#metering !== undefined) telemetrySlot.awake = undefined;
  }
}
