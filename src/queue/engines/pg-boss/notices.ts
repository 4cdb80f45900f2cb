import type { JobOutcome, JobReference } from '../../engine/index.ts';

/** What processes send each other by NOTIFY. Only hints: a process that misses one finds the state in the tables. */
export type Notice =
  | { readonly type: 'arrival'; readonly queue: string; readonly level: number }
  | { readonly type: 'settled'; readonly id: string; readonly outcome?: JobOutcome }
  | { readonly type: 'progress'; readonly id: string; readonly progress: unknown };

/** NOTIFY takes less than 8,000 bytes. */
const longestNotice = 7_500;

export function arrivalOf({ queue, level }: JobReference): Notice {
  return { type: 'arrival', queue, level };
}

/** A notice as text, without the outcome where that is too long: it is looked up then. */
export function encodeNotice(notice: Notice): string | undefined {
  const text = JSON.stringify(notice);
  if (Buffer.byteLength(text) <= longestNotice) return text;
  return notice.type === 'settled' ? JSON.stringify({ type: 'settled', id: notice.id }) : undefined;
}

/** Anybody with access to the database can send one; what it says is checked or only a hint. */
export function decodeNotice(text: string): Notice | undefined {
  try {
    const notice = JSON.parse(text) as Partial<Record<string, unknown>> | null;
    if (notice === null || typeof notice !== 'object') return undefined;
    const { type, id, queue, level } = notice;
    if (type === 'arrival' && typeof queue === 'string' && typeof level === 'number')
      return notice as unknown as Notice;
    if ((type === 'settled' || type === 'progress') && typeof id === 'string') return notice as unknown as Notice;
    return undefined;
  } catch {
    return undefined;
  }
}
