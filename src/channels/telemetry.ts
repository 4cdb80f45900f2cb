import { sharedByCopies } from '../core/index.ts';

/** A trace as the headers of W3C Trace Context write it. */
export interface TraceHeaders {
  /** Its version, the ids of the trace and of what is the parent, and its flags. */
  readonly traceparent?: string | undefined;
  /** What vendors add. */
  readonly tracestate?: string | undefined;
}

/** What a telemetry library does for Sluice, which knows none: an entry point fills it in while it subscribes. */
export interface Telemetry {
  /** The trace that is active here. */
  here(): TraceHeaders | undefined;
  /** Runs a body as a part of a trace that came with a call. `ifNone`: where no other is active. */
  within<Result>(trace: TraceHeaders, ifNone: boolean, body: () => Result): Result;
  /** Runs what an event is about, in its trace. */
  during<Result>(event: object, call: () => Result): Result;
  /** Runs a call of a driver, whose client package is traced by none: its statement has an event. */
  untraced<Result>(call: () => Result): Result;
}

interface Slot {
  telemetry: Telemetry | undefined;
  /** Lets an entry point subscribe that waits for an SDK. */
  awake: (() => void) | undefined;
  /** Ends what has filled it in. */
  end: (() => void) | undefined;
}

/** One for all copies of the package, since their events go to the same channels. */
export const telemetrySlot: Slot = sharedByCopies('telemetry', () => ({
  telemetry: undefined,
  awake: undefined,
  end: undefined,
}));

/** Whether anyone looks on at what a tracing channel is about. */
export function isWatched({ channels }: { readonly channels: { readonly hasSubscribers: boolean } }): boolean {
  telemetrySlot.awake?.();
  return channels.hasSubscribers;
}

/** The trace that is active here: that of the telemetry library, or else the one that was given. */
export function traceHere(given: TraceHeaders | undefined): TraceHeaders {
  const active = telemetrySlot.telemetry?.here();
  if (active !== undefined) return active;
  const { traceparent, tracestate } = given ?? {};
  return { ...(traceparent === undefined ? {} : { traceparent }), ...(tracestate === undefined ? {} : { tracestate }) };
}

/** Runs a body as a part of a trace, if it is one. */
export function runInTrace<Result>(
  trace: TraceHeaders | undefined,
  { ifNone }: { readonly ifNone: boolean },
  body: () => Result,
): Result {
  const { telemetry } = telemetrySlot;
  if (telemetry === undefined || trace?.traceparent === undefined) return body();
  return telemetry.within(trace, ifNone, body);
}

/** Runs a call of a driver. */
export function runUntraced<Result>(call: () => Result): Result {
  const { telemetry } = telemetrySlot;
  return telemetry === undefined ? call() : telemetry.untraced(call);
}
