// The server is asked for locks after the holders were looked at, and they go on meanwhile.
import { expect, it } from 'vitest';
import type { LockWait } from '../../src/driver/index.ts';
import type { Client } from '../../src/database/client.ts';
import { lookAtHolders } from '../../src/database/holders.ts';

const backend = { id: 1, startedAt: 'then' };
const owner = { backend: { id: 2, startedAt: 'then' }, idle: true };

/** A client of one transaction, whose statement was sent at `since`; the answer about locks takes 20 milliseconds. */
function clientOf(nextSince: number | undefined): Client {
  let [now, since]: [number, number | undefined] = [1_000, 900];
  const waits = async (): Promise<readonly LockWait[]> => {
    now += 20;
    since = nextSince;
    return await Promise.resolve([{ waiting: backend, blockers: [owner], relation: 'product' }]);
  };
  const look = (): object => {
    const running = since === undefined ? undefined : { text: 'update product', for: now - since };
    return {
      id: 'one',
      backend,
      age: 500,
      running,
      waitsFor: { type: running === undefined ? 'code' : 'server', for: 1 },
    };
  };
  return { clock: { now: () => now }, work: [{ look }], locks: { waits } } as unknown as Client;
}

it.each([
  ['the same statement runs: it waits for the lock', 900, 'lock'],
  ['another statement was sent in between: the server may tell of that', 1_010, 'server'],
  ['nothing runs any longer', undefined, 'server'],
] as const)('%s', async (_, since, type) => {
  expect(await lookAtHolders([clientOf(since)], {})).toMatchObject([{ waitsFor: { type } }]);
});
