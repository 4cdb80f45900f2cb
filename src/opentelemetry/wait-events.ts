import { context, type Span, trace } from '@opentelemetry/api';
import { type AcquireTrace, acquireTrace, channelNames, type HookErrorEvent } from '../channels/index.ts';
import { failureAttributes } from './attributes.ts';
import type { DatabaseSpans } from './database-spans.ts';
import { isSuppressed } from './contexts.ts';
import { type Ending, listen, listenTo } from './listen.ts';

/** What happens inside of a span, as its events: waits for connections, and hooks that throw. */
export function subscribeToWaits(database: DatabaseSpans): readonly Ending[] {
  return [
    listen(acquireTrace.channels.asyncEnd, (message) => {
      const { waited, failed, error, duration, level, parentId } = message as AcquireTrace;
      const span = here(database);
      if (span === undefined) return;
      if (parentId !== undefined) database.noteHolder(parentId, span);
      if (!waited && !failed) return;
      const ending = failed ? failureAttributes(error) : {};
      span.addEvent('sluice.acquire', { 'sluice.duration': duration, 'sluice.level': level, ...ending });
    }),
    listenTo(channelNames.hookError, ({ hook, error }: HookErrorEvent) => {
      here(database)?.addEvent('sluice.hook.error', { 'sluice.hook': hook, ...failureAttributes(error) });
    }),
  ];
}

/** The span that is active: in that of a statement nothing else is traced, but what it waits for is told. */
function here(database: DatabaseSpans): Span | undefined {
  const active = context.active();
  const span = trace.getSpan(active);
  return span !== undefined && (database.isStatement(span) || !isSuppressed(active)) ? span : undefined;
}
