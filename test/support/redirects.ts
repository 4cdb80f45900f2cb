// The answer of the same handler without a transaction of its route, with one, and for a request that comes again.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Answer, ask } from './http-client.ts';

/** The ways to redirect, which each framework has: their paths, and what they come to. */
export const manners = {
  redirect: { status: 302, location: '/x' },
  permanent: { status: 301, location: '/x' },
} as const;

/** The options of the routes with a transaction, by their paths; those under /plain have none. */
export const variants = [
  ['transaction', {}],
  ['idempotent', { idempotency: true }],
] as const;

const seenOf = ({ status, headers, text }: Answer): object => ({ status, location: headers.location, text });

/** Asks a server that has each manner under /plain, /transaction and /idempotent. */
export async function expectSame(port: number, expected: Readonly<Record<string, object>> = manners): Promise<void> {
  for (const [path, shape] of Object.entries(expected)) {
    const plain = seenOf(await ask(port, 'POST', `/plain/${path}`));
    expect(plain).toMatchObject(shape);
    const key = { 'idempotency-key': randomUUID() };
    expect(seenOf(await ask(port, 'POST', `/transaction/${path}`))).toEqual(plain);
    expect(seenOf(await ask(port, 'POST', `/idempotent/${path}`, key))).toEqual(plain);
    const again = await ask(port, 'POST', `/idempotent/${path}`, key);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(seenOf(again)).toEqual(plain);
  }
}
