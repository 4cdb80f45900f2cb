import { describe } from 'vitest';
import { rules } from '../../src/eslint/index.ts';
import { javascript, typed } from './tester.ts';

const hooks = `import { afterCommit, afterRollback, createDatabase } from 'sluice'; const database = createDatabase({ clients });\n`;
const outside = (code: string, name = 'afterCommit') => ({
  code: `${hooks}${code}`,
  errors: [{ messageId: 'outside', data: { name } }],
});

describe('in JavaScript', () => {
  javascript.run('no-hook-outside-transaction', rules['no-hook-outside-transaction'], {
    valid: [
      `${hooks}database.transaction(async () => { afterCommit(log); });`,
      `${hooks}database.transaction(async () => { items.forEach((item) => afterCommit(item)); });`,
      // Its callers may be in a transaction.
      `${hooks}export function sold() { afterCommit(log); database.current.commit(log); }`,
      `${hooks}database.transaction(async () => { afterCommit(() => { afterRollback(log); }); });`,
      `import { afterCommit } from './own.js'; afterCommit(log);`,
      `repository.commit(log); queue.afterCommit(log);`,
      `${hooks}async function sell() { afterCommit(log); } database.transaction(sell);`,
      {
        code: `${hooks}database.transaction(async () => { afterCommit(() => { const f = () => afterRollback(log); f(); }); });`,
        options: [{ strict: true }],
      },
    ],
    invalid: [
      outside(`afterCommit(log);`),
      outside(`if (ready) database.current.afterRollback(log);`, 'afterRollback'),
      outside(`database.current.commit(log);`, 'commit'),
      outside(`const { current } = database; current.compensate(log);`, 'compensate'),
      outside(`async function sell() { await database.transaction(async () => {}); afterCommit(log); }`),
      outside(`async function sell() { await database.transaction(reserve); database.current.commit(log); }`, 'commit'),
      outside(`function sell() { database.detached(() => { afterCommit(log); }); }`),
      {
        code: `import { database } from './database.js'; (async () => { database.current.beforeCommit(log); })();`,
        errors: [{ messageId: 'outside', data: { name: 'beforeCommit' } }],
      },
      {
        code: `${hooks}export function sold() { afterCommit(log); }`,
        options: [{ strict: true }],
        errors: [{ messageId: 'strict', data: { name: 'afterCommit' } }],
      },
    ],
  });
});

describe('in TypeScript', () => {
  typed.run('no-hook-outside-transaction', rules['no-hook-outside-transaction'], {
    valid: [
      `import { afterCommit, Transactional } from 'sluice'; class Orders { @Transactional() async place(): Promise<void> { afterCommit(log); } }`,
    ],
    invalid: [
      {
        code: `import { afterCommit, type Database } from 'sluice'; export async function place(database: Database): Promise<void> { await database.transaction(async () => {}); afterCommit(log); }`,
        errors: [{ messageId: 'outside', data: { name: 'afterCommit' } }],
      },
    ],
  });
});
