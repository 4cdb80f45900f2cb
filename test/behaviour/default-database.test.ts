import { afterEach, describe, expect, it } from 'vitest';
import { createDatabase, Database } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const opened: Database[] = [];

function open(): Database<'default'> {
  const database = createDatabase({ clients: { default: server.client() } });
  opened.push(database);
  return database;
}
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

/** Runs a decorated method and says which of the databases it was in a transaction of. */
async function whichOf(...databases: Database[]): Promise<number> {
  const find = async (): Promise<number> => databases.findIndex(({ current }) => current.inTransaction);
  const decorated = Database.transaction()({}, 'find', { value: find });
  return (await decorated.value?.()) ?? -1;
}

describe('the default database', () => {
  it('is the first that was created', async () => {
    const [first, second] = [open(), open()];
    expect(await whichOf(first, second)).toBe(0);
  });

  it('is missing when there is none', async () => {
    expect(await rejection(whichOf())).toMatchObject({ code: 'NO_DATABASE' });
  });

  it('once the first is closed: the only one that is open, and an error if there are several', async () => {
    const [first, second, third] = [open(), open(), open()];
    await first.close();
    expect(await rejection(whichOf(second, third))).toMatchObject({ code: 'AMBIGUOUS_DATABASE' });
    await third.close();
    expect(await whichOf(second)).toBe(0);
  });
});
