// How a flight ends of which something fails, the COMMIT too, with the connection intact.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DriverConnection, Step } from '../../src/driver/index.ts';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const server = useTestDatabase(
  `create procedure halves() begin insert into product (id) values (80); signal sqlstate '45000'; end`,
);
let proxy: TcpProxy;
let connection: DriverConnection;
beforeAll(async () => {
  proxy = await startTcpProxy(server.url);
  connection = await mysql({ uri: proxy.url }).driver.connect(AbortSignal.timeout(10_000));
});
afterEach(async () => {
  expect(connection.status).toBe('idle');
  expect((await connection.run([run('select id from product')])).results[0]?.rows).toEqual([]);
  expect(await server.products()).toEqual([]);
});
afterAll(async () => {
  await connection.close();
  await proxy.close();
});

const run = (text: string, ...values: readonly unknown[]): Step => ({ type: 'statement', statement: { text, values } });
const begin: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };

describe('a COMMIT that the server refuses', () => {
  it.each([
    ['of a statement', [run('insert into product (id) values (1)')], 0],
    ['of a procedure', [run('call halves()')], 0],
    ['of a statement that has failed', [run('insert into product (id) values (null)')], 0],
    ['of the first of two statements', [run('insert into product (id) values (1)'), run('do 1')], 0],
    ['of a transaction of one statement', [begin, run('insert into product (id) values (1)'), { type: 'commit' }], 2],
    [
      'of a transaction of several',
      [begin, run('do 1'), run('insert into product (id) values (1)'), { type: 'commit' }],
      3,
    ],
  ] satisfies [string, Step[], number][])(
    '%s leaves nothing, and counts what came before it',
    async (_, steps, completed) => {
      proxy.replaceSent('COMMIT', 'COMMOT');
      const exchange = await connection.run(steps);
      expect(exchange.completed).toBe(completed);
      expect(exchange.failure).toBeDefined();
      expect(exchange.ended).toBeUndefined();
    },
  );
});

describe('a transaction of one statement', () => {
  it('is over when the statement fails, since the COMMIT has come with it', async () => {
    const exchange = await connection.run([begin, run('insert into product (id) values (null)'), { type: 'commit' }]);
    expect(exchange).toMatchObject({ completed: 1, results: [], ended: undefined });
    expect(connection.status).toBe('idle');
  });
});

describe('a transaction whose steps are all known', () => {
  it.each<[string, Step]>([
    ['a statement', run('insert into product (id) values (null)')],
    ['a savepoint that is missing', { type: 'release', name: 'missing' }],
  ])('accepts nothing but a rollback once %s has failed', async (_, failing) => {
    const steps: Step[] = [begin, failing, run('insert into product (id) values (1)'), { type: 'commit' }];
    const { completed, failure } = await connection.run(steps);
    expect({ completed, status: connection.status }).toEqual({ completed: 1, status: 'failed' });
    expect((await connection.run([run('do 1')])).failure?.error).toBe(failure?.error);
    expect((await connection.run([{ type: 'rollback' }])).ended).toBe('rolledBack');
  });
});
