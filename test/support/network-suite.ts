import type { Knex } from 'knex';
import type { Kysely } from 'kysely';
import { type DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, TestServer } from './engines/engine.ts';
import type { Direction, Fault } from './fault-proxy.ts';
import { kinds } from './network-kinds.ts';
import {
  type Kind,
  type Line,
  onLines,
  openLine,
  places,
  runDamaged,
  type TestDatabase,
  type Told,
  warm,
  wrongOf,
} from './network-runs.ts';
import { until } from './settled.ts';

interface Tables {
  trace: { run: number; part: number };
}

export interface NetworkSuite {
  readonly engine: Engine;
  readonly open: (url: string) => TestDatabase;
  readonly kysely: (database: TestDatabase) => Kysely<Tables>;
  readonly knex: (database: TestDatabase) => Knex;
  /** With `Trace` for its entity. */
  readonly typeOrm: (database: TestDatabase) => DataSource;
  /** Counts the connections to this database that have something under way. */
  readonly busy: string;
  /** Bytes that pretend to be messages. */
  readonly garbage?: readonly Buffer[];
  /** How many places are cut at, at least. */
  readonly cuts: number;
}

interface Trace {
  run: number;
  part: number;
}
export const Trace = new EntitySchema<Trace>({
  name: 'trace',
  columns: { run: { type: 'int', primary: true }, part: { type: 'int', primary: true } },
});

interface Damages {
  readonly count: number;
  readonly fault: (after: number) => Fault;
  readonly timeout?: number;
  readonly at?: readonly Direction[];
}

const directions: readonly Direction[] = ['up', 'down'];
const lineCount = 16;
/** In milliseconds; what waits for the rest of an answer waits for ever. */
const atOnce = 5_000;

/** Damages the network in every kind of transaction: what is told is what is there. */
export function networkSuite({ engine, open, busy, garbage = [], cuts, ...libraries }: NetworkSuite): void {
  const server: TestServer = engine.server();
  const lines: Line[] = [];
  const typeOrmOf = remembered((database) => libraries.typeOrm(database).initialize());
  const all: readonly Kind[] = [...kinds, ...libraryKinds({ ...libraries, typeOrmOf })];
  const unexpected: unknown[] = [];
  const onUnexpected = (error: unknown): void => void unexpected.push(error);

  beforeAll(async () => {
    process.on('uncaughtException', onUnexpected);
    process.on('unhandledRejection', onUnexpected);
    await server.start();
    await server.sql('create table trace (run int, part int, primary key (run, part))');
    lines.push(...(await Promise.all(Array.from({ length: lineCount }, () => openLine(server.url, open)))));
    // What TypeORM asks when it connects is not what is damaged.
    for (const { database } of lines) await typeOrmOf(database);
  });
  afterAll(async () => {
    await Promise.all(lines.map(({ database }) => database.close({ timeout: 2_000 })));
    await Promise.all(lines.map(({ proxy }) => proxy.close()));
    await server.drop();
    process.off('uncaughtException', onUnexpected);
    process.off('unhandledRejection', onUnexpected);
  });

  /** Holds all that was told against what is there once the server has nothing to do any more. */
  async function judge(told: readonly Told[]): Promise<void> {
    await until('nothing runs on the server', async () => Number((await server.sql(busy))[0]?.['busy']) === 0, 20_000);
    const counts = await server.sql('select run, count(*) as found from trace group by run');
    const rows = new Map(counts.map(({ run, found }) => [Number(run), Number(found)]));
    expect(told.map((each) => wrongOf(each, rows.get(each.id) ?? 0)).filter((wrong) => wrong !== undefined)).toEqual(
      [],
    );
    expect(unexpected).toEqual([]);
    const used = lines.map(({ database }) => database.stats().clients.default.used);
    expect(used.filter((count) => count !== 0)).toEqual([]);
  }

  /** Damages each kind, in each direction, at so many places. */
  function damage({ count, fault, timeout, at = directions }: Damages): Promise<readonly (readonly Told[])[]> {
    const jobs = all.flatMap((kind) =>
      at.map((direction) => async (line: Line): Promise<readonly Told[]> => {
        const told: Told[] = [];
        const { [direction]: bytes } = await warm(line, kind);
        for (const after of places(bytes, count)) {
          told.push(await runDamaged(line, kind, { direction, fault: fault(after), timeout }));
          await warm(line, kind);
        }
        return told;
      }),
    );
    return onLines(lines, jobs);
  }

  describe(`the network of ${engine.name}`, () => {
    it(`is cut at ${cuts} places, in both directions`, { timeout: 120_000 }, async () => {
      const told = (
        await damage({ count: Math.ceil(cuts / all.length / 2) + 1, fault: (after) => ({ type: 'cut', after }) })
      ).flat();
      expect(told.length).toBeGreaterThanOrEqual(cuts);
      await judge(told);
    });

    it('sends garbage: what fails has a code, and the process goes on', { timeout: 120_000 }, async () => {
      const words = Buffer.from('\u0000\u0000\u0000\u0008E!T2C'.repeat(8));
      for (const by of [Buffer.alloc(64, 0xff), Buffer.alloc(64), words, ...garbage]) {
        const replace = (after: number): Fault => ({ type: 'replace', after, by });
        await judge((await damage({ count: 4, fault: replace, timeout: 250, at: ['down'] })).flat());
      }
    });

    it(
      'sends what no answer begins with: the call ends at once, without a timeout too',
      { timeout: 120_000 },
      async () => {
        const texts = [`HTTP/1.1 400 Bad Request\r\n\r\n`, 'x'.repeat(64)];
        const jobs = all.flatMap((kind) =>
          texts.map((text) => async (line: Line): Promise<Told> => {
            await warm(line, kind);
            const fault: Fault = { type: 'replace', after: 0, by: Buffer.from(text) };
            return await runDamaged(line, kind, { direction: 'down', fault });
          }),
        );
        const told = await onLines(lines, jobs);
        const late = told.filter(({ milliseconds }) => milliseconds > atOnce);
        expect(late.map(({ kind, fault }) => `${kind.name}: ${fault}`)).toEqual([]);
        await judge(told);
      },
    );

    it('swallows what is sent or answered: the call ends, and tells what is there', { timeout: 120_000 }, async () => {
      const swallow = (after: number): Fault => ({ type: 'swallow', after });
      await judge((await damage({ count: 6, fault: swallow, timeout: 250 })).flat());
    });

    it('is slow, or gives single bytes: all is as ever', { timeout: 120_000 }, async () => {
      const faults: readonly Fault[] = [
        { type: 'delay', milliseconds: 5 },
        { type: 'fragment', size: 1 },
      ];
      for (const fault of faults) {
        const told = (await damage({ count: 1, fault: () => fault })).flat();
        const expected = (kind: Kind): string => (kind.name === 'thrown' ? 'rolledBack' : 'committed');
        expect(told.filter(({ outcome, kind }) => outcome !== expected(kind))).toEqual([]);
        await judge(told);
      }
    });
  });
}

