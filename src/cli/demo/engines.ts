import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mysql } from '../../drivers/mysql/index.ts';
import { postgres } from '../../drivers/postgres/index.ts';
import { sqlite } from '../../drivers/sqlite/index.ts';
import { type ClientDefinition, createDatabase } from '../../index.ts';

export type EngineName = 'postgres' | 'mariadb' | 'sqlite';

/** Where the demo runs, as its processes tell each other. */
export interface Place {
  readonly engine: EngineName;
  /** Nothing on SQLite. */
  readonly connectionString: string;
  /** Everything is made in a schema, database or file of this name, and dropped at the end. */
  readonly name: string;
}

/** How wide a pool is. */
export interface Width {
  readonly max: number;
  readonly maxLevel?: number | undefined;
}

interface DemoEngine {
  /** Whether the audit trail can be written while the checkout is open. */
  readonly auditsSeparately: boolean;
  client(place: Place, width: Width): ClientDefinition;
  create(place: Place): Promise<void>;
  drop(place: Place): Promise<void>;
}

const engines: Readonly<Record<EngineName, DemoEngine>> = {
  postgres: {
    auditsSeparately: true,
    client: ({ connectionString, name }, width) =>
      postgres({ connectionString, ...width, options: `-c search_path=${name}` }),
    create: (place) =>
      administer(postgresIn(place), [`drop schema if exists ${place.name} cascade`, `create schema ${place.name}`]),
    drop: (place) => administer(postgresIn(place), [`drop schema if exists ${place.name} cascade`]),
  },
  mariadb: {
    auditsSeparately: true,
    client: ({ connectionString, name }, width) => mysql({ uri: connectionString, database: name, ...width }),
    create: (place) =>
      administer(mysqlIn(place), [`drop database if exists ${place.name}`, `create database ${place.name}`]),
    drop: (place) => administer(mysqlIn(place), [`drop database if exists ${place.name}`]),
  },
  sqlite: {
    auditsSeparately: false,
    client: ({ name }, { maxLevel }) => sqlite({ file: fileOf(name), maxLevel }),
    create: (place) => engines.sqlite.drop(place),
    async drop({ name }) {
      for (const part of ['', '-wal', '-shm']) rmSync(`${fileOf(name)}${part}`, { force: true });
    },
  },
};

export function isEngine(name: string): name is EngineName {
  return Object.hasOwn(engines, name);
}

export function engineOf({ engine }: Place): DemoEngine {
  return engines[engine];
}

function fileOf(name: string): string {
  return join(tmpdir(), `${name}.db`);
}

function postgresIn({ connectionString }: Place): ClientDefinition {
  return postgres({ connectionString, max: 1 });
}

function mysqlIn({ connectionString }: Place): ClientDefinition {
  return mysql({ uri: connectionString, max: 1 });
}

/** Makes and drops what the demo's own connections are in. */
async function administer(client: ClientDefinition, statements: readonly string[]): Promise<void> {
  const database = createDatabase({ clients: { default: client } });
  try {
    for (const statement of statements) await database.current.query(statement);
  } finally {
    await database.close({ timeout: 2_000 });
  }
}
