import { context, isSpanContextValid, trace, type Tracer } from '@opentelemetry/api';
import { type Telemetry, telemetrySlot } from '../channels/index.ts';
import { below, headersOf, isSuppressed, runIn, suppress } from './contexts.ts';
import { DatabaseSpans, type QueryText } from './database-spans.ts';
import { type Ending, guard } from './listen.ts';
import { subscribeToMessages } from './messaging-spans.ts';
import { Spans } from './spans.ts';
import { subscribeToWaits } from './wait-events.ts';

/** Makes spans from now on. @returns ends that */
export function startTracing(tracer: Tracer, queryText: QueryText): Ending {
  const spans = new Spans(tracer);
  const database = new DatabaseSpans(spans, queryText);
  const telemetry = telemetryOf(spans);
  const endings = [...database.subscribe(), ...subscribeToWaits(database), ...subscribeToMessages(spans)];
  telemetrySlot.telemetry = telemetry;
  return () => {
    if (telemetrySlot.telemetry === telemetry) telemetrySlot.telemetry = undefined;
    for (const end of endings) end();
  };
}

/** Between the traces of Sluice and those of OpenTelemetry. */
function telemetryOf(spans: Spans): Telemetry {
  return {
    here: () => guard(() => headersOf(context.active())),
    within(headers, ifNone, body) {
      const inside = guard(() => {
        const active = context.active();
        return ifNone && hasTrace(active) ? undefined : below(active, headers);
      });
      return inside === undefined ? body() : runIn(inside, body);
    },
    during(event, call) {
      const entry = spans.of(event);
      return entry === undefined ? call() : runIn(entry.context, call);
    },
    untraced(call) {
      const active = guard(() => context.active());
      return active === undefined || isSuppressed(active) ? call() : runIn(suppress(active), call);
    },
  };
}

function hasTrace(active: ReturnType<typeof context.active>): boolean {
  const span = trace.getSpanContext(active);
  return span !== undefined && isSpanContextValid(span);
}
