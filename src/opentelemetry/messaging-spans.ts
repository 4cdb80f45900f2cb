import { type Attributes, context, type Link, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import {
  type DeliverTrace,
  deliverTrace,
  type JobPushTrace,
  jobPushTrace,
  type JobRunTrace,
  jobRunTrace,
  relayTrace,
  type TraceHeaders,
} from '../channels/index.ts';
import { placeAttributes } from './attributes.ts';
import { below, remoteOf, suppress } from './contexts.ts';
import { type Ending, listen } from './listen.ts';
import type { Spans } from './spans.ts';

/** Spans of jobs, and of messages that leave the outbox. */
export function subscribeToMessages(spans: Spans): readonly Ending[] {
  return [
    listen(jobPushTrace.channels.start, (event) => beginPush(spans, event as JobPushTrace)),
    listen(jobPushTrace.channels.asyncEnd, (event) => spans.end(event as JobPushTrace)),
    listen(jobRunTrace.channels.start, (event) => beginRun(spans, event as JobRunTrace)),
    listen(jobRunTrace.channels.asyncEnd, (event) => endRun(spans, event as JobRunTrace)),
    listen(deliverTrace.channels.start, (event) => beginDelivery(spans, event as DeliverTrace)),
    listen(deliverTrace.channels.asyncEnd, (event) => spans.end(event as DeliverTrace)),
    // It asks the database again and again, mostly in vain: that is no trace. What it delivers is.
    listen(relayTrace.channels.start, (event) => {
      spans.enter(event as DeliverTrace, { span: undefined, context: suppress(context.active()) });
    }),
    listen(relayTrace.channels.asyncEnd, (event) => spans.end(event as DeliverTrace)),
  ];
}

function beginPush(spans: Spans, event: JobPushTrace): void {
  const { queue, jobId, operation } = event;
  spans.begin(event, {
    name: `${operation} ${queue}`,
    kind: SpanKind.PRODUCER,
    attributes: { ...placeAttributes(event), ...messaging('send', operation, queue), 'messaging.message.id': jobId },
  });
}

function beginRun(spans: Spans, event: JobRunTrace): void {
  const { queue, jobId, pushedIn, attempt, waited } = event;
  const attributes: Attributes = {
    ...placeAttributes(event),
    ...messaging('process', 'process', queue),
    'messaging.message.id': jobId,
    'sluice.job.attempt': attempt,
  };
  if (waited !== undefined) attributes['sluice.job.waited'] = waited;
  spans.begin(event, {
    name: `process ${queue}`,
    kind: SpanKind.CONSUMER,
    attributes,
    links: linksTo(pushedIn === undefined ? [] : [pushedIn]),
    parent: pushedIn === undefined ? ROOT_CONTEXT : below(ROOT_CONTEXT, pushedIn),
  });
}

function endRun(spans: Spans, event: JobRunTrace): void {
  spans.end(event, (span) => {
    if (event.outcome !== undefined) span.setAttribute('sluice.job.outcome', event.outcome);
  });
}

function beginDelivery(spans: Spans, event: DeliverTrace): void {
  const { channel, count, writtenIn } = event;
  spans.begin(event, {
    name: `deliver ${channel}`,
    kind: SpanKind.PRODUCER,
    attributes: {
      ...placeAttributes(event),
      ...messaging('send', 'deliver', channel),
      'messaging.batch.message_count': count,
    },
    links: linksTo(writtenIn),
    parent: ROOT_CONTEXT,
  });
}

function messaging(type: 'send' | 'process', operation: string, destination: string): Attributes {
  return {
    'messaging.system': 'sluice',
    'messaging.operation.type': type,
    'messaging.operation.name': operation,
    'messaging.destination.name': destination,
  };
}

function linksTo(traces: readonly TraceHeaders[]): Link[] {
  return traces.flatMap((each) => {
    const remote = remoteOf(each);
    return remote === undefined ? [] : [{ context: remote }];
  });
}
