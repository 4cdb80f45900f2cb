import { createDatabase, type Database, type Sql, statement } from '../../../../index.ts';
import { type Address } from '../../servers/address.ts';
import { clientDefinition } from '../../servers/client-definition.ts';
import { within } from '../../servers/failure.ts';
import { findPooler, keepsPrepared, type Pooler } from '../../servers/pooler.ts';
import type { Settings } from '../finding.ts';

/** A database server that answers, as the checks see it. */
export interface DatabaseServer {
  readonly kind: 'postgres' | 'mysql';
  /** Product and version. */
  readonly product: string;
  readonly pooler: Pooler | undefined;
  /** Whether statements can be prepared behind the pooler; undefined without one, or where that could not be seen. */
  readonly poolerPrepares: boolean | undefined;
  readonly settings: Settings;
  /** Within the time that a server has. */
  ask<Row extends object>(question: string | Sql<Row>): Promise<Row[]>;
}

/** A database server, before it is known to answer. */
export interface UnopenedServer {
  readonly target: string;
  open(): Promise<DatabaseServer>;
  close(): Promise<void>;
}

/** @throws UsageError for settings that cannot be used */
export async function databaseServer(address: Address, settings: Settings): Promise<UnopenedServer> {
  const { timeout } = settings;
  const pool = { max: 1, maxLevel: 0, budget: 1, acquireTimeout: timeout };
  const definition = await clientDefinition(address, pool);
  const prepares = await clientDefinition(address, {
    ...pool,
    ...(address.kind === 'postgres' ? { preparedStatements: true } : {}),
  });
  const database: Database = createDatabase({ clients: { default: definition }, lockProbeAfter: false });
  const ask = async <Row extends object>(question: string | Sql<Row>): Promise<Row[]> => {
    const piece = typeof question === 'string' ? statement<Row>(question) : question;
    return (await within(timeout, database.query(piece))).rows;
  };
  return {
    target: definition.driver.target,
    async open() {
      const kind = address.kind === 'mysql' ? 'mysql' : 'postgres';
      // First: it needs two connections, of which a pooler may have no more.
      const pooler = kind === 'mysql' ? undefined : await findPooler(definition, address, { timeout });
      const poolerPrepares =
        pooler === undefined || pooler.mode === 'statement' || pooler.mode === 'unknown'
          ? undefined
          : await keepsPrepared({ preparing: prepares, plain: definition, mode: pooler.mode, timeout }).catch(
              () => undefined,
            );
      const product = await productOf(kind, ask);
      return { kind, product, pooler, poolerPrepares, settings, ask };
    },
    close: () => database.close({ timeout: 500 }),
  };
}

async function productOf(kind: 'postgres' | 'mysql', ask: DatabaseServer['ask']): Promise<string> {
  if (kind === 'postgres') {
    const [row] = await ask<{ version: string }>(`select current_setting('server_version') as version`);
    return `PostgreSQL ${/^\S+/.exec(row?.version ?? '')?.[0] ?? ''}`.trim();
  }
  const [row] = await ask<{ version: string }>('select version() as version');
  const version = row?.version ?? '';
  return `${/mariadb/i.test(version) ? 'MariaDB' : 'MySQL'} ${/^(?:5\.5\.5-)?([\d.]+)/.exec(version)?.[1] ?? ''}`.trim();
}
