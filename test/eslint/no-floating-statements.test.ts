import { describe } from 'vitest';
import { rules } from '../../src/eslint/index.ts';
import { javascript, typed } from './tester.ts';

const database = `import { createDatabase, sql } from 'sluice'; const database = createDatabase({ clients });\n`;
const inBody = (body: string) => `${database}await database.transaction(async () => { ${body} });`;
const floating = (body: string, fixed?: string) => ({
  code: inBody(body),
  errors: [
    {
      messageId: 'floating',
      ...(fixed === undefined ? {} : { suggestions: [{ messageId: 'await', output: inBody(fixed) }] }),
    },
  ],
});

describe('in JavaScript', () => {
  javascript.run('no-floating-statements', rules['no-floating-statements'], {
    valid: [
      inBody('await database.query(sql`select 1`);'),
      inBody('return database.query(sql`select 1`);'),
      inBody('await Promise.all([database.query(a), database.current.query(b)]);'),
      inBody('const rows = database.query(a); await rows;'),
      inBody('await Promise.all(items.map((item) => database.query(item)));'),
      inBody('database.current.afterCommit(() => { log(); }); database.current.commit(log);'),
      inBody('database.detached(() => database.query(a));'),
      // Outside of a transaction it is another rule's matter.
      `${database}void database.query(sql\`select 1\`);`,
      inBody(`shop.on('sold', () => { database.query(a); });`),
      inBody('log(sql`select 1`); cache.delete(1); stripe.customers.create();'),
      `import { getManager, withTransaction } from '@shop/database';
       await withTransaction(async () => { const order = getManager().create(Order, {}); order.paid(); await getManager().save(order); });`,
      `import { kysely } from './database.js';
       await kysely.transaction().execute(async (trx) => { await trx.insertInto('sale').execute(); });`,
      `await database.transaction(async () => { database.query(a); }, { propagation: 'NOT_SUPPORTED' });`,
      // An error that something looks at.
      `${database}database.transaction(async () => {}).catch(log);`,
      `${database}database.transaction(async () => {}).then(log, log);`,
      `${database}database.detached(() => database.transaction(async () => {}));`,
      `${database}export const run = () => database.transaction(async () => {});`,
      inBody('await Promise.all([database.query(a)].map((each) => each));'),
      inBody('const sent = items.map((item) => database.query(item)); await Promise.all(sent);'),
      inBody('return items.map((item) => database.query(item));'),
      inBody('await db.insert(sale).values({}); const query = db.select().from(sale); return query;'),
      inBody('cache.insert(1).values({}); items.map((item) => item.where());'),
      `import Sqlite from 'better-sqlite3'; const db = new Sqlite('x'); db.transaction(() => { db.query('x'); });`,
    ],
    invalid: [
      floating('database.query(sql`select 1`);', 'await database.query(sql`select 1`);'),
      floating('void database.query(a);', 'await database.query(a);'),
      floating('database.current.batch([a]);', 'await database.current.batch([a]);'),
      floating('database.query(a).catch(() => undefined);'),
      floating('ready && database.query(a);'),
      floating('const unread = database.query(a);'),
      floating(`database.transaction(async () => {});`, `await database.transaction(async () => {});`),
      floating('Promise.all([database.query(a)]);'),
      floating('db.insert(sale).values({});', 'await db.insert(sale).values({});'),
      floating(`knex('sale').insert({});`, `await knex('sale').insert({});`),
      floating(`void db.update(sale).set({}).where(x);`, `await db.update(sale).set({}).where(x);`),
      { code: inBody('items.map(async (item) => { await database.query(item); });'), errors: [{ messageId: 'map' }] },
      { code: inBody('void Promise.all(items.map((item) => database.query(item)));'), errors: [{ messageId: 'map' }] },
      {
        code: `${database}database.transaction(async () => { await database.query(a); });`,
        errors: [{ messageId: 'transaction', suggestions: 1 }],
      },
      {
        code: `${database}export async function sell() { void database.transaction(async () => {}).then(log); }`,
        errors: [{ messageId: 'transaction' }],
      },
      { code: inBody('items.forEach((item) => database.query(item));'), errors: [{ messageId: 'forEach' }] },
      {
        code: inBody('items.forEach(async (item) => { await database.query(item); });'),
        errors: [{ messageId: 'forEach' }],
      },
      {
        code: `import { database } from './database.js'; const { transaction } = database; await transaction(async () => { database.query(a); });`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        // Given by its name.
        code: `import { database } from './database.js'; async function sell() { database.query(a); } export const run = () => database.transaction(sell);`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        code: `import { kysely } from './database.js';
               await kysely.transaction().setIsolationLevel('serializable').execute(async (trx) => { trx.insertInto('sale').execute(); });`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        code: `import { kysely, database } from './database.js'; await database.transaction(async () => { kysely.insertInto('sale').values({}).execute(); });`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        // Drizzle sends nothing at all when nobody awaits.
        code: `import { db } from './database.js'; await db.transaction(async (tx) => { tx.insert(sale).values({}); });`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        code: `import { prisma } from './database.js'; await prisma.$transaction(async (tx) => { tx.sale.create({}); prisma.sale.create({}); prisma.$executeRaw\`x\`; });`,
        errors: [
          { messageId: 'floating', suggestions: 1 },
          { messageId: 'floating', suggestions: 1 },
          { messageId: 'floating', suggestions: 1 },
        ],
      },
      {
        code: `import { getManager, withTransaction } from '@shop/database'; await withTransaction(async () => { getManager().save(order); });`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        // Where await is no word, nothing is suggested.
        code: `import { database } from './database.js'; await database.transaction(() => { database.query(a); });`,
        errors: [{ messageId: 'floating' }],
      },
    ],
  });
});

