import { createHash, randomUUID } from 'node:crypto';
import type { OpenTransaction } from '../context/index.ts';
import { type Check, sharedByCopies } from '../core/index.ts';

/** The id of a job. */
export const aJobId: Check = (value) =>
  typeof value === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
    ? undefined
    : 'a UUID in small letters';

/** What makes the ids of a call's jobs its own. */
const seeds = sharedByCopies('job-seeds', () => new WeakMap<object, string>());
/** How often an attempt has pushed the same thing. */
const counts = sharedByCopies('job-counts', () => new WeakMap<OpenTransaction, Map<string, number>>());

/**
 * An id for a job. Inside a transaction it is the same in every attempt of it: made of the call, the
 * queue, the data, and how often that was pushed before, so that a repeated body pushes nothing twice.
 */
export function jobId(transaction: OpenTransaction | undefined, queue: string, json: string | undefined): string {
  if (transaction === undefined) return randomUUID();
  let seed = seeds.get(transaction.call);
  if (seed === undefined) {
    seed = randomUUID();
    seeds.set(transaction.call, seed);
  }
  let pushed = counts.get(transaction);
  if (pushed === undefined) {
    pushed = new Map();
    counts.set(transaction, pushed);
  }
  const content = digest(`${queue}\n${json ?? ''}`);
  const count = pushed.get(content) ?? 0;
  pushed.set(content, count + 1);
  return toUuid(digest(`${seed}\n${content}\n${count}`));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A UUID of version 8 (made by the application), RFC 9562. */
function toUuid(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
