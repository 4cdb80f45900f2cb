// DBOS itself: a workflow that is enqueued on a client of the ambient pool starts with the commit, or not at all.
import { DBOS, DBOSClient } from '@dbos-inc/dbos-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { ambientPool } from '../../src/drivers/postgres/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

const server = useTestDatabase();
const ran: number[] = [];
// eslint-disable-next-line @typescript-eslint/require-await -- workflows are async
const ship = async (id: number): Promise<number> => {
  ran.push(id);
  return id * 10;
};
let client: DBOSClient;

beforeAll(async () => {
  DBOS.setConfig({ name: 'sluice-test', systemDatabaseUrl: server.url, runAdminServer: false, logLevel: 'error' });
  DBOS.registerWorkflow(ship, { name: 'ship' });
  await DBOS.launch();
  client = await DBOSClient.create({ systemDatabaseUrl: server.url });
  await client.registerQueue('shipping');
});
afterAll(async () => {
  await client.destroy();
  await DBOS.shutdown();
});

async function order(database: Database<'default'>, id: number): Promise<string> {
  await insert(database, id);
  const connection = await ambientPool(database).connect();
  try {
    const options = { workflowName: 'ship', queueName: 'shipping', workflowID: `order-${id}` };
    return (await client.enqueueInTransaction<typeof ship>(connection, options, id)).workflowID;
  } finally {
    connection.release();
  }
}

describe('a workflow of DBOS', () => {
  it.each([1, 10])('starts with the commit, and not at all with a rollback (max %i)', async (max) => {
    const database = server.open({ max });
    const [lost, kept] = [max * 100, max * 100 + 1];
    const failed = await rejection(
      database.transaction(async () => {
        await order(database, lost);
        throw new Error('roll back');
      }),
    );
    expect(failed.message).toBe('roll back');
    const workflow = await database.transaction(async () => {
      const undone = database.transaction(
        async () => {
          await order(database, lost);
          throw new Error('undo');
        },
        { propagation: 'NESTED' },
      );
      expect((await rejection(undone)).message).toBe('undo');
      const id = await order(database, kept);
      // It is a part of the transaction: to others it is not there.
      expect(await client.listWorkflows({ workflowIDs: [id] })).toEqual([]);
      return id;
    });
    expect(await client.retrieveWorkflow<number>(workflow).getResult()).toBe(kept * 10);
    expect(await client.listWorkflows({ workflowIDs: [`order-${lost}`] })).toEqual([]);
    expect(ran).not.toContain(lost);
    expect(await server.products()).toEqual([kept]);
  });
});
