import type { ClientDefinition, Database } from '../../../../index.ts';
import type { Address } from '../../servers/address.ts';
import { clientDefinition } from '../../servers/client-definition.ts';
import { connectWithin, type Connection } from '../../servers/connect-within.ts';
import { within } from '../../servers/failure.ts';
import { findPooler, keepsPrepared, type Pooler } from '../../servers/pooler.ts';
import { type Bench, valueOf } from './bench.ts';
import type { Kind } from './schema.ts';

/** How long a step may take before another session counts as refused, in milliseconds. */
const patience = 3_000;
const rounds = 5;

/** What is known of a server before it is looked into. */
export type Facts = Pick<
  Bench,
  'product' | 'pooler' | 'preparesBehindPooler' | 'isReadOnly' | 'hasSessions' | 'roundTrip'
>;

export async function factsOf(
  database: Database,
  { kind, hasSessions }: { readonly kind: Kind; readonly hasSessions: boolean },
): Promise<Pick<Facts, 'product' | 'isReadOnly' | 'roundTrip' | 'hasSessions'>> {
  const product = await productOf(database, kind);
  const began = performance.now();
  for (let round = 0; round < rounds; round += 1) await database.query('select 1');
  const roundTrip = (performance.now() - began) / rounds;
  const question = {
    postgres: `select case when pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' then 1 else 0 end`,
    mysql: `select case when @@global.read_only = 0 then 0 else 1 end`,
  };
  const isReadOnly = Number(valueOf(await database.query(question[kind]))) === 1;
  return { product, isReadOnly, roundTrip, hasSessions };
}

export async function poolerOf(
  definition: ClientDefinition,
  address: Address,
  signal: AbortSignal,
): Promise<Pick<Facts, 'pooler' | 'preparesBehindPooler'>> {
  const none = { pooler: undefined, preparesBehindPooler: undefined };
  if (address.kind === 'mysql') return none;
  const pooler: Pooler | undefined = await findPooler(definition, address, { timeout: patience, signal });
  if (pooler === undefined) return none;
  const preparing = await clientDefinition(address, { preparedStatements: true });
  const keeps = keepsPrepared({ preparing, plain: definition, mode: pooler.mode, timeout: patience });
  return { pooler, preparesBehindPooler: await keeps.catch(() => undefined) };
}

/** Whether a second session can have a transaction while a first one has: PGlite lets it wait, or refuses it. @throws if not even one can */
export async function hasTwoSessions(definition: ClientDefinition, signal: AbortSignal): Promise<boolean> {
  const connect = (): Promise<Connection> => connectWithin(definition, patience, signal);
  const first = await connect();
  try {
    if (!(await begins(first))) return true;
    const second = await connect();
    try {
      return await begins(second);
    } finally {
      await second.destroy();
    }
  } catch {
    return false;
  } finally {
    await first.destroy();
  }
}

async function begins(connection: Connection): Promise<boolean> {
  const begin = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } } as const;
  const step = { type: 'statement', statement: { text: 'select 1' } } as const;
  return (await within(patience, connection.run([begin, step]))).failure === undefined;
}

async function productOf(database: Database, kind: Kind): Promise<string> {
  const question = kind === 'mysql' ? 'select version()' : `select current_setting('server_version')`;
  const text = String(valueOf(await database.query(question)));
  const version = /(\d+(?:\.\d+)+)/.exec(text.replace(/^5\.5\.5-/, ''))?.[1] ?? '';
  if (kind === 'postgres') return `PostgreSQL ${version}`;
  return `${/mariadb/i.test(text) ? 'MariaDB' : 'MySQL'} ${version}`;
}
