import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { openShop, type Shop } from '../src/shop.ts';
import { setUp } from '../src/tables.ts';

interface Opened {
  readonly shop: Shop;
  readonly connectionString: string;
  readonly close: () => Promise<void>;
}

/** The shop on a database of its own, with one connection: nothing here may need two. */
export async function openFreshShop(): Promise<Opened> {
  const name = `shop_${randomUUID().replaceAll('-', '')}`;
  await onServer(`create database ${name}`);
  const { href: connectionString } = Object.assign(serverUrl(), { pathname: `/${name}` });
  const shop = openShop(connectionString, 1);
  await setUp(shop.database);
  const close = async (): Promise<void> => {
    await shop.jobs.close();
    await shop.database.close();
    await onServer(`drop database ${name} with (force)`);
  };
  return { shop, connectionString, close };
}

const serverUrl = (): URL => new URL(process.env['DATABASE_URL'] ?? 'postgres://localhost/postgres');

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl().href });
  await client.connect();
  await client.query(sql);
  await client.end();
}

export interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- it is what a server says
  readonly body: any;
}

/** Asks as the shop `books`, with a GET, or with a POST of a body. */
export async function ask(url: string, headers: Record<string, string> = {}, body?: object): Promise<Answer> {
  const sent = { 'x-shop': 'books', 'content-type': 'application/json', ...headers };
  const request = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(url, { ...request, headers: sent });
  return { status: response.status, body: await response.json() };
}
