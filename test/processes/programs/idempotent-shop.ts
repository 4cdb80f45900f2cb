// A server whose orders are idempotent, in a process that may be killed at any moment: it says on which port it listens.
import fastify from 'fastify';
import { sluice } from '../../../src/frameworks/fastify/index.ts';
import { postgres } from '../../../src/drivers/postgres/index.ts';
import { createDatabase } from '../../../src/index.ts';
import { idempotent } from '../../../src/ports/idempotency/index.ts';

/** `apart` is the mistake that the test has to find: the effects commit by themselves, outside of the transaction of the key. */
const [connectionString, mistake] = process.argv.slice(2);
const database = createDatabase({
  clients: { default: postgres({ connectionString, max: 4, acquireTimeout: 5_000 }) },
});

const app = fastify({ logger: false });
await app.register(sluice(database));
const place = async (id: number): Promise<string> => {
  await database.query('insert into sale (id) values ($1)', [id]);
  return `order ${id}: ${Math.random()}`;
};
app.post<{ Params: { id: string } }>(
  '/orders/:id',
  { config: mistake === 'apart' ? {} : { transaction: { idempotency: { timeout: 3_000 } } } },
  async (request, reply) => {
    const id = Number(request.params.id);
    if (mistake !== 'apart') return await reply.code(201).send(await place(id));
    const answer = await place(id);
    const key = String(request.headers['idempotency-key']);
    const { value } = await idempotent(database, { key, scope: 'apart' }, () => answer);
    return await reply.code(201).send(value);
  },
);
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.(app.server.address());
