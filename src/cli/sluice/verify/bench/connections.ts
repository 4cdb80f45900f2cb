import { setTimeout } from 'node:timers/promises';
import { createDatabase, type Database } from '../../../../index.ts';
import type { Address } from '../../servers/address.ts';
import { clientDefinition, type ConnectOptions } from '../../servers/client-definition.ts';
import { type Proxy, startProxy } from './proxy.ts';

/** How long a connection may take, in milliseconds. */
const acquireTimeout = 10_000;
const alone = { max: 1, maxLevel: 0, budget: 1 } as const;

/** A database whose connections pass through a proxy. */
export interface Proxied {
  readonly database: Database;
  readonly proxy: Proxy;
}

/** How a database behind a proxy is opened. */
export interface ProxiedOptions {
  /** The schema of the run, if a COMMIT whose answer is lost is to be looked up; on MySQL and MariaDB its table is there. */
  readonly resolveCommitIn?: string | undefined;
}

/** The databases of a run, which are closed together. */
export class Connections {
  readonly #address: Address;
  readonly #opened: Database[] = [];
  readonly #proxies: Proxy[] = [];

  constructor(address: Address) {
    this.#address = address;
  }

  /** Without options: of three connections, and one for what is nested. */
  async open(options: ConnectOptions = {}, url: string = this.#address.url): Promise<Database> {
    const all = { max: 3, maxLevel: 1, acquireTimeout, applicationName: 'sluice verify', ...options };
    const definition = await clientDefinition({ ...this.#address, url }, all);
    const database = createDatabase({
      clients: { default: definition },
      // It would be a second session.
      ...(all.maxLevel === 0 ? { lockProbeAfter: false as const } : {}),
    });
    this.#opened.push(database);
    return database;
  }

  /** Of one connection, which is all that it ever opens. */
  openAlone(url?: string): Promise<Database> {
    return this.open(alone, url);
  }

  /** Undefined where the way to the server is none for a proxy, or the server does not answer through one. */
  async openProxied({ resolveCommitIn: schema }: ProxiedOptions = {}): Promise<Proxied | undefined> {
    const led = await this.#proxyTo(this.#address.kind === 'mysql' ? schema : undefined);
    if (led === undefined) return undefined;
    const database = await this.open({ ...alone, resolveCommit: schema !== undefined }, led.url);
    return (await answers(database)) ? { database, proxy: led.proxy } : undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((database) => database.close({ timeout: 500 })));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }

  /** @param schema a database to select in place of that of the address */
  async #proxyTo(schema: string | undefined): Promise<{ readonly proxy: Proxy; readonly url: string } | undefined> {
    const { kind, url: text } = this.#address;
    if (!URL.canParse(text)) return undefined;
    const url = new URL(text);
    if (url.hostname === '' || url.searchParams.has('host')) return undefined;
    const port = Number(url.port || (kind === 'mysql' ? 3306 : 5432));
    const proxy = await startProxy({ host: url.hostname.replaceAll(/[[\]]/g, ''), port });
    this.#proxies.push(proxy);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    if (schema !== undefined) url.pathname = `/${schema}`;
    return { proxy, url: url.href };
  }
}

/** Whether it does. A server that has one session may need a moment to see that the last one has ended. */
async function answers(database: Database): Promise<boolean> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const isAnswered = await database.query('select 1').then(
      () => true,
      () => false,
    );
    if (isAnswered) return true;
    await setTimeout(100);
  }
  return false;
}
