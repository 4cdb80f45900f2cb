import { schema, schemaName } from '@shop/shared-database/schema';
import { createDatabase, type Database } from 'sluice';
import { postgres } from 'sluice/postgres';
import { testDatabases } from 'sluice/testing';
import { afterAll } from 'vitest';

const connectionString = process.env['DATABASE_URL'] ?? '';

function urlOf(name: string): string {
  const url = new URL(connectionString);
  url.pathname = name;
  return url.href;
}

function openAt(url: string): Database {
  const client = postgres({ connectionString: url, options: `-c search_path=${schemaName}`, max: 1 });
  return createDatabase({ clients: { default: client } });
}

const server = openAt(connectionString);
const shop = await testDatabases(server, {
  name: 'sluice_checkout',
  madeFrom: schema,
  template: async (name) => {
    const empty = openAt(urlOf(name));
    for (const statement of schema) await empty.query(statement);
    await empty.close();
  },
});
await server.close();

// The services read it when they are loaded, which the tests do after this.
process.env['DATABASE_URL'] = urlOf(shop.name);
afterAll(() => shop.close());