function libraryKinds({
  kysely,
  knex,
  typeOrmOf,
}: Pick<NetworkSuite, 'kysely' | 'knex'> & {
  readonly typeOrmOf: (database: TestDatabase) => Promise<DataSource>;
}): readonly Kind[] {
  const kyselyOf = remembered(kysely);
  const knexOf = remembered(knex);
  return [
    {
      name: 'Kysely',
      rows: 2,
      run: (database, id, { noteHooks, timeout }) =>
        within(database, timeout, () =>
          kyselyOf(database)
            .transaction()
            .execute(async (transaction) => {
              noteHooks();
              await transaction.insertInto('trace').values({ run: id, part: 1 }).execute();
              await transaction.insertInto('trace').values({ run: id, part: 2 }).execute();
            }),
        ),
    },
    {
      name: 'Knex',
      rows: 2,
      run: (database, id, { noteHooks, timeout }) =>
        within(database, timeout, () =>
          knexOf(database).transaction(async (transaction) => {
            noteHooks();
            await transaction('trace').insert({ run: id, part: 1 });
            await transaction('trace').insert({ run: id, part: 2 });
          }),
        ),
    },
    {
      name: 'TypeORM',
      rows: 2,
      run: (database, id, { noteHooks, timeout }) =>
        within(database, timeout, async () => {
          const dataSource = await typeOrmOf(database);
          await dataSource.transaction(async (manager) => {
            noteHooks();
            await manager.insert(Trace, { run: id, part: 1 });
            await manager.insert(Trace, { run: id, part: 2 });
          });
        }),
    },
    {
      name: 'TypeORM, save',
      rows: 2,
      isHookless: true,
      run: (database, id, { timeout }) =>
        within(database, timeout, async () => {
          const { manager } = await typeOrmOf(database);
          await manager.save(
            Trace,
            [1, 2].map((part) => ({ run: id, part })),
          );
        }),
    },
  ];
}

/** Libraries know no timeout of a transaction; the one around theirs does. */
function within(database: TestDatabase, timeout: number | undefined, body: () => Promise<unknown>): Promise<unknown> {
  return timeout === undefined ? body() : database.transaction(body, { timeout });
}

function remembered<Handle>(make: (database: TestDatabase) => Handle): (database: TestDatabase) => Handle {
  const made = new Map<TestDatabase, Handle>();
  return (database) => {
    const known = made.get(database) ?? make(database);
    made.set(database, known);
    return known;
  };
}
