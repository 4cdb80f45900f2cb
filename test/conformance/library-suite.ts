import { describe, expect, it } from 'vitest';
import type { Database } from '../../src/index.ts';
import { interleave } from '../../src/testing/index.ts';
import { characteristicsOf, engine, itWith, type TestDatabase, useTestDatabase } from '../support/database.ts';
import { assertPlaces } from '../support/places.ts';
import { loseConnections } from '../support/loss.ts';
import { rejection, signal, until } from '../support/settled.ts';

/** What a library does inside of a transaction of its own. */
export interface LibraryTransaction {
  /** Inserts into `product` through the transaction's handle. */
  insert(id: number): Promise<unknown>;
  /** Reads the stock of a product, and then writes one more. */
  increment(id: number): Promise<unknown>;
  /** A transaction of the library inside of it. */
  nested?(body: (transaction: LibraryTransaction) => Promise<unknown>): Promise<unknown>;
}

/** A library under test, over an ambient pool. */
export interface Library {
  /** Inserts into `product` through the handle that everybody shares. */
  insert(id: number): Promise<unknown>;
  /** Reads the stock of a product through it, and then writes one more. */
  increment(id: number): Promise<unknown>;
  /** The ids in `product`, in order. */
  ids(): Promise<number[]>;
  /** A statement that the server refuses. */
  fail(): Promise<unknown>;
  /** The library's own transaction. */
  transaction(
    body: (transaction: LibraryTransaction) => Promise<unknown>,
    isolation?: 'serializable' | 'read committed',
  ): Promise<unknown>;
  /** Rows of a series from 1, as they come. */
  stream?(count: number): AsyncIterable<{ n: number }>;
  close(): Promise<void>;
}

export interface LibraryUnderTest {
  /** Over the ambient pool and bound. */
  open(database: Database<'default'>): Library | Promise<Library>;
  /** Outside of transactions reads of several callers travel as one: those of actors, too. */
  readonly mergesReads?: boolean;
  /** Over a pool of its own, or unbound: what the suite must find wrong. */
  openUnbound?(database: Database<'default'>): Library | Promise<Library>;
  openAlone?(url: string): Library | Promise<Library>;
}

const requiresNew = { propagation: 'REQUIRES_NEW' } as const;

class Refusal extends Error {}
function refuse(): never {
  throw new Refusal('roll back');
}

