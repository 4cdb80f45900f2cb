// What users do with Prisma's transactions.
import type { ProductClient, TransactionOptions } from '../../support/prisma-client.ts';
import { rejection, signal } from '../../support/settled.ts';
import { type PrismaUsage, Refusal, refuse, shapeOf } from './prisma.ts';
import { queueHere } from './suite.ts';

const add = async (client: ProductClient, id: number, stock = 0): Promise<unknown> =>
  await client.product.create({ data: { id, stock } });
/** Prisma gives a transaction of its own 5 s, which a machine that is busy may need. */
const patient = { timeout: 120_000, maxWait: 120_000 } satisfies TransactionOptions;
const three = [1, 2, 3].map((id) => ({ id, stock: 0 }));
const serializable = { ...patient, isolationLevel: 'Serializable' } as const;

export const transactions: readonly PrismaUsage[] = [
  {
    topic: 'retries',
    name: 'the loop of the manual: again for P2034, five times at most',
    async run({ client, server }) {
      await server.sql('insert into product (id, stock) values (1, 1) on conflict do nothing');
      const seen: unknown[] = [];
      for (let attempt = 1; attempt <= 5; attempt += 1) {
        try {
          seen.push(
            await client.$transaction(async (tx) => {
              const before = await tx.product.findUniqueOrThrow({ where: { id: 1 } });
              // Somebody else is faster, once.
              if (attempt === 1) await server.sql('update product set stock = stock + 10 where id = 1');
              return (await tx.product.update({ where: { id: 1 }, data: { stock: before.stock + 1 } })).stock;
            }, serializable),
          );
          break;
        } catch (error) {
          const { code } = error as { code?: unknown };
          seen.push(code);
          if (code !== 'P2034') break;
        }
      }
      await add(client, 2);
      return seen;
    },
    inside: {
      on: 'Isolation level in an ambient transaction',
      why: 'a level is that of the whole transaction, which has to give it and is what can be repeated',
      sees: ['INCOMPATIBLE_TRANSACTION'],
      rows: [
        { id: 1, stock: 1 },
        { id: 2, stock: 0 },
      ],
    },
    keeps: [{ id: 1, stock: 1 }],
  },
  {
    topic: 'retries',
    name: 'another number after P2002',
    run: async ({ client }) => {
      await add(client, 1);
      const seen: unknown[] = [];
      for (let id = 1; id <= 3; id += 1) {
        const added = client.$transaction(async (tx) => await add(tx, id), patient);
        seen.push(await added.catch((error: Error & { code: unknown }) => error.code));
      }
      return seen;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'statements of the server that fail at three depths, each caught where it nests',
    run: async ({ client }) =>
      await client.$transaction(async (tx) => {
        await add(tx, 1);
        const seen: unknown[] = [];
        for (let id = 2; id <= 6; id += 2) {
          await tx.$transaction(async (middle) => {
            await add(middle, id);
            seen.push(
              await shapeOf(middle.$transaction(async (inner) => [await add(inner, id + 1), await add(inner, 1)])),
            );
          });
          seen.push(
            await shapeOf(tx.$transaction(async (middle) => [await add(middle, id + 1), await add(middle, id)])),
          );
        }
        seen.push(await tx.product.count());
        return seen;
      }, patient),
  },
  {
    topic: 'nested transactions that fail',
    name: 'a list that fails is undone as one, and what follows runs',
    async run({ client }) {
      const create = (id: number): PromiseLike<unknown> => client.product.create({ data: { id } });
      const seen = [
        await shapeOf(client.$transaction([create(1), create(2), create(1)])),
        await client.$transaction([create(3), client.product.count()]),
        await shapeOf(client.$transaction([create(4), client.$queryRaw`select 1 / 0`])),
      ];
      return seen;
    },
  },
  {
    topic: 'nested transactions that fail',
    name: 'two that nest in one at the same time',
    async run({ client }) {
      const entered = signal();
      const outcome = await client.$transaction(async (tx) => {
        await add(tx, 1);
        const first = tx.$transaction(async (inner) => {
          entered.fire();
          await add(inner, 2);
        });
        await entered.promise;
        const second = tx.$transaction(async (inner) => await add(inner, 3));
        const [, { status }] = await Promise.allSettled([first, second]);
        return status;
      }, patient);
      return outcome;
    },
    outside: {
      on: 'Nested transactions in parallel',
      why: 'what nests waits for what nests beside it',
      sees: 'fulfilled',
      rows: three,
    },
    inside: {
      on: 'Nested transactions in parallel',
      why: 'what nests waits for what nests beside it',
      sees: 'fulfilled',
      rows: three,
    },
  },
  {
    topic: 'transactions begun by hand',
    name: 'the extension that hands out begin, commit and rollback',
    async run({ client }) {
      const kept = await begin(client);
      await add(kept.tx, 1);
      await kept.commit();
      const undone = await begin(client);
      await add(undone.tx, 2);
      await undone.rollback();
      // Twice, and after the end.
      await undone.rollback();
      await kept.commit();
      return [await shapeOf(add(kept.tx, 3)), await shapeOf(add(undone.tx, 4)), await client.product.count()];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'models and methods that were kept before, and a handle that is kept after',
    async run({ client }) {
      const { product } = client;
      const create = product.create.bind(product);
      let kept: ProductClient | undefined;
      await client.$transaction(async (tx) => {
        kept = tx;
        await add(tx, 1);
      }, patient);
      await create({ data: { id: 2 } });
      return [await product.count(), await shapeOf(kept?.product.create({ data: { id: 3 } }) ?? Promise.resolve())];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'what a queue runs that was there before the transaction',
    async run({ client }) {
      const queue = queueHere();
      const addIn = (handle: ProductClient, id: number): Promise<unknown> =>
        handle.$transaction(async (inner) => await add(inner, id), { ...patient });
      const undone = client.$transaction(
        async (tx) => {
          await add(tx, 1);
          await queue(() => add(tx, 2));
          await queue(() => addIn(tx, 3));
          refuse();
        },
        { ...patient },
      );
      const failure = await shapeOf(undone);
      await client.$transaction(
        async (tx) => {
          await add(tx, 4);
          const inner = tx.$transaction(
            async (second) => {
              await add(second, 5);
              await queue(() => addIn(second, 6));
              refuse();
            },
            { ...patient },
          );
          await shapeOf(inner);
          await queue(() => addIn(tx, 7));
        },
        { ...patient },
      );
      const found = await client.product.findMany({ select: { id: true }, orderBy: { id: 'asc' } });
      return [failure, found.map(({ id }) => id)];
    },
  },
  {
    topic: 'handles from before and from inside',
    name: 'the model of a handle, taken out of it',
    run: async ({ client }) =>
      await client.$transaction(async ({ product }) => {
        await product.create({ data: { id: 1 } });
        return [await product.findUnique({ where: { id: 1 } }), await product.count()];
      }, patient),
  },
  {
    topic: 'words for independence',
    name: 'the client beside the handle of a transaction that fails',
    async run({ client }) {
      const undone = client.$transaction(async (tx) => {
        await add(tx, 1);
        await add(client, 2);
        refuse();
      }, patient);
      const { name } = (await rejection(undone)).constructor;
      await add(client, 3);
      return [name, await client.product.count()];
    },
    outside: {
      on: 'Another handle during a transaction',
      why: 'services need not hand the transaction around',
      sees: ['Refusal', 1],
      rows: [{ id: 3, stock: 0 }],
    },
    inside: {
      on: 'Another handle during a transaction',
      why: 'services need not hand the transaction around',
      sees: ['Refusal', 1],
      rows: [{ id: 3, stock: 0 }],
    },
  },
  {
    topic: 'promises of commit',
    name: 'others see the rows when the call has resolved, and not before',
    async run({ client, server }) {
      const seen: unknown[] = [];
      await client.$transaction(async (tx) => {
        await add(tx, 1);
        seen.push(await server.products());
      }, patient);
      seen.push(await server.products());
      await client.$transaction([client.product.create({ data: { id: 2 } })]);
      seen.push(await server.products());
      return seen;
    },
    inside: {
      on: 'Commit in an ambient transaction',
      why: 'it commits with the ambient transaction',
      sees: [[], [], []],
    },
  },
  {
    topic: 'promises of commit',
    name: 'a rollback has freed the rows when the call has rejected',
    async run({ client, server }) {
      await add(client, 1);
      await add(client, 2);
      const failed = await rejection(
        client.$transaction(async (tx) => {
          await tx.product.delete({ where: { id: 1 } });
          refuse();
        }, patient),
      );
      const free = await server.sql('select id from product for update nowait').catch((error: unknown) => error);
      return [failed instanceof Refusal, free, await client.product.count()];
    },
    inside: { on: 'Commit in an ambient transaction', why: 'nobody else sees the rows yet', sees: [true, [], 2] },
  },
  {
    topic: 'promises of commit',
    name: 'a function that returns although one of its statements has failed',
    async run({ client }) {
      const running = client.$transaction(async (tx) => {
        await add(tx, 1);
        await shapeOf(add(tx, 1));
        return 'returned';
      }, patient);
      const answer = await running.catch(({ code }: Error & { code?: unknown }) => code);
      await add(client, 2);
      return [answer, await client.product.count()];
    },
    outside: {
      on: 'A failed statement whose error is caught',
      why: 'the server has rolled back',
      sees: ['UNEXPECTED_ROLLBACK', 1],
    },
    inside: {
      on: 'A failed statement whose error is caught',
      why: 'the server has rolled back',
      sees: ['UNEXPECTED_ROLLBACK', 1],
    },
  },
];

/** As the known extension does it: the promise of the body is kept open, and settled by hand. */
async function begin(client: ProductClient): Promise<{
  readonly tx: ProductClient;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}> {
  const opened = Promise.withResolvers<ProductClient>();
  const ended = Promise.withResolvers<void>();
  const running = client
    .$transaction(async (tx) => {
      opened.resolve(tx);
      await ended.promise;
    }, patient)
    .catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
    });
  const tx = await opened.promise;
  return {
    tx,
    async commit() {
      ended.resolve();
      await running;
    },
    async rollback() {
      ended.reject(new Refusal());
      await running;
    },
  };
}
