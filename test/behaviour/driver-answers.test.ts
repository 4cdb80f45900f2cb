import { beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, type Database, SluiceError, statement } from '../../src/index.ts';
import type { ClientDefinition, DriverConnection, Exchange, Step } from '../../src/ports/driver/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { rejection, until } from '../support/settled.ts';

type Answer = (answer: Exchange, steps: readonly Step[]) => unknown;

/** A driver of an outsider: SQLite's, with answers of its own to some exchanges. */
function broken(answer: () => Answer | undefined): { definition: ClientDefinition; destroyed: () => number } {
  let destroyed = 0;
  const { driver, ...rest } = sqlite();
  const wrapped = (connection: DriverConnection): DriverConnection => ({
    backend: connection.backend,
    get status() {
      return connection.status;
    },
    async run(steps) {
      const change = answer();
      const sound = await connection.run(steps);
      return (change === undefined ? sound : change(sound, steps)) as Exchange;
    },
    cancel: () => connection.cancel(),
    onDeath: (callback) => connection.onDeath(callback),
    close: () => connection.close(),
    destroy() {
      destroyed += 1;
      return connection.destroy();
    },
  });
  const connect = async (signal: AbortSignal): Promise<DriverConnection> => wrapped(await driver.connect(signal));
  const definition = { ...rest, driver: { ...driver, connect } };
  return { definition, destroyed: () => destroyed };
}

const faults: readonly [name: string, answer: Answer, says: RegExp][] = [
  ['nothing', () => undefined, /nothing instead of an exchange/],
  ['a text', () => 'done', /instead of an exchange/],
  [
    'too many steps',
    (sound, steps) => ({ ...sound, completed: steps.length + 1 }),
    /"completed" that is no number of steps/,
  ],
  ['a count below 0', (sound) => ({ ...sound, completed: -1 }), /"completed" that is no number of steps/],
  ['too few steps and no failure', (sound) => ({ ...sound, completed: 0 }), /0 completed and no failure/],
  ['results that are no array', (sound) => ({ ...sound, results: {} }), /"results" that is no array/],
  ['a result too many', (sound) => ({ ...sound, results: [...sound.results, {}] }), /results for \d statements/],
  ['an unknown outcome', (sound) => ({ ...sound, ended: 'maybe' }), /"ended" that is neither/],
  [
    'a failure of an unknown kind',
    (sound) => ({ ...sound, failure: { kind: 'hunter2', error: new Error('no') } }),
    /known "kind"/,
  ],
  [
    'a failure without an error',
    (sound) => ({ ...sound, failure: { kind: 'statement' } }),
    /"failure" without an "error"/,
  ],
];

describe.each(faults)('a driver that answers with %s', (_name, answer, says) => {
  let database: Database<'default'>;
  let isBroken: boolean;
  let destroyed: () => number;
  beforeEach(async () => {
    isBroken = false;
    const made = broken(() => (isBroken ? answer : undefined));
    ({ destroyed } = made);
    database = createDatabase({ clients: { default: made.definition } });
    return async () => {
      isBroken = false;
      await database.close();
    };
  });

  const ways: readonly [string, (breaking: () => void) => Promise<unknown>][] = [
    [
      'a statement by itself',
      (breaking) => {
        breaking();
        return database.query('select 1');
      },
    ],
    [
      'a statement in a transaction',
      (breaking) =>
        database.transaction(async () => {
          await database.query('select 1');
          breaking();
          await database.query('select 2');
        }),
    ],
    [
      'a batch',
      (breaking) => {
        breaking();
        return database.batch([statement('select 1'), statement('select 2')]);
      },
    ],
    [
      'a commit',
      (breaking) =>
        database.transaction(async () => {
          await database.query('select 1');
          breaking();
        }),
    ],
  ];
  it.each(ways)('%s fails with what a driver must do, and its connection is destroyed', async (_way, run) => {
    const error = await rejection(run(() => (isBroken = true)));
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(?:CONNECTION_LOST|COMMIT_UNKNOWN)$/) as string });
    const { cause } = error;
    expect(cause).toMatchObject({ code: 'DRIVER_ANSWER', clientName: 'default', level: 0 });
    expect((cause as Error).message).toMatch(says);
    expect((cause as Error).message).toMatch(/The driver "sqlite" of client "default" .*docs\/extending\.md/);
    expect((cause as Error).message).not.toContain('hunter2');
    await until('it is destroyed', () => destroyed() === 1);
    expect(database.stats().clients.default).toMatchObject({ idle: 0, used: 0 });
  });
});
