// Random programs for a transaction, and what they come to.
import { EntitySchema as MikroSchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import fc from 'fast-check';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { afterCommit, afterRollback, type Database } from '../../src/index.ts';
import { bindDrizzle } from '../../src/integrations/drizzle/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';
import { bindKysely } from '../../src/integrations/kysely/index.ts';
import { bindMikroOrm, mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';
import { createDataSource } from '../../src/integrations/typeorm/index.ts';

export const libraries = ['sql', 'pg', 'Kysely', 'Drizzle', 'Knex', 'TypeORM', 'MikroORM'] as const;
export type LibraryName = (typeof libraries)[number];

/** What may be done in a transaction. */
export type Step =
  | {
      readonly type: 'insert' | 'update' | 'delete';
      readonly by: LibraryName;
      readonly id: number;
      readonly caught: boolean;
    }
  | { readonly type: 'read' | 'fail' | 'misfit' | 'unsendable'; readonly by: LibraryName; readonly caught: boolean }
  | {
      readonly type: 'nested' | 'joined';
      readonly by: LibraryName;
      readonly steps: readonly Step[];
      readonly throws: boolean;
      readonly caught: boolean;
    }
  | { readonly type: 'parallel'; readonly branches: readonly (readonly Step[])[]; readonly all: boolean }
  | { readonly type: 'hook' }
  | { readonly type: 'abort' };

const by = fc.constantFrom(...libraries);
const caught = fc.boolean();
const leaf: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('insert' as const), by, id: fc.nat(12), caught }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom('update' as const, 'delete' as const), by, id: fc.nat(12), caught }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('read' as const), by, caught }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('fail' as const, 'misfit' as const, 'unsendable' as const),
      by,
      caught,
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'hook' } as const) },
);

function steps(depth: number): fc.Arbitrary<readonly Step[]> {
  return fc.array(
    depth === 0
      ? leaf
      : fc.oneof(
          { weight: 4, arbitrary: leaf },
          { weight: 2, arbitrary: parallel(depth - 1) },
          { weight: 1, arbitrary: scope(depth - 1) },
        ),
    { minLength: 1, maxLength: 4 },
  );
}

function parallel(depth: number): fc.Arbitrary<Step> {
  return fc.record({
    type: fc.constant('parallel' as const),
    branches: fc.array(steps(depth), { minLength: 2, maxLength: 5 }),
    all: fc.boolean(),
  });
}

function scope(depth: number): fc.Arbitrary<Step> {
  const throws = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
  return fc.record({
    type: fc.constantFrom('nested' as const, 'joined' as const),
    by,
    steps: steps(depth),
    throws,
    caught: fc.boolean(),
  });
}

/** Of one transaction. */
export const program: fc.Arbitrary<readonly Step[]> = steps(3);

/** One that is cancelled from outside while branches of it are under way. */
export const cancelledProgram: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.array(steps(2), { minLength: 1, maxLength: 4 }), steps(1), fc.boolean())
  .map(([branches, before, all]) => [
    { type: 'parallel', branches: [[...before, { type: 'abort' }], ...branches], all } as const,
  ]);

/** What a program came to. */
export interface Trace {
  /** What each step gave, by its place in the program. */
  readonly results: Readonly<Record<string, unknown>>;
  /** What ran after the end, in its order. */
  readonly hooks: readonly string[];
  readonly ended: unknown;
}

type Run = (text: string, values: readonly unknown[]) => Promise<readonly unknown[]>;
type Nest = (body: () => Promise<void>) => Promise<unknown>;

/** Runs texts through each library, and opens scopes with it. */
export interface Runners {
  readonly run: Readonly<Record<LibraryName, Run>>;
  readonly nest: Readonly<Record<LibraryName, Nest>>;
  /** Issues texts at once on what the own transaction of a library hands out. */
  readonly onOwn: Readonly<Record<Exclude<LibraryName, 'sql' | 'pg'>, (texts: readonly string[]) => Promise<unknown>>>;
  readonly close: () => Promise<void>;
}

