// What users see of Prisma's queries: results that come when they are awaited, and errors.
import type { ProductClient } from '../../support/prisma-client.ts';
import { type PrismaUsage, shapeOf } from './prisma.ts';

const add = async (client: ProductClient, id: number): Promise<unknown> =>
  await client.product.create({ data: { id } });
const patient = { timeout: 120_000, maxWait: 120_000 };

export const results: readonly PrismaUsage[] = [
  {
    topic: 'lazy results',
    name: 'queries that are made first and awaited later: once, twice, never, in lists',
    async run({ client }) {
      const first = client.product.create({ data: { id: 1 } });
      client.product.create({ data: { id: 2 } });
      const third = client.$executeRaw`insert into product (id) values (3)`;
      const before = await client.product.count();
      const again = [await first, await first];
      const listed = await client.$transaction([third, client.product.count()]);
      return [before, again, listed, await client.product.count()];
    },
  },
  {
    topic: 'lazy results',
    name: 'queries that are made before a transaction and awaited in it',
    async run({ client }) {
      const made = client.product.create({ data: { id: 1 } });
      const raw = client.$executeRaw`insert into product (id) values (2)`;
      const seen = await client.$transaction(async (tx) => [await made, await raw, await add(tx, 3)], patient);
      return [seen, await client.product.count()];
    },
  },
  {
    topic: 'lazy results',
    name: 'a query is one for those who look at it: its tag, its methods and nothing else',
    async run({ client }) {
      await add(client, 1);
      const query = client.product.findUnique({ where: { id: 1 } });
      const raw = client.$queryRaw`select 1 as one`;
      const shapes = [query, raw].map((each) => ({
        text: Object.prototype.toString.call(each),
        isPromise: each instanceof Promise,
        json: JSON.stringify(each),
        // Somebody who probes for a method of another kind of object.
        kinds: ['then', 'catch', 'finally', 'toJSON', 'subscribe', 'pipe', 'getReader'].map(
          (name) => typeof Reflect.get(each, name),
        ),
      }));
      return [shapes, await query, await raw];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of the server and of Prisma, each with what its user looks at',
    async run({ client }) {
      await add(client, 1);
      const failing: ((from: ProductClient) => PromiseLike<unknown>)[] = [
        (from) => add(from, 1),
        (from) => from.product.update({ where: { id: 77 }, data: { stock: 1 } }),
        (from) => from.product.findUniqueOrThrow({ where: { id: 77 } }),
        (from) => from.$queryRawUnsafe('select 1 / 0'),
        (from) => from.$queryRawUnsafe('selec 1'),
        (from) => from.$executeRawUnsafe('insert into review (id, product_id) values (1, 77)'),
        (from) => from.product.create({ data: { id: 'one' } }),
        (from) => from.product.create({ data: { id: 5, reviews: { create: { id: 1, product: {} } } } }),
      ];
      const seen: unknown[] = [];
      for (const fail of failing) {
        seen.push(await shapeOf(client.$transaction(async (tx) => await fail(tx), patient)));
        seen.push(await shapeOf(client.$transaction(async () => await fail(client), patient)));
      }
      return [seen, await client.product.count()];
    },
  },
  {
    topic: 'the shape of errors',
    name: 'of nonsense',
    async run({ client }) {
      await add(client, 1);
      const anything = client as unknown as { $transaction(...args: unknown[]): Promise<unknown> };
      const run = (...args: unknown[]): Promise<unknown> =>
        Promise.resolve().then(() => anything.$transaction(...args));
      const nonsense: [unknown, unknown?][] = [
        [[Promise.resolve(1)]],
        [[undefined]],
        ['create'],
        [undefined],
        [{}],
        [async () => await Promise.resolve(1), { isolationLevel: 'Sometimes' }],
        [[], { isolationLevel: 'Sometimes' }],
        [async () => await Promise.resolve(1), { timeout: 0 }],
        [async () => await Promise.resolve(1), { timeout: 'soon' }],
      ];
      const seen: unknown[] = [];
      for (const [work, options] of nonsense) {
        const outcome = await run(work, options).then(
          (value) => ({ value }),
          ({ name, code, message }: Error & { code: unknown }) => ({ name, code, message: message.slice(0, 60) }),
        );
        seen.push(outcome);
      }
      return seen;
    },
  },
];
