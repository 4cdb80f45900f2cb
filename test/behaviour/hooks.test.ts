import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import {
  AfterCommitError,
  afterCommit,
  afterCompletion,
  afterRollback,
  beforeCommit,
  channelNames,
  createDatabase,
  type Database,
  type HookErrorEvent,
  HookLimitError,
  InvalidOptionError,
  setRollbackOnly,
} from '../../src/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();

async function fails(database: Database, body: () => Promise<void>): Promise<Error> {
  return await rejection(
    database.transaction(async () => {
      await body();
      throw new Error('declined');
    }),
  );
}

async function hookErrors(work: () => Promise<void>): Promise<HookErrorEvent[]> {
  const events: HookErrorEvent[] = [];
  const onEvent = (message: unknown): void => void events.push(message as HookErrorEvent);
  subscribe(channelNames.hookError, onEvent);
  try {
    await work();
  } finally {
    unsubscribe(channelNames.hookError, onEvent);
  }
  return events;
}

describe('hooks', () => {
  it('run after the commit, when the connection has gone back, first come first served', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    const seen: unknown[] = [];
    await database.transaction(async () => {
      await insert(database, 1);
      for (const name of ['first', 'second']) {
        database.current.commit(async () => {
          expect(database.stats().clients.default.used).toBe(0);
          const { rowCount } = await database.current.query('select id from product');
          seen.push(name, rowCount);
        });
      }
      database.current.compensate(() => seen.push('never'));
    });
    expect(seen).toEqual(['first', 1, 'second', 1]);
  });

  it('may open a transaction at max 1', async () => {
    const database = server.open({ max: 1, maxLevel: 0 });
    await database.transaction(async () => {
      await insert(database, 1);
      database.current.commit(() => database.transaction(() => insert(database, 2)));
    });
    expect(await server.products()).toEqual([1, 2]);
  });

  it('compensations run after a rollback in reverse order, and commit hooks do not', async () => {
    const database = server.open();
    const seen: string[] = [];
    await fails(database, async () => {
      await insert(database, 1);
      database.current.commit(() => seen.push('never'));
      database.current.compensate(() => seen.push('first'));
      database.current.compensate(() => seen.push('second'));
    });
    expect(seen).toEqual(['second', 'first']);
  });

  it('afterCommit and afterRollback are commit and compensate, in one order with them', async () => {
    const { current, transaction } = server.open({ max: 1, maxLevel: 0 });
    const seen: string[] = [];
    const register = (): void => {
      current.commit(() => seen.push('commit'));
      current.afterCommit(() => seen.push('afterCommit'));
      current.commit(() => seen.push('commit'));
      current.compensate(() => seen.push('compensate'));
      current.afterRollback(() => seen.push('afterRollback'));
      current.compensate(() => seen.push('compensate'));
    };
    await transaction(register);
    expect(seen.splice(0)).toEqual(['commit', 'afterCommit', 'commit']);
    await rejection(
      transaction(() => {
        register();
        throw new Error('declined');
      }),
    );
    expect(seen.splice(0)).toEqual(['compensate', 'afterRollback', 'compensate']);
    current.afterCommit(() => seen.push('at once'));
    current.afterRollback(() => seen.push('never'));
    expect(seen).toEqual(['at once']);
    expect(() => current.afterCommit(undefined as never)).toThrow('A commit hook was registered with undefined');
    expect(() => current.afterRollback('x' as never)).toThrow('A compensate hook was registered with a string');
  });

  it('are awaited one after the other', async () => {
    const database = server.open();
    const seen: string[] = [];
    await database.transaction(() => {
      for (const name of ['a', 'b']) {
        database.current.commit(async () => {
          seen.push(`${name} starts`);
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(`${name} ends`);
        });
      }
    });
    expect(seen).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
  });

  it('run in the contexts of other libraries in which they were registered', async () => {
    const database = server.open();
    const requestId = new AsyncLocalStorage<string>();
    let seen: string | undefined;
    await database.transaction(() =>
      requestId.run('r-1', () => {
        afterCommit(() => (seen = requestId.getStore()));
      }),
    );
    expect(seen).toBe('r-1');
  });

  itWith('several writers')(
    'run in their frame less the finished transaction: inside an outer one they join it',
    async () => {
      const database = server.open();
      await fails(database, async () => {
        await insert(database, 1);
        await database.transaction(
          async () => {
            await insert(database, 2);
            afterCommit(() => insert(database, 3));
          },
          { propagation: 'REQUIRES_NEW' },
        );
      });
      expect(await server.products()).toEqual([2]);
    },
  );

  it('beforeCommit is awaited inside the transaction, and those it registers too', async () => {
    const database = server.open();
    const seen: boolean[] = [];
    await database.transaction(() => {
      database.current.beforeCommit(async () => {
        seen.push(database.current.inTransaction);
        await insert(database, 1);
        database.current.beforeCommit(() => insert(database, 2));
      });
    });
    expect(seen).toEqual([true]);
    expect(await server.products()).toEqual([1, 2]);
  });

  it('beforeCommit may refuse: the transaction rolls back and compensations run', async () => {
    const database = server.open();
    const seen: string[] = [];
    const refusal = new Error('cache is down');
    const error = await rejection(
      database.transaction(async () => {
        await insert(database, 1);
        database.current.compensate(() => seen.push('compensated'));
        database.current.beforeCommit(() => {
          throw refusal;
        });
      }),
    );
    expect(error).toBe(refusal);
    expect(seen).toEqual(['compensated']);
    expect(await server.products()).toEqual([]);
  });

  it('afterCompletion is told the outcome, after the other hooks', async () => {
    const database = server.open();
    const seen: string[] = [];
    const register = (): void => {
      database.current.afterCompletion((outcome) => seen.push(outcome));
      database.current.commit(() => seen.push('commit'));
      database.current.compensate(() => seen.push('compensate'));
    };
    await database.transaction(register);
    await fails(database, async () => register());
    expect(seen).toEqual(['commit', 'committed', 'compensate', 'rolledBack']);
  });

  it('afterRollback and afterCompletion get the error that the caller gets', async () => {
    const database = server.open();
    const seen: unknown[] = [];
    const register = (): void => {
      afterRollback((error) => seen.push(error));
      database.current.compensate((error) => {
        seen.push(error);
        // One that is registered by a hook is told, too.
        database.current.compensate((again) => seen.push(again));
      });
      database.current.afterCompletion((outcome, error) => seen.push([outcome, error]));
      afterCompletion((outcome, error) => seen.push([outcome, error]));
    };
    await database.transaction(register);
    expect(seen.splice(0)).toEqual([
      ['committed', undefined],
      ['committed', undefined],
    ]);
    const thrown = await fails(database, async () => register());
    const told = [thrown, thrown, ['rolledBack', thrown], ['rolledBack', thrown], thrown];
    expect(seen.splice(0)).toEqual(told);
    const unexpected = await rejection(
      database.transaction(() => {
        register();
        setRollbackOnly();
      }),
    );
    expect(unexpected).toMatchObject({ code: 'UNEXPECTED_ROLLBACK' });
    expect(seen[0]).toBe(unexpected);
  });

  it('those of a savepoint scope get its error', async () => {
    const database = server.open();
    const seen: unknown[] = [];
    await database.transaction(async () => {
      const declined = await rejection(
        database.transaction(
          () => {
            afterRollback((error) => seen.push(error));
            afterCompletion((outcome, error) => seen.push(outcome, error));
            throw new Error('declined');
          },
          { propagation: 'NESTED' },
        ),
      );
      expect(seen).toEqual([declined, 'rolledBack', declined]);
    });
  });

  it('afterCompletion, by itself, runs at once without a transaction, and takes a function alone', () => {
    server.open();
    const seen: unknown[] = [];
    afterCompletion((outcome, error) => seen.push(outcome, error));
    expect(seen).toEqual(['committed', undefined]);
    for (const hook of [afterCompletion, afterRollback]) expect(() => hook('x' as never)).toThrow(InvalidOptionError);
  });
});

