// Every option of Knex's own types: Knex has it, or it is refused by its name.
import type { Knex } from 'knex';
import { describe, expect, it } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../src/index.ts';
import { createKnex } from '../../src/integrations/knex/index.ts';

const same = (value: unknown): unknown => value;
const cases: Record<keyof Knex.Config, readonly [isTaken: boolean, value: unknown]> = {
  client: [false, 'pg'],
  dialect: [false, 'mysql'],
  connection: [false, 'postgres://127.0.0.1:1/shop'],
  connectionPool: [false, {}],
  pool: [false, { max: 3 }],
  acquireConnectionTimeout: [false, 10],
  searchPath: [false, 'shop'],
  debug: [true, false],
  jsonbSupport: [true, true],
  version: [true, '17.0'],
  migrations: [true, { tableName: 'migration' }],
  seeds: [true, { directory: './seeds' }],
  postProcessResponse: [true, same],
  wrapIdentifier: [true, same],
  useNullAsDefault: [true, true],
  asyncStackTraces: [true, true],
  log: [true, { error: same }],
  compileSqlOnError: [true, false],
  fetchAsString: [true, []],
  defaultDateTimePrecision: [true, 3],
};

const databases = {
  postgres: createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } }),
  mysql: createDatabase({ clients: { default: mysql({ host: '127.0.0.1', port: 1 }) } }),
};

describe.each(Object.entries(databases))('options of Knex on %s', (_, database) => {
  it.each(Object.entries(cases))('%s', (name, [isTaken, value]) => {
    const create = (): Knex => createKnex(database, { [name]: value });
    if (isTaken) expect((create().client as { config: object }).config).toMatchObject({ [name]: value });
    else {
      const refusal = { code: 'INVALID_OPTION', message: expect.stringContaining(`"${name}"`) as string };
      expect(create).toThrow(expect.objectContaining(refusal));
      expect(() => createKnex(database, Object.create({ [name]: value }) as object)).toThrow(
        expect.objectContaining(refusal),
      );
    }
    expect(() => createKnex(database, { [name]: undefined })).not.toThrow();
  });
});

it.each(['clientNam', 'clientname', 'client_name', 'clientsName'])('%s, which is almost one of ours', (name) => {
  expect(() => createKnex(databases.postgres, { [name]: 'reports' })).toThrow(
    expect.objectContaining({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(`"${name}".*"clientName"`) as string,
    }),
  );
});
