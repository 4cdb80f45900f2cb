import { describe } from 'vitest';
import { rules } from '../../src/eslint/index.ts';
import { javascript, typed } from './tester.ts';

const passed = (code: string, name = 'tx') => ({ code, errors: [{ messageId: 'passed', data: { name } }] });

describe('in JavaScript', () => {
  javascript.run('no-needless-tx', rules['no-needless-tx'], {
    valid: [
      `prisma.$transaction(async (tx) => { await tx.sale.create({}); await reserve(1); });`,
      `kysely.transaction().execute(async (trx) => { await trx.insertInto('sale').execute(); });`,
      `import { sql } from 'kysely'; kysely.transaction().execute(async (trx) => { await sql\`select 1\`.execute(trx); });`,
      `prisma.$transaction([prisma.sale.count()]);`,
      `items.map((tx) => reserve(tx));`,
      `import { database } from './database.js'; database.transaction(() => reserve(1));`,
    ],
    invalid: [
      passed(`prisma.$transaction(async (tx) => { await reserve(tx, 1); });`),
      passed(`prisma.$transaction(async (tx) => { await reserve({ id: 1, tx }); });`),
      passed(`prisma.$transaction(async (tx) => { await reserve({ id: 1, options: [{ db: tx }] }); });`),
      passed(`db.transaction(async (tx) => { await new Orders(tx).place(); });`),
      passed(`kysely.transaction().setIsolationLevel('serializable').execute(async (trx) => reserve(trx));`, 'trx'),
      passed(`knex.transaction(async (trx) => { await knex('sale').insert({}).transacting(trx); });`, 'trx'),
      passed(`dataSource.transaction('SERIALIZABLE', async (manager) => { await reserve(manager); });`, 'manager'),
      passed(`em.transactional((em) => reserve(em));`, 'em'),
      passed(
        `prisma.$transaction(async function (tx) { await Promise.all(items.map((item) => reserve(item, tx))); });`,
      ),
      {
        code: `prisma.$transaction(async (tx) => { await tx.sale.create({}); });`,
        options: [{ used: true }],
        errors: [{ messageId: 'used', data: { name: 'tx' } }],
      },
    ],
  });
});

describe('in TypeScript', () => {
  const parameter = (code: string, type: string) => ({ code, errors: [{ messageId: 'parameter', data: { type } }] });
  typed.run('no-needless-tx', rules['no-needless-tx'], {
    valid: [
      `import type { Transaction } from './accounts.ts'; function book(tx: Transaction): void {}`,
      `import { EntityManager } from 'typeorm'; class Orders { constructor(private readonly manager: EntityManager) {} }`,
      `import type { Prisma } from './generated/client.ts'; prisma.$transaction(async (tx: Prisma.TransactionClient) => tx.sale.count());`,
    ],
    invalid: [
      parameter(
        `import type { Prisma } from './generated/client.ts'; async function reserve(tx: Prisma.TransactionClient) {}`,
        'Prisma.TransactionClient',
      ),
      parameter(
        `import type { Transaction as Trx } from 'kysely'; const reserve = async (trx: Trx<Tables>) => {};`,
        'Transaction',
      ),
      parameter(`import { Knex } from 'knex'; class Orders { place(trx: Knex.Transaction) {} }`, 'Knex.Transaction'),
      parameter(
        `import type { EntityManager } from 'typeorm'; export function reserve(id: number, manager?: EntityManager) {}`,
        'EntityManager',
      ),
      passed(`prisma.$transaction(async (tx) => { await reserve(tx!, 1); });`),
    ],
  });
});
