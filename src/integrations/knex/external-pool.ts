/** A client of Knex, as far as its pool is concerned. */
export interface WithPool {
  readonly config?: { readonly connectionPool?: unknown } | undefined;
  readonly driverName?: string | undefined;
  /** That of the server; unknown before the first connection. */
  version?: string | null | undefined;
  pool?: unknown;
  connectionSettings?: object;
  initializeDriver?(): void;
  checkVersion?(connection: object): Promise<string>;
}

/** As much of a pool of tarn as Knex calls. */
interface TarnLike {
  acquire(): { readonly promise: Promise<object> };
  release(connection: object): boolean;
  destroy(): Promise<void>;
}

/** A connection of an ambient pool, with what Knex notes on it. */
interface Pooled {
  release(destroy?: boolean): void;
  destroy?(): void;
  __knexUid?: string;
  __knex__disposed?: unknown;
}

type Callback = (error: Error | null | undefined, connection: Pooled) => void;

let connections = 0;

/** Gives a Knex before 3.3, which does not know `connectionPool`, its connections from that pool; another stays as it is. */
export function overPool(client: WithPool): void {
  const pool = client.config?.connectionPool;
  if (client.pool !== undefined || pool === undefined) return;
  client.initializeDriver?.();
  client.connectionSettings = {};
  client.pool = tarnLike(client, pool as object);
}

function tarnLike(client: WithPool, pool: object): TarnLike {
  const open = client.driverName === 'pg' ? () => openPg(client, pool) : () => openMysql(pool);
  return {
    acquire: () => ({ promise: open() }),
    release(connection) {
      const pooled = connection as Pooled;
      const isBroken = Boolean(pooled.__knex__disposed);
      if (isBroken && pooled.destroy !== undefined) pooled.destroy();
      else pooled.release(isBroken);
      return true;
    },
    // It is the database's.
    destroy: () => Promise.resolve(),
  };
}

async function openPg(client: WithPool, pool: object): Promise<object> {
  const connection = numbered(await (pool as { connect(): Promise<Pooled> }).connect());
  // Some of its SQL depends on it.
  client.version ??= await client.checkVersion?.(connection).catch(() => undefined);
  return connection;
}

function openMysql(pool: object): Promise<object> {
  const opened = Promise.withResolvers<object>();
  (pool as { getConnection(callback: Callback): void }).getConnection((error, connection) => {
    if (error) opened.reject(error);
    else opened.resolve(numbered(connection));
  });
  return opened.promise;
}

function numbered(connection: Pooled): Pooled {
  connections += 1;
  connection.__knexUid = `__knexUid-sluice-${connections}`;
  return connection;
}
