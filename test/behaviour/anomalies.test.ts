// The anomalies of the literature, driven through concurrent transactions on each engine at each isolation level, and
// held against what the engine promises. The names and schedules follow Adya's thesis, and Hermitage by Martin Kleppmann.
import { describe, expect, it } from 'vitest';
import type { Database, IsolationLevel } from '../../src/index.ts';
import { engine, useTestDatabase } from '../support/database.ts';

const server = useTestDatabase();
type Level = Exclude<IsolationLevel, 'DEFAULT'>;

/** How long a step may take before it counts as waiting for a lock, and the schedule goes on. In milliseconds. */
const patience = 150;

/** One of the concurrent transactions: it does what it is told, one step after the other. */
class Actor {
  readonly #steps: (() => Promise<void>)[] = [];
  #wake: (() => void) | undefined;
  #ended: 'commit' | 'rollback' | undefined;
  readonly #outcome: Promise<boolean>;

  constructor(database: Database<'default'>, isolationLevel: Level) {
    const body = async (): Promise<void> => {
      while (true) {
        const step = this.#steps.shift();
        if (step !== undefined) await step();
        else if (this.#ended === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else break;
      }
      if (this.#ended === 'rollback') throw new Error('rolled back on purpose');
    };
    this.#outcome = database.transaction(body, { isolationLevel }).then(
      () => true,
      () => false,
    );
  }

  /** Runs a statement; what it reads is there later where it has to wait for a lock. */
  async read(database: Database<'default'>, condition: string): Promise<Reading> {
    const reading: Reading = { rows: undefined };
    await this.#tell(async () => {
      const { rows } = await database.current.query<Row>(
        `select id, stock from product where ${condition} order by id`,
      );
      reading.rows = rows;
    });
    return reading;
  }

  async set(database: Database<'default'>, id: number, stock: number): Promise<void> {
    await this.#tell(() => database.current.query('update product set stock = $1 where id = $2', [stock, id]));
  }

  async insert(database: Database<'default'>, id: number, stock: number): Promise<void> {
    await this.#tell(() => database.current.query('insert into product (id, stock) values ($1, $2)', [id, stock]));
  }

  commit(): Promise<void> {
    return this.#end('commit');
  }

  rollback(): Promise<void> {
    return this.#end('rollback');
  }

  /** Whether it committed. */
  committed(): Promise<boolean> {
    return this.#outcome;
  }

  async #end(how: 'commit' | 'rollback'): Promise<void> {
    this.#ended = how;
    this.#wake?.();
    await Promise.race([this.#outcome, waited()]);
  }

  /** Resolves when the step is done or has failed, or when it waits for a lock. */
  async #tell(work: () => Promise<unknown>): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#steps.push(async () => {
        try {
          await work();
        } finally {
          resolve();
        }
      });
    });
    this.#wake?.();
    // A transaction that has ended with an error does nothing any more.
    await Promise.race([done, this.#outcome, waited()]);
  }
}

interface Row {
  readonly id: number;
  readonly stock: number;
}
interface Reading {
  rows: readonly Row[] | undefined;
}

function waited(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, patience));
}

const stockOf = ({ rows }: Reading, id: number): number | undefined => rows?.find((row) => row.id === id)?.stock;

interface Stage {
  readonly database: Database<'default'>;
  readonly one: Actor;
  readonly two: Actor;
  /** The rows at the end. */
  readonly final: () => Promise<readonly Row[]>;
}

