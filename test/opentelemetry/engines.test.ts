// What each engine calls itself and its failures.
import { afterEach, expect, it } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { instrumentSluice } from '../../src/opentelemetry/index.ts';
import { describeWith, mariadbUrl } from '../support/servers.ts';
import { rejection } from '../support/settled.ts';
import { useRecording } from './recording.ts';

const recording = useRecording();
let database: Database | undefined;
afterEach(() => database?.close());

/** Statements that succeed and fail. @returns the attributes of the one that failed */
async function failOn(opened: Database): Promise<Readonly<Record<string, unknown>>> {
  database = opened;
  using _ = instrumentSluice();
  await opened.query('select 1');
  await rejection(opened.query('select nothing from no_such_table_here'));
  return recording.spans().at(-1)?.attributes ?? {};
}

it('SQLite', async () => {
  expect(await failOn(createDatabase({ clients: { default: sqlite() } }))).toMatchObject({
    'db.system.name': 'sqlite',
    'db.namespace': ':memory:',
    'db.collection.name': 'no_such_table_here',
    'db.response.status_code': '1',
    'error.type': '1',
  });
});

await describeWith('MariaDB', 'MariaDB', () => {
  it('tells that it is not MySQL, and the numbers of its errors', async () => {
    const attributes = await failOn(createDatabase({ clients: { default: mysql({ uri: mariadbUrl }) } }));
    expect(attributes).toMatchObject({
      'db.system.name': 'mariadb',
      'db.namespace': new URL(mariadbUrl).pathname.slice(1),
      'db.response.status_code': '1146',
      'error.type': '1146',
    });
  });
});
