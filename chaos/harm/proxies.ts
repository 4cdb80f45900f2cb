import { mysqlCommit, startTcpProxy, type TcpProxy } from '../../test/support/tcp-proxy.ts';
import type { EngineName } from '../settings.ts';

/** What stands between the shop and its servers; SQLite has no server. */
export interface Proxies {
  readonly database: TcpProxy | undefined;
  /** What a COMMIT looks like on the way to the database. */
  readonly commit: string;
  readonly caches: TcpProxy;
  readonly queues: TcpProxy;
  /** Lets everything through, and has the database know of each connection that is gone. */
  heal(): void;
  close(): Promise<void>;
}

export async function startProxies(
  engine: EngineName,
  urls: { readonly database: string; readonly caches: string; readonly queues: string },
): Promise<Proxies> {
  const database = engine === 'sqlite' ? undefined : await startTcpProxy(urls.database);
  const [caches, queues] = [await startTcpProxy(urls.caches), await startTcpProxy(urls.queues)];
  const all = [caches, queues, ...(database === undefined ? [] : [database])];
  return {
    database,
    commit: engine === 'mariadb' ? mysqlCommit : 'COMMIT',
    caches,
    queues,
    heal() {
      for (const proxy of all) {
        proxy.refuse(false);
        proxy.goOn();
        // What was to be cut with the next COMMIT, which may not have come.
        proxy.forget();
      }
      database?.cut();
    },
    async close() {
      for (const proxy of all) await proxy.close();
    },
  };
}
