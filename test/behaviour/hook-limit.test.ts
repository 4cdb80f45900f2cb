import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  afterCommit,
  afterRollback,
  beforeCommit,
  channelNames,
  type HookErrorEvent,
  HookLimitError,
} from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';

const server = useTestDatabase();

async function hookErrors(work: (events: readonly HookErrorEvent[]) => Promise<void>): Promise<void> {
  const events: HookErrorEvent[] = [];
  const onEvent = (message: unknown): void => void events.push(message as HookErrorEvent);
  subscribe(channelNames.hookError, onEvent);
  try {
    await work(events);
  } finally {
    unsubscribe(channelNames.hookError, onEvent);
  }
}

describe('a beforeCommit hook that registers itself', () => {
  it('rolls its transaction back with HOOK_LIMIT', async () => {
    const database = server.open({ max: 1, maxLevel: 0 }, { hookLimit: 10 });
    const seen: string[] = [];
    const again = (): void => {
      seen.push('again');
      // A test that fails ends all the same.
      if (seen.length < 100) beforeCommit(again);
    };
    const error = await rejection(
      database.transaction(
        async () => {
          await insert(database, 1);
          database.current.beforeCommit(again);
          afterRollback(() => seen.push('compensated'));
          afterCommit(() => seen.push('never'));
        },
        { name: 'checkout' },
      ),
    );
    expect(error).toBeInstanceOf(HookLimitError);
    expect(error).toMatchObject({ code: 'HOOK_LIMIT', chain: [{ transaction: 'checkout' }] });
    expect(error.message).toContain('"checkout"');
    expect(seen).toEqual([...Array.from({ length: 11 }, () => 'again'), 'compensated']);
    expect(await server.products()).toEqual([]);
  });

  it('leaves time to timers', async () => {
    const database = server.open({}, { hookLimit: 1_000_000 });
    let [fired, runs] = [false, 0];
    const again = async (): Promise<void> => {
      runs += 1;
      if (!fired && runs < 1_000_000) beforeCommit(again);
    };
    await database.transaction(() => {
      setTimeout(() => (fired = true), 1);
      beforeCommit(again);
    });
    expect(fired).toBe(true);
    expect(runs).toBeLessThan(1_000_000);
  });

  it('does so in a savepoint too, whose hooks become those of the transaction', async () => {
    const database = server.open({}, { hookLimit: 10 });
    let runs = 0;
    const again = (): void => {
      runs += 1;
      if (runs < 100) beforeCommit(again);
    };
    const error = await rejection(
      database.transaction(() =>
        database.transaction(async () => database.current.beforeCommit(again), { propagation: 'NESTED' }),
      ),
    );
    expect(error).toMatchObject({ code: 'HOOK_LIMIT' });
    expect(runs).toBe(11);
  });

  it('is none of those that a body registers, of which there may be any number', async () => {
    const database = server.open({}, { hookLimit: 10 });
    let runs = 0;
    await database.transaction(() => {
      for (let index = 0; index < 300; index += 1) beforeCommit(() => (runs += 1));
    });
    expect(runs).toBe(300);
  });
});

describe('hooks after the outcome that register themselves', () => {
  it('leave time to timers', async () => {
    const database = server.open({}, { hookLimit: 1_000_000 });
    let [fired, runs] = [false, 0];
    const again = async (): Promise<void> => {
      runs += 1;
      if (!fired && runs < 1_000_000) afterCommit(again);
    };
    await database.transaction(() => {
      setTimeout(() => (fired = true), 1);
      afterCommit(again);
    });
    expect(fired).toBe(true);
  });

  it('are bounded where they register a completion', async () => {
    const database = server.open({}, { hookLimit: 10 });
    let runs = 0;
    const again = (): void => {
      runs += 1;
      if (runs < 100_000) database.current.afterCompletion(again);
    };
    const error = await rejection(database.transaction(() => database.current.afterCompletion(again)));
    expect(error).toMatchObject({ code: 'AFTER_COMMIT', errors: [{ code: 'HOOK_LIMIT' }] });
    expect(runs).toBe(11);
  });
});

describe('outside of a transaction a hook that registers itself', () => {
  const kinds = ['commit', 'beforeCommit', 'afterCompletion'] as const;

  for (const kind of kinds) {
    it(`${kind}: ends with HOOK_LIMIT`, () => {
      const database = server.open({}, { hookLimit: 10 });
      let runs = 0;
      const again = (): void => {
        runs += 1;
        if (runs < 100_000) database.current[kind](again);
      };
      expect(() => database.current[kind](again)).toThrow(HookLimitError);
      expect(runs).toBe(11);
    });
  }

  for (const [name, register] of [
    ['afterCommit', afterCommit],
    ['beforeCommit', beforeCommit],
  ] as const) {
    it(`${name}: ends with HOOK_LIMIT after the 1,000 of the default`, () => {
      let runs = 0;
      const again = (): void => {
        runs += 1;
        if (runs < 100_000) register(again);
      };
      expect(() => register(again)).toThrow(HookLimitError);
      expect(runs).toBe(1_001);
    });
  }

  it('ends with it after an await too, and the event tells', async () => {
    const database = server.open({}, { hookLimit: 10 });
    let runs = 0;
    const again = async (): Promise<void> => {
      await Promise.resolve();
      runs += 1;
      if (runs < 10_000) database.current.commit(again);
    };
    await hookErrors(async (events) => {
      database.current.commit(again);
      await until('the limit is told of', () => events.length > 0);
      expect(events).toMatchObject([{ hook: 'commit', transaction: undefined, error: { code: 'HOOK_LIMIT' } }]);
    });
    expect(runs).toBe(11);
  });

  it('may go on from a timer, since the one before has ended', async () => {
    const database = server.open({}, { hookLimit: 10 });
    let runs = 0;
    const again = (): void => {
      runs += 1;
      if (runs < 50) setImmediate(() => database.current.commit(again));
    };
    database.current.commit(again);
    await until('it has gone on', () => runs === 50);
  });

  it('runs those that it registers after itself', () => {
    const seen: number[] = [];
    afterCommit(() => {
      afterCommit(() => seen.push(2));
      seen.push(1);
    });
    expect(seen).toEqual([1, 2]);
  });
});
