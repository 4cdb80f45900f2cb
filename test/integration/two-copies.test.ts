import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();
const source = fileURLToPath(new URL('../../src', import.meta.url));

it('a second copy of the package finds the transactions and the default database of the first', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-copy-'));
  cpSync(source, join(folder, 'copy'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(folder, 'program.ts'),
    `import * as first from ${JSON.stringify(join(source, 'index.ts'))};
     import { postgres } from ${JSON.stringify(join(source, 'drivers/postgres/index.ts'))};
     import * as second from './copy/index.ts';
     const database = first.createDatabase({ clients: { default: postgres({ connectionString: process.env.DATABASE_URL }) } });
     const seen = [first === second, second.isTransactionActive()];
     await database.transaction(async () => {
       seen.push(second.isTransactionActive());
       second.afterCommit(() => seen.push('hook'));
       await database.current.query('insert into product (id) values (1)');
     });
     const Report = class { async run() { seen.push(database.current.inTransaction); } };
     const descriptor = Object.getOwnPropertyDescriptor(Report.prototype, 'run');
     await second.Database.transaction()(Report.prototype, 'run', descriptor).value.call(new Report());
     // What looks into a database does so in one of another copy, too.
     seen.push(typeof second.createContextCarrier(database).injectContext);
     // Errors of the one are those of the other, by their classes.
     const refused = await database.transaction(() => {}, { propagation: 'MANDATORY' }).catch((error) => error);
     seen.push(
       refused instanceof second.TransactionRequiredError,
       refused instanceof second.SluiceError,
       refused instanceof second.TransactionEndedError,
       second.SluiceError.find(new Error('of a library', { cause: refused })) === refused,
     );
     await database.close();
     console.log(JSON.stringify(seen));`,
  );
  const env = { ...process.env, DATABASE_URL: server.url };
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'program.ts')], { encoding: 'utf8', env });
  rmSync(folder, { recursive: true, force: true });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([false, false, true, 'hook', true, 'function', true, true, false, true]);
  expect(await server.products()).toEqual([1]);
});
