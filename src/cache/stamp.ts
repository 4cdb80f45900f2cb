import { randomBytes } from 'node:crypto';

const own = randomBytes(9).toString('base64url');
let made = 0;

/** A globally unique text, short since each value carries one for each of its tags. */
export function newStamp(): string {
  made += 1;
  return `${own}${made.toString(36)}`;
}
