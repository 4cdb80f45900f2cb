import { createHash } from 'node:crypto';
import { currentContext } from '../context/index.ts';
import { type Check, label, typeName } from '../core/index.ts';
import { noKey } from './errors.ts';

/** The most characters of a key. */
export const longestKey = 255;
const aKey = label(longestKey);

/** What a fingerprint is made of. */
export const aFingerprint: Check = (value) =>
  typeof value === 'string' || value instanceof Uint8Array ? undefined : 'text or bytes';

/** @throws IdempotencyKeyError */
export function checkKey(owner: string, key: unknown): string {
  const expected = aKey(key);
  if (expected === undefined) return key as string;
  throw noKey(`${owner} got ${typeName(key)} for its key, which has to be ${expected}`);
}

/** Names a key in the table: apart from those of other scopes, and of other tenants. */
export function idOf(scope: string, key: string): string {
  return hashOf(JSON.stringify([currentContext().tenant ?? null, scope, key]));
}

/** As SHA-256 in hexadecimal digits. */
export function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
