import type { TraceHeaders } from '../channels/index.ts';
import type { OutboxRow } from '../driver/index.ts';
import { traceOf } from '../envelope/index.ts';
import type { OutboxMessage } from './message.ts';

export function readRow({ job_id, queue, key, payload, context, attempts }: OutboxRow): OutboxMessage {
  return {
    id: job_id,
    queue,
    key: key ?? undefined,
    payload: JSON.parse(payload) as unknown,
    context: JSON.parse(context) as object,
    attempts,
  };
}

/** As many as telemetry takes for links. */
const mostTraces = 128;

/** The traces that messages were written in, each once. */
export function tracesOf(rows: readonly OutboxRow[]): readonly TraceHeaders[] {
  const traces = new Map<string, TraceHeaders>();
  for (const { context } of rows) {
    if (traces.size === mostTraces) break;
    const trace = traceOf(parsed(context));
    if (trace?.traceparent !== undefined) traces.set(trace.traceparent, trace);
  }
  return [...traces.values()];
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