/** Plays a schedule, and says whether the anomaly came about. Rows 1 and 2 hold 10 and 20. */
const anomalies: Readonly<Record<string, (stage: Stage) => Promise<boolean>>> = {
  'dirty write': async ({ database, one, two, final }) => {
    await one.set(database, 1, 11);
    await two.set(database, 1, 12);
    await one.set(database, 2, 21);
    await one.commit();
    await two.set(database, 2, 22);
    await two.commit();
    await Promise.all([one.committed(), two.committed()]);
    const stocks = (await final()).map(({ stock }) => stock);
    return stocks[1] !== (stocks[0] ?? 0) + 10;
  },
  'dirty read': async ({ database, one, two }) => {
    await one.set(database, 1, 11);
    const reading = await two.read(database, 'id = 1');
    const seenBefore = stockOf(reading, 1) === 11;
    await one.commit();
    await two.commit();
    return seenBefore;
  },
  'aborted read': async ({ database, one, two }) => {
    await one.set(database, 1, 11);
    const reading = await two.read(database, 'id = 1');
    await one.rollback();
    await two.commit();
    await two.committed();
    return stockOf(reading, 1) === 11;
  },
  'intermediate read': async ({ database, one, two }) => {
    await one.set(database, 1, 11);
    const reading = await two.read(database, 'id = 1');
    await one.set(database, 1, 12);
    await one.commit();
    await two.commit();
    await two.committed();
    return stockOf(reading, 1) === 11;
  },
  'fuzzy read': async ({ database, one, two }) => {
    const first = await one.read(database, 'id = 1');
    await two.set(database, 1, 12);
    await two.commit();
    const second = await one.read(database, 'id = 1');
    await one.commit();
    await Promise.all([one.committed(), two.committed()]);
    return stockOf(first, 1) === 10 && stockOf(second, 1) === 12;
  },
  'lost update': async ({ database, one, two }) => {
    const [ofOne, ofTwo] = [await one.read(database, 'id = 1'), await two.read(database, 'id = 1')];
    await one.set(database, 1, 11);
    await two.set(database, 1, 11);
    await one.commit();
    await two.commit();
    const both = (await Promise.all([one.committed(), two.committed()])).every(Boolean);
    return both && stockOf(ofOne, 1) === 10 && stockOf(ofTwo, 1) === 10;
  },
  'read skew': async ({ database, one, two }) => {
    const first = await one.read(database, 'id = 1');
    await two.set(database, 1, 12);
    await two.set(database, 2, 18);
    await two.commit();
    const second = await one.read(database, 'id = 2');
    await one.commit();
    await Promise.all([one.committed(), two.committed()]);
    return stockOf(first, 1) === 10 && stockOf(second, 2) === 18;
  },
  'write skew': async ({ database, one, two }) => {
    const [ofOne, ofTwo] = [await one.read(database, 'id in (1, 2)'), await two.read(database, 'id in (1, 2)')];
    await one.set(database, 1, 11);
    await two.set(database, 2, 21);
    await one.commit();
    await two.commit();
    const both = (await Promise.all([one.committed(), two.committed()])).every(Boolean);
    return both && stockOf(ofOne, 2) === 20 && stockOf(ofTwo, 1) === 10;
  },
  phantom: async ({ database, one, two }) => {
    const first = await one.read(database, 'stock = 30');
    await two.insert(database, 3, 30);
    await two.commit();
    const second = await one.read(database, 'stock = 30');
    await one.commit();
    await Promise.all([one.committed(), two.committed()]);
    return first.rows?.length === 0 && second.rows?.length === 1;
  },
};

const committedRead = ['fuzzy read', 'lost update', 'read skew', 'write skew', 'phantom'];
const none: readonly string[] = [];

/** What each engine lets happen at each level. */
const possible: Readonly<Record<typeof engine.name, Readonly<Record<Level, readonly string[]>>>> = {
  postgres: {
    READ_UNCOMMITTED: committedRead,
    READ_COMMITTED: committedRead,
    REPEATABLE_READ: ['write skew'],
    SNAPSHOT: ['write skew'],
    SERIALIZABLE: none,
  },
  mariadb: {
    READ_UNCOMMITTED: ['dirty read', 'aborted read', 'intermediate read', ...committedRead],
    READ_COMMITTED: committedRead,
    REPEATABLE_READ: ['lost update', 'write skew'],
    SNAPSHOT: ['write skew'],
    SERIALIZABLE: none,
  },
  sqlite: {
    READ_UNCOMMITTED: none,
    READ_COMMITTED: none,
    REPEATABLE_READ: none,
    SNAPSHOT: none,
    SERIALIZABLE: none,
  },
};

for (const level of Object.keys(possible[engine.name]) as Level[]) {
  describe(`at ${level}`, () => {
    it.each(Object.entries(anomalies))('%s', async (name, play) => {
      const database = server.open({ max: 2 });
      for (const [id, stock] of [
        [1, 10],
        [2, 20],
      ]) {
        await database.current.query('insert into product (id, stock) values ($1, $2)', [id, stock]);
      }
      const [one, two] = [new Actor(database, level), new Actor(database, level)];
      const final = async (): Promise<readonly Row[]> =>
        await server.sql<Row & Record<string, unknown>>('select id, stock from product order by id');
      const came = await play({ database, one, two, final });
      await Promise.all([one.rollback(), two.rollback()]);
      expect(came).toBe(possible[engine.name][level].includes(name));
      expect(database.stats().clients.default.used).toBe(0);
    });
  });
}

describe('between three transactions', () => {
  /** One reads a row that two changes, two one that three changes, and three one that one changes. */
  it.each(Object.keys(possible[engine.name]) as Level[])('a circle of dependencies at %s', async (level) => {
    const database = server.open({ max: 3 });
    const ids = [1, 2, 3];
    for (const id of ids) await database.current.query('insert into product (id, stock) values ($1, 0)', [id]);
    const actors = ids.map(() => new Actor(database, level));
    const readings: Reading[] = [];
    for (const [index, actor] of actors.entries()) readings.push(await actor.read(database, `id = ${index + 1}`));
    for (const [index, actor] of actors.entries()) await actor.set(database, ((index + 1) % 3) + 1, 1);
    for (const actor of actors) await actor.commit();
    const all = (await Promise.all(actors.map((actor) => actor.committed()))).every(Boolean);
    const came = all && readings.every((reading, index) => stockOf(reading, index + 1) === 0);
    expect(came).toBe(possible[engine.name][level].includes('write skew'));
  });
});
