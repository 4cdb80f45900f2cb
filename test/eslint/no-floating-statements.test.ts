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
      { code: inBody('items.forEach((item) => database.query(item));'), errors: [{ messageId: 'forEach' }] },
      {
        code: inBody('items.forEach(async (item) => { await database.query(item); });'),
        errors: [{ messageId: 'forEach' }],
      },
      {
        code: `import { database } from './database.js'; const { transaction } = database; transaction(async () => { database.query(a); });`,
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
        code: `import { database } from './database.js'; database.transaction(() => { database.query(a); });`,
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
  typed.run('no-floating-statements', rules['no-floating-statements'], {
    valid: [service('await this.database.query(a);'), service('this.database.query(a);', '')],
    invalid: [
      { code: service('this.database.query(a);'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      { code: service('(this.database as Database)!.query(a);'), errors: [{ messageId: 'floating', suggestions: 1 }] },
      {
        code: `import { Transactional } from 'sluice'; @Transactional() export class Orders { async place() { this.prisma.sale.create({}); } }`,
        errors: [{ messageId: 'floating', suggestions: 1 }],
      },
    ],
  });
});