describe('in TypeScript', () => {
  const service = (
    body: string,
    decorator = '@Transactional()',
  ) => `import { type Database, Transactional } from 'sluice';
    export class Orders { constructor(private readonly database: Database) {} ${decorator} async place(): Promise<void> { ${body} } }`;
  const repository = (body: string, fields = 'private readonly repo: Repository<Sale>') =>
    `import { Transactional } from 'sluice'; import type { Repository, EntityManager } from 'typeorm';
     import type { NodePgDatabase } from 'drizzle-orm/node-postgres'; import { TransactionHost } from 'sluice/compat/nestjs-cls';
     export class Orders { constructor(${fields}) {} @Transactional() async place() { ${body} } }`;
  const lost = (body: string, fields?: string, messageId = 'floating') => ({
    code: repository(body, fields),
    errors: [{ messageId }],
  });
  typed.run('no-floating-statements', rules['no-floating-statements'], {
    valid: [
      repository('await this.repo.save({}); const saved = this.repo.save({}); await saved;'),
      repository(
        'this.repo.create({}); this.repo.createQueryBuilder("sale"); this.repo.merge({}, {}); return this.repo.save({});',
      ),
      repository('await Promise.all([1].map(async (id) => { await this.repo.save({ id }); }));'),
      repository(
        'const sale = await this.repo.findOne({}); sale.lines.insert(1); this.cache.delete(1); this.other.save({});',
      ),
      repository('await this.txHost.tx.sale.create({});', 'private readonly txHost: TransactionHost'),
      repository(
        'this.tx.getRepository(Sale); this.repo.save({});',
        'private readonly repo: Store, private tx: EntityManager',
      ),
      service('await this.database.query(a);'),
      service('this.database.query(a);', ''),
    ],
    invalid: [
      { ...lost('this.repo.save({});'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      { ...lost('void this.repo.save({});'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      lost('this.repo.save({}).then(() => {});'),
      lost('this.repo.save({}).catch(() => {});'),
      { ...lost('for (const id of [1]) this.repo.save({ id });'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      lost('[1].map(async (id) => { await this.repo.save({ id }); });', undefined, 'map'),
      {
        ...lost('const em = this.repo.manager; em.save({});'),
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        ...lost('this.tx.save({});', '@InjectEntityManager() private readonly tx: EntityManager'),
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        ...lost('this.store.insert(sale).values({});', 'private readonly store: NodePgDatabase'),
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        ...lost('this.txHost.tx.sale.create({});', 'private readonly txHost: TransactionHost'),
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      {
        ...lost('this.host.tx.insertInto("sale").execute();', 'private readonly host: TransactionHost<Adapter>'),
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
      { code: service('this.database.query(a);'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      { code: service('(this.database as Database)!.query(a);'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      {
        code: `import { Transactional } from 'sluice'; @Transactional() export class Orders { async place() { this.prisma.sale.create({}); } }`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
    ],
  });
});
