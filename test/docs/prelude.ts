import type { Example } from './examples.ts';
import type { PublicName } from './public-api.ts';

/**
 * What the examples of doc comments take for granted, such as `database` and `checkout`. It is a module of globals, so that an
 * example may have a name of its own instead.
 */
export const prelude: Example = {
  name: 'prelude',
  code: `
import type { INestApplication } from '@nestjs/common';
import type { EventEmitter } from 'node:events';
import type { ContextCarrier, Database, Db } from 'sluice';
import type { Cache, CacheStore } from 'sluice/cache';
import type { EventDefinition, Events } from 'sluice/events';
import type { FleetBus } from 'sluice/inspector';
import type { IoRedisFleetSubscriber } from 'sluice/inspector/redis';
import type { Model } from 'sluice/model';
import type { Outbox, OutboxDialect, OutboxMessage, Relay } from 'sluice/outbox';
import type { ConformanceSuite } from 'sluice/testing/conformance';
import type { Jobs, QueueDefinition, Worker } from 'sluice/queue';

declare global {
  interface Product { id: number; name: string; stock: number }
  interface Order { id: number; product_id: number; paid: boolean }
  interface Tables { product: Product; orders: Order }
  class OrderEntity { id: number; paid: boolean }

  const database: Database<'default' | 'reports' | 'orders' | 'payments'>;
  const db: Db;
  const orders: Db;
  const payments: Db;
  const carrier: ContextCarrier;
  const products: Cache<Product, number>;
  const store: CacheStore;
  const product: Model<Product, 'id'>;
  const invoice: QueueDefinition<{ orderId: number }, string>;
  const jobs: Jobs<{ invoice: QueueDefinition<{ orderId: number }, string> }>;
  const worker: Worker;
  const message: OutboxMessage;
  const relay: Relay;
  const events: Events;
  const orderPlaced: EventDefinition<{ orderId: number }>;
  const outbox: Outbox;
  const suite: ConformanceSuite;
  const toyOutbox: OutboxDialect;
  const fleet: FleetBus;
  const redis: IoRedisFleetSubscriber & { duplicate(): IoRedisFleetSubscriber };
  const emitter: EventEmitter;
  const app: INestApplication;

  const id: number;
  const ids: readonly number[];
  const least: number;
  const account: number;
  const amount: number;
  const column: string;
  const isDescending: boolean;
  const dryRun: boolean;
  const order: Order;
  const error: unknown;

  function checkout(id: number): Promise<void>;
  function charge(order: Order): Promise<string>;
  function refund(payment: string): Promise<void>;
  function sendMail(text: string): Promise<void>;
  function writeAudit(event: string): Promise<void>;
  function readProduct(id: number): Promise<Product>;
  function readSales(): Promise<number>;
  function readSecret(name: string): Promise<string>;
  function readLines(): AsyncIterable<string>;
}
`,
};

/** An example with the imports of all that it has from the package, first from the entry point that it belongs to. */
export function withImports(owner: PublicName, code: string, names: readonly PublicName[]): string {
  const entries = new Map<string, string>();
  for (const { entry, exported } of names) {
    if (exported !== undefined && (!entries.has(exported) || entry === owner.entry)) entries.set(exported, entry);
  }
  const used = new Set(code.replaceAll(/(?<![\w$)])\/\/.*|'[^'\n]*'/g, '').match(/(?<![\w.$])[A-Za-z]\w+/g));
  const imports = [...entries]
    .filter(([name]) => name !== 'default' && used.has(name) && !declares(code, name))
    .map(([name, entry]) => `import { ${name} } from '${entry}';`);
  return `${imports.join('\n')}\n${code}\nexport {};\n`;
}

/** Whether an example has the name from elsewhere. */
function declares(code: string, name: string): boolean {
  const declared = String.raw`\b(?:(?:const|class|interface|function) ${name}\b|const [[{][^\]}=]*\b${name}\b[^=]*=|import [^;]*\b${name}\b)`;
  return new RegExp(declared).test(code);
}
