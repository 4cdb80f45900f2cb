import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { afterEach, expect, it } from 'vitest';
import { createOutboxTables } from '../../src/outbox/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
let dataSource: DataSource;
let fails = true;

class AddOutbox1700000000000 implements MigrationInterface {
  readonly name = 'AddOutbox1700000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createOutboxTables(queryRunner);
    if (fails) throw new Error('the next statement of the migration fails');
  }

  async down(): Promise<void> {}
}

afterEach(async () => {
  await dataSource.destroy();
});

it('the tables of a migration of TypeORM that fails are gone with it', async () => {
  dataSource = new DataSource({ type: 'postgres', url: server.url, migrations: [AddOutbox1700000000000] });
  await dataSource.initialize();
  const tables = async (): Promise<unknown[]> =>
    await server.sql(
      `select relname from pg_class where relname in ('sluice_outbox', 'sluice_inbox') order by relname`,
    );
  expect(await rejection(dataSource.runMigrations())).toMatchObject({
    message: 'the next statement of the migration fails',
  });
  expect(await tables()).toEqual([]);
  fails = false;
  await dataSource.runMigrations();
  expect(await tables()).toEqual([{ relname: 'sluice_inbox' }, { relname: 'sluice_outbox' }]);
});