/** What is promised of every library, on the engine of this run. */
export function librarySuite(name: string, under: LibraryUnderTest): void {
  const server = useTestDatabase();

  /** Opens the library, and closes it again whatever becomes of the test. */
  async function using(
    body: (library: Library, database: Database<'default'>) => Promise<void>,
    max = 4,
    open: (database: Database<'default'>) => Library | Promise<Library> = (database) => under.open(database),
  ): Promise<void> {
    const database = server.open({ max });
    const library = await open(database);
    try {
      await body(library, database);
      expect(database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
    } finally {
      await library.close();
    }
  }

  describe.skipIf(engine.name === 'sqlite')(`${name} under interleave`, () => {
    const ways: readonly (readonly [way: string, increment: (on: Library, database: Database) => Promise<unknown>])[] =
      [
        ...(under.mergesReads === true ? [] : [['autocommit', (library: Library) => library.increment(1)] as const]),
        ['an ambient transaction', (library, database) => database.transaction(() => library.increment(1))],
        ['its own', (library) => library.transaction((transaction) => transaction.increment(1))],
      ];
    it.each(ways)('has its statements put in every order, in %s', (_, increment) =>
      using(async (library, database) => {
        const setup = async (): Promise<void> => {
          await database.query('delete from product');
          await database.query('insert into product (id, stock) values (1, 0)');
        };
        const actor = (): Promise<unknown> => increment(library, database);
        const report = await interleave(database, { setup, actors: { alice: actor, bob: actor }, maxRemedyRuntime: 0 });
        expect(report.anomalies[0], report.toString()).toMatchObject({
          kind: expect.stringMatching(/^(?:lost update|oversell|stale read|non-repeatable read)$/) as string,
          pair: { table: expect.stringMatching(/(?:^|\.)product$/) as string },
          switches: 1,
        });
        assertPlaces(report, /[\\/](?:library-[\w-]+|mariadb-libraries)\.test\.ts$/);
      }),
    );
  });

  describe(`${name} in an ambient transaction`, () => {
    it('joins with plain queries, and sees what others wrote in it', () =>
      using(async (library, database) => {
        await database.transaction(async () => {
          await database.current.query('insert into product (id) values (1)');
          await library.insert(2);
          expect(await library.ids()).toEqual([1, 2]);
          expect(await server.products()).toEqual([]);
        });
        expect(await server.products()).toEqual([1, 2]);
        await rejection(
          database.transaction(async () => {
            await library.insert(3);
            refuse();
          }),
        );
        expect(await library.ids()).toEqual([1, 2]);
      }));

    it('nests its own transaction, which is rolled back alone and goes with the outer one', () =>
      using(async (library, database) => {
        await database.transaction(async () => {
          await library.insert(1);
          await library.transaction(async (transaction) => {
            await transaction.insert(2);
            expect(await library.ids()).toEqual([1, 2]);
          });
          expect(await server.products()).toEqual([]);
          const error = await rejection(
            library.transaction(async (transaction) => {
              await transaction.insert(3);
              refuse();
            }),
          );
          expect(error).toBeInstanceOf(Refusal);
          expect(await library.ids()).toEqual([1, 2]);
        });
        expect(await server.products()).toEqual([1, 2]);
        await rejection(
          database.transaction(async () => {
            await library.transaction((transaction) => transaction.insert(4));
            refuse();
          }),
        );
        expect(await server.products()).toEqual([1, 2]);
      }));

    it('takes what others do below its own transaction along with it', () =>
      using(async (library, database) => {
        const ran: string[] = [];
        await database.transaction(async () => {
          await rejection(
            library.transaction(async (transaction) => {
              await transaction.insert(1);
              await database.current.query('insert into product (id) values (2)');
              await library.insert(3);
              await database.transaction(() => library.insert(4));
              database.current.commit(() => ran.push('never'));
              refuse();
            }),
          );
          await library.transaction(async (transaction) => {
            await transaction.insert(5);
            await database.current.query('insert into product (id) values (6)');
            database.current.commit(() => ran.push('committed'));
          });
          expect(ran).toEqual([]);
        });
        expect(await server.products()).toEqual([5, 6]);
        expect(ran).toEqual(['committed']);
      }));

    it('goes on after a failure inside of its own transaction', () =>
      using(async (library, database) => {
        await database.transaction(async () => {
          await library.insert(1);
          await rejection(
            library.transaction(async (transaction) => {
              await transaction.insert(2);
              await transaction.insert(1);
            }),
          );
          await library.insert(3);
        });
        expect(await server.products()).toEqual([1, 3]);
      }));

    it('keeps what a sibling does beside a transaction of its own that fails', () =>
      using(async (library, database) => {
        await database.transaction(async () => {
          const inside = signal();
          const failing = rejection(
            library.transaction(async (transaction) => {
              await transaction.insert(1);
              inside.fire();
              await new Promise((resolve) => setImmediate(resolve));
              refuse();
            }),
          );
          await inside.promise;
          const sibling = library.insert(2);
          const results = await Promise.allSettled([
            library.transaction((transaction) => transaction.insert(3)),
            library.transaction(async (transaction) => {
              await transaction.insert(4);
              refuse();
            }),
          ]);
          expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
          await Promise.all([failing, sibling]);
        });
        expect(await server.products()).toEqual([2, 3]);
      }));

    it('nests transactions of its own inside of each other', () =>
      using(async (library, database) => {
        const body = async (transaction: LibraryTransaction): Promise<void> => {
          await transaction.insert(1);
          await transaction.nested?.((inner) => inner.insert(2));
          if (transaction.nested !== undefined) {
            await rejection(
              transaction.nested(async (inner) => {
                await inner.insert(3);
                await library.insert(4);
                refuse();
              }),
            );
          }
          await transaction.insert(5);
        };
        const expected = (await supportsNesting(library)) ? [1, 2, 5] : [1, 5];
        await database.transaction(() => library.transaction(body));
        expect(await server.products()).toEqual(expected);
        await server.sql('delete from product');
        await library.transaction(body);
        expect(await server.products()).toEqual(expected);
      }));

    it('skips the failing ones of 1,000 items, each in a transaction of its own inside of one', () =>
      using(async (library, database) => {
        const items = Array.from({ length: 1_000 }, (_, index) => index);
        const good = items.filter((id) => id % 3 === 0);
        let breaths = 0;
        const breathing = setInterval(() => (breaths += 1), 1);
        const importAll = async (nest: NonNullable<LibraryTransaction['nested']>): Promise<void> => {
          for (const id of items) {
            const item = nest(async (transaction) => {
              await transaction.insert(id);
              if (id % 3 !== 0) refuse();
            });
            if (id % 3 === 0) await item;
            else expect(await rejection(item)).toBeInstanceOf(Refusal);
          }
        };
        const inOwn = (): Promise<unknown> =>
          library.transaction((transaction) =>
            importAll((body) => transaction.nested?.(body) ?? library.transaction(body)),
          );
        try {
          for (const run of [
            () => database.transaction(() => importAll((body) => library.transaction(body))),
            ...((await supportsNesting(library)) ? [inOwn, () => database.transaction(inOwn)] : []),
          ]) {
            await run();
            expect(await server.products()).toEqual(good);
            await server.sql('delete from product');
          }
        } finally {
          clearInterval(breathing);
        }
        expect(breaths).toBeGreaterThan(10);
      }));

    itWith('several writers')('runs independent work through REQUIRES_NEW and switchDbIsolate, at a pool of one', () =>
      using(async (library, database) => {
        await rejection(
          database.transaction(async () => {
            await library.insert(1);
            await database.transaction(() => library.insert(2), requiresNew);
            await database.switchDbIsolate(() => library.transaction((transaction) => transaction.insert(3)));
            await database.switchDbIsolate(async () => {
              expect(await library.ids()).toEqual([2, 3]);
            });
            refuse();
          }),
        );
        expect(await server.products()).toEqual([2, 3]);
      }, 1),
    );

    itWith('weaker isolation')('accepts an isolation that the transaction gives, and refuses a stronger one', () =>
      using(async (library, database) => {
        await database.transaction(
          () => library.transaction((transaction) => transaction.insert(1), 'read committed'),
          { isolationLevel: 'REPEATABLE_READ' },
        );
        await database.transaction(async () => {
          await database.current.query('select 1');
          const error = await rejection(library.transaction((transaction) => transaction.insert(2), 'serializable'));
          expect(codeOf(error)).toBe('INCOMPATIBLE_TRANSACTION');
        });
        expect(await server.products()).toEqual([1]);
      }),
    );

    it('sets no savepoint for what it does without a transaction of its own', () =>
      using(async (library, database) => {
        const ids = Array.from({ length: 100 }, (_, id) => id);
        await database.transaction(async () => {
          for (const id of ids) await library.insert(id);
          if (engine.name !== 'mariadb') return;
          const sent = await database.current.query<{ Value: string }>("show session status like 'Com_savepoint'");
          expect(sent.rows[0]?.Value).toBe('0');
        });
        expect(await server.products()).toEqual(ids);
        // Each savepoint that has written has a transaction id of its own on PostgreSQL.
        if (engine.name === 'postgres')
          expect(await server.sql('select distinct xmin::text from product')).toHaveLength(1);
      }));

    it('is refused after the end of its scope, and never runs there', () =>
      using(async (library, database) => {
        const ended = signal();
        let late: Promise<Error> = Promise.resolve(new Error());
        await database.transaction(async () => {
          await library.insert(1);
          late = rejection(ended.promise.then(() => library.insert(2)));
        });
        ended.fire();
        expect(codeOf(await late)).toBe('TRANSACTION_ENDED');
        expect(await server.products()).toEqual([1]);
      }));

    it('mixes nothing between 100 transactions in parallel', () =>
      using(async (library, database) => {
        const results = await Promise.allSettled(
          Array.from({ length: 100 }, (_, index) =>
            database.transaction(async () => {
              await library.insert(index * 10);
              await library.transaction((transaction) => transaction.insert(index * 10 + 1));
              await rejection(
                library.transaction(async (transaction) => {
                  await transaction.insert(index * 10 + 2);
                  refuse();
                }),
              );
              const own = (await library.ids()).filter((id) => id >= index * 10 && id < index * 10 + 10);
              expect(own).toEqual([index * 10, index * 10 + 1]);
              if (index % 2 === 1) refuse();
            }),
          ),
        );
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
        const expected = Array.from({ length: 50 }, (_, half) => [half * 20, half * 20 + 1]).flat();
        expect(await server.products()).toEqual(expected);
      }));
  });

  describe(`${name} and retry`, () => {
    const twelve = 12;
    const options = { isolationLevel: 'SERIALIZABLE', retry: { attempts: 60, delay: 4 } } as const;

    it.each(['with plain queries', 'in a transaction of its own'])(
      'repeats what lost to another one, %s, until all have read and written',
      { timeout: 60_000 },
      (how) =>
        using(async (library, database) => {
          await server.sql('insert into product (id, stock) values (1, 0)');
          const body =
            how === 'with plain queries'
              ? () => library.increment(1)
              : () => library.transaction((transaction) => transaction.increment(1));
          const all = Array.from({ length: twelve }, () => database.transaction(body, options));
          const settled = await Promise.allSettled(all);
          expect(settled.filter(({ status }) => status === 'rejected')).toEqual([]);
          expect(await server.sql('select stock from product')).toEqual([{ stock: twelve }]);
        }, twelve),
    );
  });

  describe(`${name} outside of a transaction`, () => {
    it('works as with a pool of its own', () =>
      using(async (library) => {
        await library.insert(1);
        await library.transaction(async (transaction) => {
          await transaction.insert(2);
          expect(await server.products()).toEqual([1]);
        });
        await rejection(
          library.transaction(async (transaction) => {
            await transaction.insert(3);
            refuse();
          }),
        );
        expect(codeOf(await rejection(library.fail()))).toBeDefined();
        expect(await library.ids()).toEqual([1, 2]);
      }));

    it('lets its transactions be ambient ones, with the isolation that it asks for', () =>
      using(async (library, database) => {
        const seen: unknown[] = [];
        await rejection(
          library.transaction(async (transaction) => {
            await transaction.insert(1);
            await database.current.query('insert into product (id) values (2)');
            seen.push((await characteristicsOf(database)).isolation, database.current.inTransaction);
            refuse();
          }, 'serializable'),
        );
        expect(seen).toEqual([engine.levels['SERIALIZABLE'], true]);
        expect(await server.products()).toEqual([]);
        const { isolation } = await database.transaction(() => characteristicsOf(database));
        expect(isolation).toBe(engine.levels['DEFAULT']);
      }));
  });

  describe(`${name} and its connections`, () => {
    it('streams rows, between which other statements run', () =>
      using(async (library, database) => {
        if (library.stream === undefined) return;
        const stream = library.stream.bind(library);
        const read = async (): Promise<number> => {
          let sum = 0;
          for await (const { n } of stream(500)) {
            if (n === 250) await library.insert(n);
            sum += n;
          }
          return sum;
        };
        expect(await database.transaction(read)).toBe(125_250);
        expect(await server.products()).toEqual([250]);
        await server.sql('delete from product');
        expect(await read()).toBe(125_250);
      }));

    itWith('sessions')('gives none back in doubt: a failed statement, a cancelled one, a backend that dies', () =>
      using(async (library, database) => {
        await rejection(database.transaction(() => library.fail()));
        await rejection(library.transaction(() => library.fail()));
        await rejection(
          database.transaction(
            async () => {
              await library.insert(1);
              await new Promise(() => {});
            },
            { timeout: 100 },
          ),
        );
        await rejection(
          database.transaction(async () => {
            await library.insert(2);
            await kill(database, server);
            await library.insert(3);
          }),
        );
        await until('all connections are back', () => database.stats().clients.default.used === 0);
        await library.insert(4);
        await database.transaction(() => library.insert(5));
        expect(await server.products()).toEqual([4, 5]);
      }),
    );
  });

  if (under.openAlone !== undefined) {
    const openAlone = under.openAlone.bind(under);
    describe(`${name} on a plain pool, which the suite has to find out`, () => {
      itWith('several writers')('escapes the ambient transaction', async () => {
        const library = await openAlone(server.url);
        const database = server.open();
        await rejection(
          database.transaction(async () => {
            await database.current.query('insert into product (id) values (1)');
            await library.insert(2);
            refuse();
          }),
        );
        expect(await server.products()).toEqual([2]);
        await library.close();
      });
    });
  }
  if (under.openUnbound !== undefined) {
    const openUnbound = under.openUnbound.bind(under);
    describe(`${name} without its bind, which the suite has to find out`, () => {
      itWith('several writers')('does not take along what others do below its transaction', () =>
        using(
          async (library, database) => {
            const body = library.transaction(async (transaction) => {
              await transaction.insert(1);
              await database.current.query('insert into product (id) values (2)');
              refuse();
            });
            await rejection(body);
            expect(await server.products()).toEqual([2]);
          },
          4,
          openUnbound,
        ),
      );
    });
  }
}

async function supportsNesting(library: Library): Promise<boolean> {
  let supports = false;
  await library.transaction((transaction) => {
    supports = transaction.nested !== undefined;
    return Promise.resolve();
  });
  return supports;
}

/** Kills the backend of the ambient transaction. */
async function kill(database: Database<'default'>, server: TestDatabase): Promise<void> {
  await database.current.query('select 1');
  await loseConnections(() => server.kill());
}

/** The code of an error, or of what a library has wrapped. */
function codeOf(error: unknown): unknown {
  for (let at: unknown = error; at instanceof Error;) {
    const { code, cause, driverError } = at as Error & { code?: unknown; driverError?: unknown };
    if (typeof code === 'string') return code;
    at = cause ?? driverError;
  }
  return undefined;
}
