import {
  type Context,
  context,
  createContextKey,
  createTraceState,
  isSpanContextValid,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import type { TraceHeaders } from '../channels/index.ts';

/** The key of `suppressTracing` in `@opentelemetry/core`, which all of its SDKs and instrumentations know. */
const suppressed = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');
/** The entry of the transaction that a context is inside of. */
export const transactionKey: symbol = createContextKey('sluice transaction');

export function isSuppressed(here: Context): boolean {
  return here.getValue(suppressed) === true;
}

/** The same, in which nothing is traced. */
export function suppress(here: Context): Context {
  return here.setValue(suppressed, true);
}

/** Runs a call in a context. A context manager that throws does not keep it from running, once. */
export function runIn<Result>(where: Context, call: () => Result): Result {
  let isRunning = false;
  try {
    return context.with(where, () => {
      isRunning = true;
      return call();
    });
  } catch (error) {
    if (isRunning) throw error;
    return call();
  }
}

/** The trace of a context, as headers write it. */
export function headersOf(here: Context): TraceHeaders | undefined {
  const span = trace.getSpanContext(here);
  if (span === undefined || !isSpanContextValid(span)) return undefined;
  const { traceId, spanId, traceFlags } = span;
  const traceparent = `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  const tracestate = span.traceState?.serialize() ?? '';
  // Receivers refuse any other.
  return /^[ -~]{1,512}$/.test(tracestate) ? { traceparent, tracestate } : { traceparent };
}

/** The span that headers name. */
export function remoteOf({ traceparent, tracestate }: TraceHeaders): SpanContext | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const traceState = tracestate === undefined ? {} : { traceState: createTraceState(tracestate) };
  const remote = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true, ...traceState };
  return isSpanContextValid(remote) ? remote : undefined;
}

/** A context below the span that headers name. */
export function below(base: Context, headers: TraceHeaders): Context {
  const remote = remoteOf(headers);
  return remote === undefined ? base : trace.setSpanContext(base, remote);
}
