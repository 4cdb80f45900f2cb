import type { ClientDefinition, Database, PoolOptions } from '../../../index.ts';
import { UsageError } from '../command-line/command.ts';
import type { Address } from './address.ts';

/** How the commands connect to a server. */
export interface ConnectOptions extends PoolOptions {
  /** PostgreSQL: shown in `pg_stat_activity`, unless the URL says otherwise. */
  readonly applicationName?: string;
  /** PostgreSQL behind a pooler: prepare all the same. Default: as a program that says nothing of it. */
  readonly preparedStatements?: boolean;
  /** Whether a COMMIT whose answer is lost is looked up. */
  readonly resolveCommit?: boolean;
}

/** A client as the program's own: with the driver of the URL, whose package is loaded here. @throws UsageError */
export async function clientDefinition({ kind, url }: Address, options: ConnectOptions): Promise<ClientDefinition> {
  const { applicationName = 'sluice', preparedStatements, ...others } = options;
  if (kind === 'mysql') {
    const { mysql } = await packaged('mysql2', () => import('../../../drivers/mysql/index.ts'));
    return accepted(() => mysql({ uri: url, ...others }));
  }
  const { postgres } = await packaged('pg', () => import('../../../drivers/postgres/index.ts'));
  return accepted(() => postgres({ connectionString: url, applicationName, preparedStatements, ...others }));
}

/** Makes the table by which MySQL and MariaDB look up a COMMIT, in the database that is selected. */
export async function makeCommitTable(database: Database): Promise<void> {
  const { createCommitTable } = await import('../../../drivers/mysql/index.ts');
  await createCommitTable(database.current);
}

/** A package that is missing is named, with the command that installs it. */
export async function packaged<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UsageError(`This needs the package ${name}: npm install ${name}`);
  }
}

function accepted(define: () => ClientDefinition): ClientDefinition {
  try {
    return define();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
