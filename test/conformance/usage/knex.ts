// Knex as its users have it, on both servers.
import knexPackage, { type Knex } from 'knex';
import { createKnex } from '../../../src/integrations/knex/index.ts';
import { engine } from '../../support/database.ts';
import type { Openings, Usage, World } from './suite.ts';

export type KnexUsage = Usage<Knex>;

export const onMariadb = engine.name === 'mariadb';

/** Warnings of Knex are not those of the tests. */
const quiet = { warn() {}, error() {}, debug() {}, deprecate() {} };

export const openings: Openings<Knex> = {
  alone: (url) =>
    knexPackage.knex({
      client: onMariadb ? 'mysql2' : 'pg',
      connection: url,
      pool: { min: 0, max: 4 },
      log: quiet,
    }),
  bound: (database) => createKnex(database, { log: quiet }),
  close: (knex) => knex.destroy(),
};

export const insert = async (handle: Knex, id: number, stock = 0): Promise<void> => {
  await handle('product').insert({ id, stock });
};

export const ids = async (handle: Knex): Promise<number[]> =>
  await handle('product').orderBy('id').pluck<number[]>('id');

/** What becomes of a promise: `resolved`, or what its error says first. */
export async function outcomeOf(promise: PromiseLike<unknown> | undefined): Promise<string> {
  try {
    await promise;
    return 'resolved';
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return code ?? `${name}: ${message}`;
  }
}

/** Runs something with a Knex on a pool of its own, which stands for another process. */
export async function beside<Result>({ server }: World<Knex>, body: (other: Knex) => Promise<Result>): Promise<Result> {
  const other = await openings.alone(server.url);
  try {
    return await body(other);
  } finally {
    await other.destroy();
  }
}

/** How what is independent by itself is seen where it means the ambient transaction. */
export function joined(sees: unknown, kept: readonly number[]): Pick<KnexUsage, 'inside' | 'outside'> {
  const difference = {
    on: 'Another handle during a transaction',
    why: 'all handles mean the ambient transaction; what is to be independent says so (docs/libraries.md)',
    sees,
    rows: kept.map((id) => ({ id, stock: 0 })),
  };
  return { inside: difference, outside: difference };
}
