import { context, trace, type TracerProvider } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
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
  // By the clock of an SDK a span may begin before its parent.
  const begun: string[] = [];
  const inOrder: SpanProcessor = {
    onStart: (span) => void begun.push(span.spanContext().spanId),
    onEnd() {},
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const provider = new SdkTracerProvider({ spanProcessors: [inOrder, new SimpleSpanProcessor({ exporter })] });
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
    exporter.getFinishedSpans().toSorted((one, other) => begun.indexOf(idOf(one)) - begun.indexOf(idOf(other)));
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

function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId;
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
