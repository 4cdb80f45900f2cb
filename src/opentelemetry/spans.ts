import { type Context, context, type Span, type SpanOptions, trace, type Tracer } from '@opentelemetry/api';
import type { TraceEvent } from '../channels/index.ts';
import { markFailed } from './attributes.ts';
import { isSuppressed } from './contexts.ts';

/** What is kept of an event while it lasts. */
export interface Entry {
  /** None for what is only run in a context of its own. */
  readonly span: Span | undefined;
  /** The context that the event's call runs in. */
  readonly context: Context;
}

/** How a span begins. */
export interface Beginning extends SpanOptions {
  readonly name: string;
  /** The context that the span is begun in. Default: the active one. */
  readonly parent?: Context | undefined;
  /** Adds to the context of the call. */
  readonly mark?: ((context: Context) => Context) | undefined;
}

/** The spans of events that have begun and not ended. */
export class Spans {
  readonly #tracer: Tracer;
  readonly #entries = new Map<object, Entry>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  of(event: object): Entry | undefined {
    return this.#entries.get(event);
  }

  /** @returns nothing where nothing is to be traced */
  begin(event: TraceEvent, { name, parent = context.active(), mark, ...options }: Beginning): Entry | undefined {
    if (isSuppressed(parent)) return undefined;
    const span = this.#tracer.startSpan(name, options, parent);
    const inside = trace.setSpan(parent, span);
    return this.enter(event, { span, context: mark === undefined ? inside : mark(inside) });
  }

  /** Has the call of an event run in a context. */
  enter(event: TraceEvent, entry: Entry): Entry {
    this.#entries.set(event, entry);
    return entry;
  }

  /** @param complete adds what is known at the end */
  end(event: TraceEvent, complete?: (span: Span) => void): void {
    const span = this.of(event)?.span;
    this.#entries.delete(event);
    if (span === undefined) return;
    if (span.isRecording()) {
      complete?.(span);
      if (event.failed) markFailed(span, event.error);
    }
    span.end();
  }
}
