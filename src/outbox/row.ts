import type { OutboxMessage } from './message.ts';

/** A message as the table holds it. */
export interface OutboxRow {
  readonly id: string;
  readonly job_id: string;
  readonly queue: string;
  readonly key: string | null;
  readonly payload: string;
  readonly context: string;
  readonly attempts: number;
}

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
