import { subscribe } from 'node:diagnostics_channel';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import type { ClientDefinition } from '../../src/driver/index.ts';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import type { EngineName, ShopSettings } from '../settings.ts';
import { bills } from './bills.ts';
import { Checkout } from './checkout.ts';
import { invoices } from './jobs.ts';
import { Load } from './load.ts';
import { parcels } from './parcels.ts';
import type { Part } from './part.ts';
import { shipping } from './shipping.ts';
import { stockCaches, type StockCaches } from './stock.ts';

/** Connections of a process at each level. */
const max = 6;
const acquireTimeout = 4_000;

/** A shop in this process, with all of its parts. */
export interface Shop {
  readonly database: Database<'default'>;
  readonly load: Load;
  readonly stock: StockCaches;
  start(): void;
  /** Gives everything back. */
  close(): Promise<void>;
}

export async function openShop(settings: ShopSettings): Promise<Shop> {
  const { engine, databaseUrl, resolvesCommits } = settings;
  const database = createDatabase({ clients: { default: clientOf(engine, databaseUrl, resolvesCommits) } });
  const stock: StockCaches = stockCaches(database, settings, (what) => load.found(what));
  const parts: readonly Part[] = [
    await invoices(database, settings),
    parcels(database),
    bills(database),
    shipping(database),
    stock,
  ];
  const load: Load = new Load(new Checkout(database, parts, (told) => load.note(told)), stock, settings);
  // What no caller is told of is counted: most of it says that a server is away.
  subscribe(channelNames.backgroundError, () => (load.counts.background += 1));
  return {
    database,
    load,
    stock,
    start() {
      for (const part of parts) part.start?.();
    },
    async close() {
      for (const part of parts) if (part !== stock) await part.stop();
      await database.close({ timeout: 5_000 });
      await stock.stop();
    },
  };
}

export function clientOf(engine: EngineName, url: string, resolveCommit: boolean): ClientDefinition {
  if (engine === 'postgres') return postgres({ connectionString: url, max, acquireTimeout, resolveCommit });
  if (engine === 'mariadb') return mysql({ uri: url, max, acquireTimeout, resolveCommit });
  return sqlite({ file: url, acquireTimeout, busyTimeout: acquireTimeout });
}
