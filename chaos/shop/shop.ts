import { subscribe } from 'node:diagnostics_channel';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import type { ClientDefinition } from '../../src/driver/index.ts';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import { type EngineName, max, type ShopSettings } from '../settings.ts';
import { isBehind } from './backlog.ts';
import { bills } from './bills.ts';
import { Checkout } from './checkout.ts';
import { invoices } from './jobs.ts';
import { Load } from './load.ts';
import { parcels } from './parcels.ts';
import type { Part } from './part.ts';
import { PoolCount } from './pool-count.ts';
import { rush } from './rush.ts';
import { shipping, type Shipping } from './shipping.ts';
import { stockCaches, type StockCaches } from './stock.ts';

/** On SQLite one that waits for the only writer. */
const [acquireTimeout, busyTimeout] = [8_000, 4_000];
/** The longest that a part may take to stop, in milliseconds. */
const mostStop = 45_000;

/** A shop in this process, with all of its parts. */
export interface Shop {
  readonly database: Database<'default'>;
  readonly load: Load;
  readonly stock: StockCaches;
  readonly poolCount: PoolCount;
  start(): void;
  /** More work at once than there are connections, when no harm is done. @returns what is wrong */
  rush(): Promise<readonly string[]>;
  /** Gives everything back. */
  close(): Promise<void>;
}

export async function openShop(settings: ShopSettings): Promise<Shop> {
  const { engine, databaseUrl, resolvesCommits } = settings;
  const database = createDatabase({ clients: { default: clientOf(engine, databaseUrl, resolvesCommits) } });
  const poolCount = new PoolCount(database);
  const stock: StockCaches = stockCaches(database, settings, (what) => load.found(what));
  const ship: Shipping = shipping(database);
  const parts: readonly Part[] = [
    await invoices(database, settings),
    parcels(database, settings),
    bills(database),
    ship,
    stock,
  ];
  const checkout = new Checkout(
    database,
    parts,
    (told) => load.note(told),
    (what) => load.found(what),
  );
  const load: Load = new Load(
    checkout,
    { stock, shipping: ship, isBehind: (most) => isBehind(database, most) },
    settings,
  );
  // What no caller is told of is counted: most of it says that a server is away.
  subscribe(channelNames.backgroundError, () => (load.counts.background += 1));
  return {
    database,
    load,
    stock,
    poolCount,
    start() {
      for (const part of parts) part.start?.();
    },
    rush: () => rush(database, engine),
    async close() {
      for (const part of parts) if (part !== stock) await inTime(part.name, part.stop(), load);
      await inTime('the database', database.close({ timeout: 5_000 }), load);
      await inTime(stock.name, stock.stop(), load);
    },
  };
}

/** Says what does not stop before the driver loses its patience. */
async function inTime(name: string, stopping: Promise<void>, load: Load): Promise<void> {
  const timer = setTimeout(() => load.found(`${name} does not stop`), mostStop);
  await stopping;
  clearTimeout(timer);
}

export function clientOf(engine: EngineName, url: string, resolveCommit: boolean): ClientDefinition {
  if (engine === 'postgres') return postgres({ connectionString: url, max, acquireTimeout, resolveCommit });
  if (engine === 'mariadb') return mysql({ uri: url, max, acquireTimeout, resolveCommit });
  return sqlite({ file: url, acquireTimeout: busyTimeout, busyTimeout });
}
