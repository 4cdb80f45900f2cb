// The engines other than PostgreSQL, each against its own client package.
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { mysql as mysqlClient } from '../src/drivers/mysql/index.ts';
import { sqlite } from '../src/drivers/sqlite/index.ts';
import { createDatabase, type Database, statement } from '../src/index.ts';
import type { Contender, RemoteContender } from './rounds.ts';

const rows = 1_000;
const width = 10;
const table = 'sluice_bench';
const create = `create table ${table} (id int primary key, value int not null)`;
const insert = `insert into ${table} (id, value) values ($1, 0)`;
const update = `update ${table} set value = value + 1 where id = ?`;
const read = `select value from ${table} where id = ?`;

export interface EngineWorkload {
  readonly name: string;
  /** One for those that know it themselves. */
  readonly callers?: number;
  /** The client package by itself, and Sluice. */
  readonly contenders: readonly [Contender | RemoteContender, Contender | RemoteContender];
}

export interface EngineArena {
  readonly workloads: readonly EngineWorkload[];
  close(): Promise<void>;
}

/** Ids in ascending fifths of the table, so that concurrent transactions never deadlock on rows. */
function idFor(statement: number): number {
  return 1 + statement * 200 + Math.floor(Math.random() * 200);
}

function sluiceTransaction(database: Database, statements: number): () => Promise<void> {
  return () =>
    database.transaction(async () => {
      for (let index = 0; index < statements; index += 1) await database.current.query(update, [idFor(index)]);
    });
}

export async function fill(database: Database): Promise<void> {
  await database.current.query(`drop table if exists ${table}`);
  await database.current.query(create);
  const ids = Array.from({ length: rows }, (_, index) => index + 1);
  await database.current.batch(ids.map((id) => statement(insert, [id])));
}

export function pair(alone: () => Promise<unknown>, sluice: () => Promise<unknown>): EngineWorkload['contenders'] {
  return [
    { name: 'alone', run: alone },
    { name: 'sluice', run: sluice },
  ];
}

/** Prepared statements on both sides, which is mysql2 at its fastest. */
export async function openMariadbArena(uri: string): Promise<EngineArena> {
  const pool = mysql.createPool({ uri, connectionLimit: width });
  // Both use 10: nothing here is nested, so the connections of deeper levels are never opened.
  const client = mysqlClient({ uri, max: width });
  const database = createDatabase({ clients: { default: client } });
  await fill(database);
  const rawTransaction = (statements: number) => async (): Promise<void> => {
    const connection = await pool.getConnection();
    try {
      await connection.beginTransaction();
      for (let index = 0; index < statements; index += 1) await connection.execute(update, [idFor(index)]);
      await connection.commit();
    } finally {
      connection.release();
    }
  };
  return {
    workloads: [
      ...[1, 16].flatMap((callers) =>
        [1, 5].map((statements) => ({
          name: `MariaDB, ${statements === 1 ? 'one statement' : `${statements} statements`}, ${callers} callers`,
          callers,
          contenders: pair(rawTransaction(statements), sluiceTransaction(database, statements)),
        })),
      ),
      {
        name: 'MariaDB, plain read, 16 callers',
        callers: 16,
        contenders: pair(
          () => pool.execute(read, [idFor(0)]),
          () => database.current.query(read, [idFor(0)]),
        ),
      },
    ],
    async close() {
      await database.current.query(`drop table ${table}`);
      await database.close();
      await pool.end();
    },
  };
}

/** A file on both sides, with its write-ahead log and each commit on the disk. */
export async function openSqliteArena(): Promise<EngineArena> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const workloads: EngineWorkload[] = [];
  const closes: (() => Promise<void>)[] = [];
  for (const where of ['file', 'memory']) {
    const database = createDatabase({
      clients: { default: where === 'file' ? sqlite({ file: join(folder, 'sluice.db') }) : sqlite() },
    });
    await fill(database);
    const raw = new DatabaseSync(where === 'file' ? join(folder, 'raw.db') : ':memory:');
    if (where === 'file') raw.exec('pragma journal_mode = wal');
    raw.exec(create);
    for (let id = 1; id <= rows; id += 1) raw.prepare('insert into sluice_bench values (?, 0)').run(id);
    const [updating, reading] = [raw.prepare(update), raw.prepare(read)];
    const rawTransaction = (statements: number) => async (): Promise<void> => {
      raw.exec('begin immediate');
      for (let index = 0; index < statements; index += 1) updating.run(idFor(index));
      raw.exec('commit');
    };
    for (const statements of [1, 5]) {
      workloads.push({
        name: `SQLite in a ${where}, ${statements === 1 ? 'one statement' : `${statements} statements`}, 1 caller`,
        callers: 1,
        contenders: [
          { name: 'alone', run: rawTransaction(statements) },
          { name: 'sluice', run: sluiceTransaction(database, statements) },
        ],
      });
    }
    workloads.push({
      name: `SQLite in a ${where}, plain read, 1 caller`,
      callers: 1,
      contenders: [
        { name: 'alone', run: async () => reading.all(idFor(0)) },
        { name: 'sluice', run: () => database.current.query(read, [idFor(0)]) },
      ],
    });
    closes.push(async () => {
      await database.close();
      raw.close();
    });
  }
  return {
    workloads,
    async close() {
      for (const close of closes) await close();
      rmSync(folder, { recursive: true });
    },
  };
}