describe('hooks of a savepoint scope', () => {
  const nested = { propagation: 'NESTED' } as const;

  it('pass to the parent when it is released', async () => {
    const database = server.open();
    const seen: string[] = [];
    await database.transaction(async () => {
      await database.transaction(async () => {
        await insert(database, 1);
        afterCommit(() => seen.push('commit'));
      }, nested);
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['commit']);
  });

  it('are dropped when it is rolled back, and its compensations run then', async () => {
    const database = server.open();
    const seen: string[] = [];
    await database.transaction(async () => {
      await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          afterCommit(() => seen.push('never'));
          afterRollback(async () => {
            seen.push('compensated');
            await insert(database, 2);
          });
          throw new Error('declined');
        }, nested),
      );
      expect(seen).toEqual(['compensated']);
      await insert(database, 3);
    });
    expect(seen).toEqual(['compensated']);
    // The compensation ran inside the parent.
    expect(await server.products()).toEqual([2, 3]);
  });

  it('are silent when the outer transaction rolls back after its success, but compensations run', async () => {
    const database = server.open();
    const seen: string[] = [];
    await fails(database, async () => {
      await database.transaction(async () => {
        await insert(database, 1);
        afterCommit(() => seen.push('never'));
        afterRollback(() => seen.push('compensated'));
      }, nested);
    });
    expect(seen).toEqual(['compensated']);
  });

  it('report entering, release and rollback', async () => {
    const database = server.open();
    const seen: string[] = [];
    await database.transaction(async () => {
      database.current.transaction.observeSavepoints({
        entered: () => seen.push('entered'),
        released: () => seen.push('released'),
        rolledBack: () => seen.push('rolled back'),
      });
      await database.transaction(() => insert(database, 1), nested);
      await rejection(
        database.transaction(async () => {
          throw new Error('declined');
        }, nested),
      );
    });
    expect(seen).toEqual(['entered', 'released', 'entered', 'rolled back']);
  });
});

