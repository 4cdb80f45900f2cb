import { randomBytes } from 'node:crypto';

/** Tells this copy of the package in this process from every other one. */
const prefix = randomBytes(5).toString('hex');
let last = 0;

/** Names something that events and lists of several processes speak of: no other thing anywhere has the same name. */
export function nextId(): string {
  last += 1;
  return `${prefix}-${last.toString(36)}`;
}
