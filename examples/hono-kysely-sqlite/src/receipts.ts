import { addToOutbox, createRelay, type Relay, RelayUnavailableError } from 'sluice/outbox';
import type { Shop } from './shop.ts';

export interface Receipt {
  readonly email: string;
  readonly orderId: number;
  readonly amount: number;
}

const channel = 'receipts';

/** It leaves with the commit, or never. */
export async function sendReceipt({ database }: Shop, receipt: Receipt): Promise<void> {
  await addToOutbox(database.current, [{ channel, queue: 'mail', payload: receipt }]);
}

/** Hands receipts to the mail service, again and again until it has taken them. */
export function relayReceipts({ database }: Shop, mailUrl: string): Relay {
  return createRelay(database, {
    channel,
    pollInterval: 200,
    async deliver(messages) {
      for (const { id, payload } of messages) await post(mailUrl, id, payload as Receipt);
    },
  });
}

/** A receipt may come twice, under the same id. */
async function post(url: string, id: string, receipt: Receipt): Promise<void> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': id };
  const request = { method: 'POST', headers, body: JSON.stringify(receipt), signal: AbortSignal.timeout(5_000) };
  const answer = await fetch(url, request).catch((cause: unknown) => {
    throw new RelayUnavailableError({ what: 'The mail service is away', remedy: 'Start it', cause });
  });
  if (!answer.ok) throw new Error(`The mail service has answered ${answer.status}`);
}
