import { createDatabase } from '../../../src/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { testDatabases } from '../../../src/testing/index.ts';

/** Takes a database for tests and keeps it until it is killed; with `hang` it never ends making the template. */
const [name = '', how = ''] = process.argv.slice(2);
const connectionString = process.env['DATABASE_URL'];
const database = createDatabase({ clients: { default: postgres({ connectionString }) } });
const { name: taken } = await testDatabases(database, {
  name,
  madeFrom: ['create table product (id int primary key)'],
  template: async (template) => {
    process.stdout.write('making\n');
    if (how === 'hang') await new Promise(() => setInterval(() => {}, 1_000));
    const url = new URL(connectionString ?? '');
    url.pathname = template;
    const empty = createDatabase({ clients: { default: postgres({ connectionString: url.href }) } });
    await empty.query('create table product (id int primary key)');
    await empty.close();
  },
});
process.stdout.write(`has ${taken}\n`);