export async function openRunners(database: Database<'default'>): Promise<Runners> {
  const plain = ambientPool(database);
  const kysely = bindKysely(new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(database) }) }), database);
  const db = bindDrizzle(drizzle(ambientPool(database)), database);
  const knex = createKnex(database);
  const dataSource = await createDataSource(database, {}).initialize();
  const pool = ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
  const Product = new MikroSchema<{ id: number }>({
    name: 'Product',
    tableName: 'product',
    properties: { id: { type: 'integer', primary: true } },
  });
  const orm = bindMikroOrm(
    await MikroORM.init({
      dbName: 'the one of the pool',
      ensureDatabase: false,
      entities: [Product],
      driverOptions: new PostgresDialect({ pool }),
    }),
    database,
  );
  const nested: Nest = (body) => database.transaction(body, { propagation: 'NESTED' });
  return {
    run: {
      sql: async (text, values) => (await database.current.query(text, values)).rows,
      pg: async (text, values) => (await plain.query(text, [...values])).rows as unknown[],
      Kysely: async (text, values) => (await kysely.executeQuery(CompiledQuery.raw(text, [...values]))).rows,
      Drizzle: async (text, values) => (await db.execute(drizzleText(text, values))).rows,
      Knex: async (text, values) =>
        (await knex.raw<{ rows: unknown[] }>(text.replaceAll(/\$\d/g, '?'), values as never)).rows,
      TypeORM: async (text, values) => {
        const answer: unknown = await dataSource.query(text, [...values]);
        return text.startsWith('select') ? (answer as unknown[]) : [];
      },
      MikroORM: async (text, values) =>
        await orm.em
          .fork()
          .execute(text.replaceAll(/\$\d/g, '?'), [...values], text.startsWith('select') ? 'all' : 'run')
          .then((answer: unknown) => (text.startsWith('select') ? (answer as unknown[]) : [])),
    },
    nest: {
      sql: nested,
      pg: nested,
      Kysely: (body) => kysely.transaction().execute(body),
      Drizzle: (body) => db.transaction(body),
      Knex: async (body) => await knex.transaction(body),
      TypeORM: (body) => dataSource.transaction(body),
      MikroORM: (body) => orm.em.fork().transactional(body),
    },
    onOwn: {
      Kysely: (all) =>
        kysely
          .transaction()
          .execute((trx) => Promise.all(all.map((text) => trx.executeQuery(CompiledQuery.raw(text, []))))),
      Drizzle: (all) => db.transaction((tx) => Promise.all(all.map((text) => tx.execute(drizzleSql.raw(text))))),
      Knex: (all) => knex.transaction((trx) => Promise.all(all.map((text) => trx.raw(text)))),
      TypeORM: (all) => dataSource.transaction((manager) => Promise.all(all.map((text) => manager.query(text)))),
      MikroORM: (all) => orm.em.fork().transactional((em) => Promise.all(all.map((text) => em.execute(text)))),
    },
    async close() {
      await Promise.all([kysely.destroy(), knex.destroy(), dataSource.destroy(), orm.close()]);
    },
  };
}

function drizzleText(text: string, values: readonly unknown[]): ReturnType<typeof drizzleSql> {
  const parts = text.split(/\$\d/);
  return drizzleSql.join(
    parts.flatMap((part, index) =>
      index === 0 ? [drizzleSql.raw(part)] : [drizzleSql`${values[index - 1]}`, drizzleSql.raw(part)],
    ),
  );
}

const unsendable = {
  toPostgres: (): never => {
    throw new RangeError('cannot be sent');
  },
};
const texts = {
  insert: 'insert into product (id) values ($1) returning id',
  update: 'update product set id = id + 20 where id = $1',
  delete: 'delete from product where id = $1',
  read: 'select id from product order by id',
  fail: 'select 1 / ($1::int - 1)',
  misfit: 'select $1::int',
  unsendable: 'select $1::text',
} as const;

class Wanted extends Error {
  readonly code = 'WANTED';
}

/** Runs a program as one transaction. */
export async function runProgram(
  database: Database<'default'>,
  { run, nest }: Runners,
  body: readonly Step[],
): Promise<Trace> {
  const results: Record<string, unknown> = {};
  const hooks: string[] = [];
  const controller = new AbortController();
  const valuesOf = (step: Step): readonly unknown[] => {
    if ('id' in step) return [step.id];
    if (step.type === 'fail') return [1];
    if (step.type === 'misfit') return ['x'];
    return step.type === 'unsendable' ? [step.by === 'sql' || step.by === 'pg' ? unsendable : 'sent'] : [];
  };
  const one = async (step: Step, at: string): Promise<void> => {
    if (step.type === 'hook') {
      afterCommit(() => void hooks.push(`committed ${at}`));
      afterRollback(() => void hooks.push(`rolled back ${at}`));
    } else if (step.type === 'abort') controller.abort(new Wanted('aborted'));
    else if (step.type === 'parallel') {
      const branches = step.branches.map((branch, index) => all(branch, `${at}.${index}`));
      await (step.all ? Promise.all(branches) : Promise.allSettled(branches));
    } else if (step.type === 'nested' || step.type === 'joined') {
      const inside = async (): Promise<void> => {
        await all(step.steps, at);
        if (step.throws) throw new Wanted('thrown');
      };
      await (step.type === 'nested' ? nest[step.by](inside) : database.transaction(inside));
    } else results[at] = await run[step.by](texts[step.type], valuesOf(step));
  };
  const all = async (list: readonly Step[], at: string): Promise<void> => {
    for (const [index, step] of list.entries()) {
      const here = `${at}/${index} ${step.type}`;
      try {
        await one(step, here);
      } catch (error) {
        results[`${here} failed`] = codeOf(error);
        if (!('caught' in step) || !step.caught) throw error;
      }
    }
  };
  const ended = await database
    .transaction(() => all(body, ''), { signal: controller.signal })
    .then(
      () => 'committed',
      (error: unknown) => codeOf(error),
    );
  return { results, hooks, ended };
}

/** What an error is, through the wrappers of libraries. */
function codeOf(error: unknown): unknown {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth += 1) {
    if ('code' in at && at.code !== undefined) return at.code;
    at = 'cause' in at ? at.cause : undefined;
  }
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 80)}` : error;
}
