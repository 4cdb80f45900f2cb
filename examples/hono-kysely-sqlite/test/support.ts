import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Receipt } from '../src/receipts.ts';
import { openShop, type Shop } from '../src/shop.ts';
import { setUp } from '../src/tables.ts';

/** The shop in a file of its own. */
export async function openFreshShop(): Promise<{ shop: Shop; file: string; close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'));
  const file = join(folder, 'shop.db');
  const shop = openShop(file);
  await setUp(shop);
  const close = async (): Promise<void> => {
    await shop.database.close();
    rmSync(folder, { recursive: true });
  };
  return { shop, file, close };
}

export interface MailService {
  readonly url: string;
  /** By their ids: one that comes again is the same. */
  readonly received: Map<unknown, Receipt>;
  /** What it answers with. */
  status: number;
  /** How many it has refused. */
  refused: number;
  close(): void;
}

export async function startMailService(): Promise<MailService> {
  const received = new Map<unknown, Receipt>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (data) => (body += String(data)));
    request.on('end', () => {
      if (mail.status === 200) received.set(request.headers['idempotency-key'], JSON.parse(body) as Receipt);
      else mail.refused += 1;
      response.writeHead(mail.status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const mail = { url, received, status: 200, refused: 0, close: () => void server.close() };
  return mail;
}

/** An order, as a client sends it. */
export function sent(quantity: number, headers: Record<string, string> = {}): RequestInit {
  const order = { productId: 'pen', quantity, email: 'ada@example.com' };
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(order) };
}
