import type { OutboxRow } from '../driver/index.ts';
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
