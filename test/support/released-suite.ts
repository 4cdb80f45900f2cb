import { expect } from 'vitest';
import type { Database } from '../../src/index.ts';
import { heapInUse } from './heap.ts';
import { rejection } from './settled.ts';

/** A client that a library has taken in a transaction, as both engines' pools show it. */
interface Client {
  query(text: string): Promise<unknown>;
  release(): void;
}

const count = 30;

/** What a program keeps of clients that it gave back holds nothing of the transactions that they were in. */
export async function keepReleased(database: Database<'default'>, take: () => Promise<Client>): Promise<void> {
  const kept: Client[] = [];
  const held: WeakRef<object>[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    // The transaction has it as long as something has the transaction.
    const { signal } = new AbortController();
    held.push(new WeakRef(signal));
    const body = async (): Promise<void> => {
      const client = await take();
      await client.query('select 1');
      client.release();
      kept.push(client);
    };
    await database.transaction(body, { signal });
  }
  await heapInUse();
  // A connection remembers its last exchange, and a call the turn that it was in.
  expect(held.filter((each) => each.deref() !== undefined).length).toBeLessThanOrEqual(2);
  // They still know what they belonged to.
  for (const client of kept)
    expect(await rejection(client.query('select 1'))).toMatchObject({ code: 'TRANSACTION_ENDED' });
}
