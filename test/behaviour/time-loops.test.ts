import { describe, expect, it } from 'vitest';
import { createDatabase, createContextCarrier, type Database, withContext } from '../../src/index.ts';
import { createJobs, defineQueue } from '../../src/queue/index.ts';
import { heapInUse } from '../support/heap.ts';
import { engine, useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const server = useTestDatabase();

interface Turns {
  /** Notes a turn, and calls `begin`, which begins the next one, if there is to be another. */
  readonly next: (begin: () => unknown) => void;
  /** Ends the loop, with the error of a turn. */
  readonly fail: (error: unknown) => void;
}

type Loop = (database: Database<'default'>, turns: Turns) => void;

interface Seen {
  readonly levels: ReadonlySet<number>;
  /** The bytes that a turn has left behind on the average, of the second or the last third. */
  readonly kept: number;
}

/** Runs a loop whose turns begin the next one themselves, in whatever is ambient there. */
async function run(database: Database<'default'>, turns: number, loop: Loop): Promise<Seen> {
  const levels = new Set<number>();
  const ended = Promise.withResolvers<void>();
  const part = Math.floor(turns / 3);
  const used: number[] = [];
  let count = 0;
  // What the ambient context of the turn holds is held while this looks.
  const look = async (begin: () => unknown): Promise<void> => {
    used.push(await heapInUse());
    if (used.length === 3) return ended.resolve();
    begin();
  };
  loop(database, {
    next(begin) {
      count += 1;
      levels.add(database.current.level);
      if (count % part === 0) void look(begin);
      else begin();
    },
    fail: ended.reject,
  });
  await ended.promise;
  const [first = 0, second = 0, third = 0] = used;
  // What a turn leaves behind is there in both; what the process keeps once, such as compiled code, in one of them.
  return { levels, kept: Math.min(second - first, third - second) / part };
}

const independent = { propagation: 'REQUIRES_NEW' } as const;

/** How the turns of a loop follow each other. */
const loops: Record<string, Loop> = {
  'an own transaction begins it': (database, { next, fail }) => {
    const turn = (): void =>
      void database
        .transaction(() => {
          next(() => setImmediate(turn));
        }, independent)
        .catch(fail);
    turn();
  },
  'a promise that comes after the transaction begins it': (database, { next, fail }) => {
    const turn = (): void => {
      const ended = Promise.withResolvers<void>();
      void database
        .transaction(() => {
          next(() => void ended.promise.then(turn));
        }, independent)
        .catch(fail)
        .finally(() => setImmediate(ended.resolve));
    };
    turn();
  },
  'a commit hook begins it': (database, { next, fail }) => {
    const turn = (): void =>
      void database
        .transaction(() => {
          database.current.commit(() => {
            next(() => setImmediate(turn));
          });
        })
        .catch(fail);
    turn();
  },
  'a commit hook begins it at once, and awaits nothing': (database, { next, fail }) => {
    const turn = (): void =>
      void database
        .transaction(() => {
          database.current.commit(() => {
            next(turn);
          });
        })
        .catch(fail);
    turn();
  },
  'a hook outside of a transaction begins it': (database, { next }) => {
    const turn = (): void => database.current.commit(() => next(() => setImmediate(turn)));
    turn();
  },
  'a compensation begins it': (database, { next, fail }) => {
    const declined = new Error('declined');
    const turn = (): void =>
      void database
        .transaction(() => {
          database.current.compensate(() => next(() => setImmediate(turn)));
          throw declined;
        })
        .catch((error: unknown) => error === declined || fail(error));
    turn();
  },
  'a nested scope begins it': (database, { next, fail }) => {
    const nested = (): Promise<void> =>
      database.transaction(() => next(() => setImmediate(turn)), { propagation: 'NESTED' });
    const turn = (): void => void database.transaction(nested, independent).catch(fail);
    turn();
  },
  'a joined scope begins it': (database, { next, fail }) => {
    const joined = (): Promise<void> => database.transaction(() => next(() => setImmediate(turn)));
    const turn = (): void => void database.transaction(joined, independent).catch(fail);
    turn();
  },
  'a suspended scope begins it': (database, { next, fail }) => {
    const suspended = (): Promise<void> =>
      database.transaction(() => next(() => setImmediate(turn)), { propagation: 'NOT_SUPPORTED' });
    const turn = (): void => void database.transaction(suspended).catch(fail);
    turn();
  },
  'a suspended scope awaits the transaction that begins it': (database, { next, fail }) => {
    const suspended = (): Promise<void> =>
      database.transaction(
        async () => {
          await new Promise((resolve) => setImmediate(resolve));
          await turn();
        },
        { propagation: 'NOT_SUPPORTED' },
      );
    const turn = (): Promise<void> =>
      database.transaction(() => {
        next(() => void suspended().catch(fail));
      });
    void turn().catch(fail);
  },
  'an isolated frame begins it': (database, { next, fail }) => {
    const turn = (): void => {
      void database.switchDbIsolate(() => next(() => setImmediate(turn))).catch(fail);
    };
    turn();
  },
  'an isolated frame in a transaction begins it': (database, { next, fail }) => {
    const isolated = (): Promise<void> => database.switchDbIsolate(() => next(() => setImmediate(turn)));
    const turn = (): void => void database.transaction(isolated, independent).catch(fail);
    turn();
  },
  'a switched client begins it': (database, { next, fail }) => {
    const turn = (): void => {
      void database.switchDb(() => next(() => setImmediate(turn)), { clientName: 'default' }).catch(fail);
    };
    turn();
  },
  'an explicit level begins it': (database, { next, fail }) => {
    const turn = (): void => {
      void database.switchDb(() => next(() => setImmediate(turn)), { level: 2 }).catch(fail);
    };
    turn();
  },
  'a context with values begins it': (_database, { next }) => {
    const turn = (): void => withContext({ tenant: 'acme' }, () => next(() => setImmediate(turn)));
    turn();
  },
  'what came with headers begins it, and sends it on': (database, { next, fail }) => {
    const { injectContext, runWithContext } = createContextCarrier(database, { secret: 'a secret of 16 characters' });
    const turn = (headers: Record<string, unknown>): void =>
      void runWithContext(headers, () =>
        database.transaction(() => {
          next(() => setImmediate(() => turn(injectContext({}))));
        }, independent),
      ).catch(fail);
    turn({});
  },
};

/** The most bytes that a turn may leave behind on the average; a frame is a hundred, and one with its transaction a thousand. */
const mostKept = 50;
/** Of each signed header a number is kept for a while, so that none is taken twice. */
const mostKeptOf: Record<string, number> = { 'what came with headers begins it, and sends it on': 300 };

describe('a loop whose turns begin the next one stays on its level and leaves nothing behind, where', () => {
  for (const [name, loop] of Object.entries(loops)) {
    it(name, async () => {
      const database = server.open({ max: 1, maxLevel: 2 });
      const { levels, kept } = await run(database, 20_000, loop);
      expect(levels.size).toBeLessThanOrEqual(2);
      expect(Math.max(...levels)).toBeLessThanOrEqual(2);
      expect(kept).toBeLessThan(mostKeptOf[name] ?? mostKept);
    });
  }

  it('a timer begins it', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const loop: Loop = (_database, { next, fail }) => {
      const turn = (): void =>
        void database.transaction(() => next(() => setTimeout(turn, 0)), independent).catch(fail);
      turn();
    };
    expect(await run(database, 1_000, loop)).toMatchObject({ levels: new Set([0]) });
  });

  it('two clients take turns', async () => {
    const database = createDatabase({
      clients: { default: server.client({ max: 1, maxLevel: 0 }), reports: server.client({ max: 1, maxLevel: 0 }) },
    });
    const loop: Loop = (_database, { next, fail }) => {
      const turn = (clientName: 'default' | 'reports'): void => {
        const other = clientName === 'default' ? 'reports' : 'default';
        const body = (): void => next(() => setImmediate(turn, other));
        void database.getDb({ clientName }).transaction.begin(body, independent).catch(fail);
      };
      turn('default');
    };
    const { levels, kept } = await run(database as Database as Database<'default'>, 20_000, loop);
    await database.close();
    expect(levels).toEqual(new Set([0, 1]));
    expect(kept).toBeLessThan(mostKept);
  });

  it('a job begins it, and its handler has ended', async () => {
    const database = server.open({ max: 1, maxLevel: 2 });
    const sweep = defineQueue('sweep');
    const jobs = createJobs(database, { queues: { sweep } });
    const loop: Loop = (_database, { next, fail }) => {
      const turn = (): void => void database.transaction(() => next(() => setImmediate(turn)), independent).catch(fail);
      jobs.worker().handle(sweep, turn);
      void jobs.queues.sweep.push({}).catch(fail);
    };
    const { levels, kept } = await run(database, 20_000, loop);
    await jobs.close();
    expect(Math.max(...levels)).toBeLessThanOrEqual(1);
    expect(kept).toBeLessThan(mostKept);
  });

  it('jobs push each other from what they have left running', async () => {
    const database = server.open({ max: 1, maxLevel: 2 });
    const sweep = defineQueue('sweep');
    const jobs = createJobs(database, { queues: { sweep } });
    const loop: Loop = (_database, { next, fail }) => {
      const push = (): void => void jobs.queues.sweep.pushAsync({}).catch(fail);
      jobs.worker().handle(sweep, () => next(() => setTimeout(push, 5)));
      push();
    };
    const { levels } = await run(database, 100, loop);
    await jobs.close();
    expect(levels.size).toBe(1);
  });
});

