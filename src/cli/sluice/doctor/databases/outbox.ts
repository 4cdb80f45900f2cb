import { sql } from '../../../../index.ts';
import { outboxTablesSql } from '../../../../outbox/index.ts';
import { counted, duration, harmless } from '../../terminal/text.ts';
import type { Check, Finding } from '../finding.ts';
import type { DatabaseServer } from './database-server.ts';

/** A message that was due for so long and is still there is a finding; in milliseconds. */
const patience = 60_000;
/** More than that are not counted. */
const mostCounted = 10_000;

/** The tables of the outbox in all schemas that the user sees: are they as this version makes them, and does a relay empty them? */
export const outbox: Check<DatabaseServer> = {
  name: 'outbox',
  async look(server) {
    const found = await server.ask<{ place: string; name: string; columns: string }>(columnsIn(server.kind));
    const places = Map.groupBy(found, ({ place }) => place);
    const findings = await Promise.all([...places].map(([place, tables]) => findingsIn(server, place, tables)));
    return findings.flat();
  },
};

/** Their columns, of a place each. */
const columnsOfTables = {
  postgres: `select table_schema::text as place, table_name::text as name, string_agg(column_name::text, ',') as columns`,
  mysql: `select table_schema as place, table_name as name, group_concat(column_name) as columns`,
} as const;

function columnsIn(kind: DatabaseServer['kind']): string {
  const names = [...tablesOfThisVersion(kind).keys()].map((name) => `'${name}'`);
  return `${columnsOfTables[kind]} from information_schema.columns where table_name in (${names.join(', ')})
    group by table_schema, table_name order by table_schema, table_name`;
}

async function findingsIn(
  server: DatabaseServer,
  place: string,
  tables: readonly { readonly name: string; readonly columns: string }[],
): Promise<readonly Finding[]> {
  const missing = [...tablesOfThisVersion(server.kind)].flatMap(([name, columns]) => {
    const table = tables.find((each) => each.name === name);
    if (table === undefined) return [`the table ${name}`];
    const there = table.columns.split(',');
    return columns.filter((column) => !there.includes(column)).map((column) => `${name}.${column}`);
  });
  const where = harmless(`${place}.sluice_outbox`);
  if (missing.length > 0) {
    return [
      {
        code: 'OUTBOX_OUTDATED',
        severity: 'error',
        what: `The tables of the outbox are not those of this version: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
        remedy: 'Bring them up to what "npx sluice outbox-sql" prints, in a migration',
        where,
      },
    ];
  }
  return await findingsOfRows(server, place, where);
}

interface Rows {
  readonly due: unknown;
  readonly oldest: unknown;
  readonly parked: unknown;
}

async function findingsOfRows(server: DatabaseServer, place: string, where: string): Promise<readonly Finding[]> {
  const { age, now } = {
    postgres: {
      age: sql.raw('extract(epoch from clock_timestamp() - min(available_at)) * 1000'),
      now: sql.raw('now()'),
    },
    mysql: { age: sql.raw('timestampdiff(microsecond, min(available_at), now(3)) / 1000'), now: sql.raw('now(3)') },
  }[server.kind];
  const table = sql.id(place, 'sluice_outbox');
  const due = sql`from ${table} where parked_at is null and available_at <= ${now}`;
  const [row] = await server.ask(sql<Rows>`select
    (select count(*) from (select 1 ${due} limit ${sql.raw(String(mostCounted))}) waiting) as due,
    (select ${age} ${due}) as oldest,
    (select count(*) from (select 1 from ${table} where parked_at is not null limit ${sql.raw(String(mostCounted))}) parked) as parked`);
  const [count, parked, oldest] = [Number(row?.due ?? 0), Number(row?.parked ?? 0), Number(row?.oldest ?? 0)];
  return [...stale(count, oldest, where), ...parkedMessages(parked, where)];
}

function stale(count: number, oldest: number, where: string): readonly Finding[] {
  if (oldest <= patience) return [];
  return [
    {
      code: 'OUTBOX_STALE',
      severity: 'warning',
      what: `${atLeast(count, 'message')} ${count === 1 ? 'waits' : 'wait'} in the outbox, the oldest for ${duration(oldest)}`,
      remedy: 'See whether a relay runs for each of their channels ("npx sluice relay"), and what it says',
      where,
    },
  ];
}

function parkedMessages(count: number, where: string): readonly Finding[] {
  if (count === 0) return [];
  return [
    {
      code: 'OUTBOX_PARKED',
      severity: 'warning',
      what: `${atLeast(count, 'message')} ${count === 1 ? 'was' : 'were'} parked after too many failed deliveries`,
      remedy: 'Read the column last_error, mend its cause, and put them back with replayParked(db, channel)',
      where,
    },
  ];
}

function atLeast(count: number, thing: string): string {
  return count >= mostCounted ? `At least ${counted(count, thing)}` : counted(count, thing);
}

/** The tables and their columns, as the SQL of this version has them. */
function tablesOfThisVersion(dialect: string): ReadonlyMap<string, readonly string[]> {
  const tables = outboxTablesSql(dialect).matchAll(/create table if not exists (\w+) \(([^;]*);/g);
  const column = /`?(\w+)`? (?:bigint|int|text|longtext|varchar|timestamptz|timestamp)\b/g;
  return new Map(
    [...tables].map(([, name = '', body = '']) => [name, [...body.matchAll(column)].map(([, each = '']) => each)]),
  );
}