describe('hooks outside of a transaction', () => {
  it('commit runs at once, compensate is dropped', () => {
    const database = server.open();
    const seen: string[] = [];
    database.current.commit(() => seen.push('commit'));
    database.current.compensate(() => seen.push('never'));
    afterCommit(() => seen.push('free'));
    expect(seen).toEqual(['commit', 'free']);
  });

  it.each(['afterCommit', 'afterCompletion', 'beforeCommit'] as const)(
    'what %s throws itself is thrown at its caller, and is no event',
    async (kind) => {
      const database = server.open();
      const fail = (): never => {
        throw new Error('mail is down');
      };
      const events = await hookErrors(async () => {
        expect(() => database.current[kind](fail)).toThrow('mail is down');
        expect(() => ({ afterCommit, afterCompletion, beforeCommit })[kind](fail)).toThrow('mail is down');
        await new Promise((resolve) => setImmediate(resolve));
      });
      expect(events).toEqual([]);
    },
  );

  it('of several that throw, the first error is thrown and no other is lost', async () => {
    const database = server.open();
    const events = await hookErrors(async () => {
      const register = (): void =>
        database.current.afterCommit(() => {
          database.current.afterCommit(() => {
            throw new Error('the log is full');
          });
          throw new Error('mail is down');
        });
      expect(register).toThrow('mail is down');
    });
    expect(events).toMatchObject([{ hook: 'commit', transaction: undefined, error: { message: 'the log is full' } }]);
  });

  it('what one rejects with is an event and does not kill the process', async () => {
    const database = server.open();
    const events = await hookErrors(async () => {
      database.current.commit(() => Promise.reject(new Error('mail is down')));
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(events).toMatchObject([{ hook: 'commit', transaction: undefined, error: { message: 'mail is down' } }]);
  });

  it('without a subscriber it is a process warning', async () => {
    const database = server.open();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    database.current.commit(() => Promise.reject(new Error('mail is down')));
    await until('the warning comes', () => warnings.length > 0);
    process.off('warning', onWarning);
    expect(warnings[0]).toMatchObject({ name: 'SluiceHookWarning', cause: { message: 'mail is down' } });
  });
});

describe('hooks that throw', () => {
  it('a commit hook: the data stays, the others run, no compensation does, and the call rejects with it', async () => {
    const database = server.open();
    const seen: string[] = [];
    let error: Error | undefined;
    const events = await hookErrors(async () => {
      error = await rejection(
        database.transaction(async () => {
          await insert(database, 1);
          afterCommit(() => {
            throw new Error('mail is down');
          });
          afterCommit(() => seen.push('ran'));
          afterRollback(() => seen.push('never'));
          return 'order 7';
        }),
      );
    });
    expect(error).toBeInstanceOf(AfterCommitError);
    expect(error).toMatchObject({ committed: true, result: 'order 7', errors: [{ message: 'mail is down' }] });
    expect(events).toHaveLength(1);
    expect(seen).toEqual(['ran']);
    expect(await server.products()).toEqual([1]);
  });

  it('the result of the body stays out of what loggers print', async () => {
    const database = server.open();
    const error = await rejection(
      database.transaction(() => {
        afterCommit(() => {
          throw new Error('mail is down');
        });
        return { password: 'hunter2' };
      }),
    );
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(Object.keys(error)).not.toContain('result');
  });

  it('a compensation: the original error is thrown with the failure in "suppressed", and as an event', async () => {
    const database = server.open();
    const seen: string[] = [];
    const events = await hookErrors(async () => {
      const error = await fails(database, async () => {
        afterRollback(() => seen.push('ran'));
        afterRollback(() => {
          throw new Error('refund failed');
        });
      });
      expect(error).toMatchObject({ message: 'declined', suppressed: [{ message: 'refund failed' }] });
    });
    expect(events).toMatchObject([{ hook: 'compensate', error: { message: 'refund failed' } }]);
    expect(seen).toEqual(['ran']);
  });
});

describe('hooks that register hooks', () => {
  it('run them too, after themselves', async () => {
    const database = server.open();
    const seen: number[] = [];
    await database.transaction(() => {
      afterCommit(() => {
        seen.push(1);
        afterCommit(() => seen.push(3));
        database.current.compensate(() => seen.push(-1));
      });
      afterCommit(() => seen.push(2));
    });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('compensations register compensations', async () => {
    const database = server.open();
    const seen: number[] = [];
    await fails(database, async () => {
      afterRollback(() => {
        seen.push(1);
        afterRollback(() => seen.push(2));
      });
    });
    expect(seen).toEqual([1, 2]);
  });

  it('without end are a HookLimitError', async () => {
    const database = createDatabase({
      clients: { default: server.client() },
      hookLimit: 10,
    });
    let runs = 0;
    const again = (): void => {
      runs += 1;
      afterCommit(again);
    };
    const error = await rejection(database.transaction(() => afterCommit(again)));
    await database.close();
    expect(runs).toBe(11);
    expect(error).toMatchObject({ code: 'AFTER_COMMIT' });
    expect((error['errors'] as unknown[])[0]).toBeInstanceOf(HookLimitError);
  });

  it('by default 1,000 of them', async () => {
    const database = server.open();
    let runs = 0;
    const again = (): void => {
      runs += 1;
      afterCommit(again);
    };
    await rejection(database.transaction(() => afterCommit(again)));
    expect(runs).toBe(1_001);
  });

  it('any number registered by the body is fine', async () => {
    const database = server.open();
    let runs = 0;
    await database.transaction(() => {
      for (let index = 0; index < 3_000; index += 1) afterCommit(() => (runs += 1));
    });
    expect(runs).toBe(3_000);
  });
});
