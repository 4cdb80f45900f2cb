import type { OutboxMessage } from './message.ts';

/** A message as the table holds it. */
export interface OutboxRow {
  /** The number of the row, as text: the dialect's own name for the message. */
  readonly id: string;
  /** Names the message to its receiver. */
  readonly job_id: string;
  /** Where it goes. */
  readonly queue: string;
  /** Of messages that are delivered in their order. */
  readonly key: string | null;
  /** JSON. */
  readonly payload: string;
  /** JSON. */
  readonly context: string;
  /** How often its delivery has failed. */
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
