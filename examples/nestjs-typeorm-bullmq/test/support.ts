import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { setUp } from '../src/setup';

/** A database of its own, with the tables of the shop. */
export async function freshDatabase(): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  const name = `shop_${randomUUID().replaceAll('-', '')}`;
  await onServer(`create database ${name}`);
  const url = new URL(process.env.DATABASE_URL ?? 'postgres://localhost/postgres');
  url.pathname = `/${name}`;
  await setUp(url.href);
  return { url: url.href, drop: () => onServer(`drop database ${name} with (force)`) };
}

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** Waits for a condition; fails after a while with what was waited for. */
export async function until(what: string, condition: () => Promise<boolean> | boolean, limit = 30_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
