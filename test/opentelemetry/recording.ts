import { context, trace, type TracerProvider } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider as SdkTracerProvider,
} from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { until } from '../support/settled.ts';

/** Spans that are kept in memory. */
export interface Recording {
  readonly provider: TracerProvider;
  /** Those that have ended, by when they began. */
  spans(): readonly ReadableSpan[];
  /** Waits for one by its name. */
  span(name: string): Promise<ReadableSpan>;
  /** What is kept, as the names of spans below their parents. */
  tree(): readonly string[];
  reset(): void;
}

/** Registers an SDK that keeps its spans in memory, as long as the tests of a file run. */
export function useRecording(): Recording {
  const exporter = new InMemorySpanExporter();
  const provider = new SdkTracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const manager = new AsyncLocalStorageContextManager();
  beforeAll(() => {
    context.setGlobalContextManager(manager.enable());
    trace.setGlobalTracerProvider(provider);
  });
  afterEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
  });
  const spans = (): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().toSorted((one, other) => startOf(one) - startOf(other));
  return {
    provider,
    spans,
    async span(name) {
      await until(`the span "${name}" has ended`, () => spans().some((span) => span.name === name));
      return spans().find((span) => span.name === name) as ReadableSpan;
    },
    tree: () => treeOf(spans()),
    reset: () => exporter.reset(),
  };
}

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1e3 + nanoseconds / 1e6;
}

export function parentOf({ parentSpanContext }: ReadableSpan): string | undefined {
  return parentSpanContext?.spanId;
}

function treeOf(spans: readonly ReadableSpan[]): readonly string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const below = (parent: string | undefined, depth: number): string[] =>
    spans
      .filter((span) => {
        const own = parentOf(span);
        return parent === undefined ? own === undefined || !ids.has(own) : own === parent;
      })
      .flatMap((span) => [`${'  '.repeat(depth)}${span.name}`, ...below(span.spanContext().spanId, depth + 1)]);
  return below(undefined, 0);
}