describe('a loop whose turns send statements', () => {
  const find = 'select count(*) as products from product';

  it('goes on with one connection, while the COMMIT of the turn before is under way', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const loop: Loop = (_database, { next, fail }) => {
      const turn = (): void =>
        void database
          .transaction(
            async () => {
              await database.current.query(find);
              next(() => setImmediate(turn));
            },
            { ...independent, readOnly: true },
          )
          .catch(fail);
      turn();
    };
    expect((await run(database, 500, loop)).levels).toEqual(new Set([0]));
  });

  it('names in its errors no transaction that is over', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const errors: unknown[] = [];
    const loop: Loop = (_database, { next, fail }) => {
      const turn = (): void =>
        void database
          .transaction(
            async () => {
              await database.current.query(engine.sql.failing).catch((error: unknown) => errors.push(error));
              await database
                .transaction(() => undefined, { propagation: 'NEVER' })
                .catch((error: unknown) => errors.push(error));
              next(() => setImmediate(turn));
              throw new Error('declined');
            },
            { ...independent, name: 'turn' },
          )
          .catch((error: Error) => error.message === 'declined' || fail(error));
      turn();
    };
    await run(database, 21, loop);
    const refusals = errors.filter((error) => (error as { code?: string }).code === 'TRANSACTION_NOT_ALLOWED');
    expect(refusals).toHaveLength(21);
    for (const refusal of refusals) expect(refusal).toMatchObject({ chain: [{ transaction: 'turn', level: 0 }] });
  });

  it('ends when its database is closed, which waits for the turn that runs and for no other', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const failed = Promise.withResolvers<unknown>();
    let turns = 0;
    const turn = (): void =>
      void database
        .transaction(async () => {
          await database.current.query(find);
          turns += 1;
          setImmediate(turn);
        }, independent)
        .catch(failed.resolve);
    turn();
    await until('it is under way', () => turns > 3);
    await database.close({ timeout: 1_000_000 });
    expect(await failed.promise).toMatchObject({ code: 'DATABASE_CLOSED' });
  });
});
