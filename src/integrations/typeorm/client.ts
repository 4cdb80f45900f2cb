import type { MysqlOptions } from '../../drivers/mysql/index.ts';
import type { PostgresOptions } from '../../drivers/postgres/index.ts';
import type { ClientDefinition } from '../../index.ts';
import type { OptionsOf } from './options.ts';

type ConnectionOptions = OptionsOf<'postgres'> | OptionsOf<'mysql' | 'mariadb'>;

/** The engine whose options those of each type of data source are. */
export const engines = { postgres: 'postgres', mysql: 'mysql', mariadb: 'mysql' } as const;

/** Whether there are data sources of a type. */
export function isType(type: unknown): type is keyof typeof engines {
  return typeof type === 'string' && Object.hasOwn(engines, type);
}

/**
 * The client that TypeORM's own options describe. Engines are loaded here, so that one does not need another's package.
 * @param asked what wins over them
 */
export async function clientFor(options: ConnectionOptions, asked: Record<string, unknown>): Promise<ClientDefinition> {
  const { url, host, port, username: user, password, database, ssl, poolSize: max } = options;
  const common = { host, port, database, user, password, ssl, max };
  if (options.type === 'postgres') {
    const { postgres } = await import('../../drivers/postgres/index.ts');
    const { applicationName, connectTimeoutMS: acquireTimeout } = options;
    const given = { ...common, applicationName, acquireTimeout, connectionString: url, ...asked };
    return postgres(withoutMissing<PostgresOptions>(given));
  }
  const { mysql } = await import('../../drivers/mysql/index.ts');
  const { charset, timezone, socketPath, acquireTimeout } = options;
  const given = { ...common, charset, timezone, socketPath, acquireTimeout, uri: url, ...asked };
  return mysql(withoutMissing<MysqlOptions>(given));
}

function withoutMissing<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}
