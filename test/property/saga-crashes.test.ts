// Random sagas over two databases whose processes die, freeze or lose a connection at any exchange with a server: each step takes
// effect once, and is undone once where the saga does not complete.
import { mkdtempSync, rmSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { channelNames, createDatabase, type Database } from '../../src/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createSagas, createSagaTables, defineSaga, type Saga, type SagaDefinition } from '../../src/saga/index.ts';
import { type Fate, MortalProcess } from '../support/mortal-client.ts';
import { until } from '../support/settled.ts';

const schedules = Number(process.env['SLUICE_SAGA_SCHEDULES'] ?? 300);

const folder = mkdtempSync(join(tmpdir(), 'sluice-sagas-'));
const names = ['home', 'away'] as const;
type Name = (typeof names)[number];
const files = { home: join(folder, 'home.db'), away: join(folder, 'away.db') };
const sides = { home: new DatabaseSync(files.home), away: new DatabaseSync(files.away) };
/** Never waits: the thread is that of the processes, too. */
const leases = new DatabaseSync(files.home, { timeout: 0 });
/** SQLITE_BUSY. */
const busy = 5;
afterAll(() => {
  for (const side of [...Object.values(sides), leases]) side.close();
  rmSync(folder, { recursive: true });
});

// What dies has much to report.
subscribe(channelNames.backgroundError, () => {});

function open(process: MortalProcess): Database<'default' | 'away'> {
  const client = (file: string): ReturnType<typeof sqlite> => process.client(sqlite({ file }));
  return createDatabase({
    clients: { default: client(files.home), away: client(files.away) },
    defaultClient: 'default',
  });
}

const first = open(new MortalProcess(undefined));
await createSagaTables(first.current);
await createSagaTables(first.getDb({ clientName: 'away' }));
for (const side of Object.values(sides)) {
  side.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = off');
  side.exec('create table ledger (number integer primary key, saga text, step text, act text)');
}
await first.close();

/** A part of a body. */
type Part =
  | { readonly type: 'step'; readonly client: Name; readonly isCaught: boolean }
  | { readonly type: 'failing'; readonly client: Name; readonly isCaught: boolean }
  | { readonly type: 'pair'; readonly clients: readonly [Name, Name]; readonly fails: boolean }
  | { readonly type: 'sleep' }
  | { readonly type: 'signal' }
  | { readonly type: 'child' };

const client = fc.constantFrom(...names);
const part: fc.Arbitrary<Part> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('step' as const), client, isCaught: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('failing' as const), client, isCaught: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('pair' as const),
      clients: fc.tuple(client, client),
      fails: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Part>({ type: 'sleep' }, { type: 'signal' }, { type: 'child' }) },
);
const fate: fc.Arbitrary<Fate> = fc.record({
  at: fc.nat(24),
  how: fc.constantFrom('before' as const, 'after' as const, 'frozen' as const, 'unanswered' as const),
});
const schedule = fc.record({
  parts: fc.array(part, { minLength: 1, maxLength: 5 }),
  fates: fc.array(fate, { minLength: 1, maxLength: 3 }),
  cancels: fc.constantFrom(false, false, false, true),
});

interface Row {
  readonly step: string;
  readonly act: 'do' | 'undo';
}

function ledger(name: Name, saga: string): Row[] {
  const rows = sides[name].prepare('select step, act from ledger where saga = ? order by number').all(saga);
  return rows as unknown as Row[];
}

/** The body that the parts describe, over the clients of a process. */
function bodyOf(parts: readonly Part[], database: Database<'default' | 'away'>, child: SagaDefinition<string, void>) {
  const write = async (client: Name, id: string, step: string, act: string): Promise<void> => {
    const db = database.getDb({ clientName: client === 'home' ? 'default' : 'away' });
    await db.query('insert into ledger (saga, step, act) values ($1, $2, $3)', [id, step, act]);
  };
  const step = (saga: Saga, client: Name, name: string, fails = false): Promise<string> =>
    saga.step(
      name,
      { clientName: client === 'home' ? 'default' : 'away' },
      async () => {
        await write(client, saga.id, name, 'do');
        if (fails) throw new Error(`${name} fails`);
        return name;
      },
      { compensate: (result) => write(client, saga.id, result, 'undo') },
    );
  return async (saga: Saga): Promise<void> => {
    for (const [at, each] of parts.entries()) {
      const name = `${at}`;
      if (each.type === 'pair') {
        const [one, other] = each.clients;
        await Promise.all([step(saga, one, `${name}a`), step(saga, other, `${name}b`, each.fails)]);
      } else if (each.type === 'sleep') await saga.sleep(name, 1);
      else if (each.type === 'signal') await saga.waitFor(name);
      else if (each.type === 'child') await saga.child(name, child, saga.id);
      else {
        const done = step(saga, each.client, name, each.type === 'failing');
        await (each.isCaught ? done.catch(() => undefined) : done);
      }
    }
  };
}

let sagas = 0;
let deaths = 0;

/** Runs a saga through processes that die, and one that does not, and looks at what is in the ledgers. */
async function simulate(parts: readonly Part[], fates: readonly Fate[], cancels: boolean): Promise<void> {
  const id = `s${(sagas += 1)}`;
  const frozen: { readonly mortal: MortalProcess; readonly ended: Promise<unknown> }[] = [];
  const opened: (() => Promise<unknown>)[] = [];
  const lost: Promise<void>[] = [];
  for (const fate of [...fates, undefined]) {
    const mortal = new MortalProcess(fate);
    const database = open(mortal);
    const child = defineSaga('child', async (saga, parent: string) => {
      const db = database.current;
      const write = (act: string) => () =>
        db
          .query('insert into ledger (saga, step, act) values ($1, $2, $3)', [parent, saga.id, act])
          .then(() => undefined);
      await saga.step('one', write('do'), { compensate: write('undo') });
    });
    const saga = defineSaga('simulated', bodyOf(parts, database, child));
    const control = createSagas(database, { sagas: { saga, child }, pollInterval: 10, retryDelay: 1, lease: 60_000 });
    // The connections of a dead one are closed, and what it waits for never comes.
    opened.push(async () => {
      if (mortal.isDead) {
        void control.stop({ timeout: 0 });
        return;
      }
      await control.stop({ timeout: 1_000 });
      await database.close({ timeout: 1_000 });
    });
    const ended = control.saga.run(undefined, { id }).then(
      () => 'completed',
      () => 'not completed',
    );
    const signals = Promise.all(
      parts.flatMap((each, at) =>
        each.type === 'signal' ? [signalled(() => control.saga.get(id).signal(`${at}`))] : [],
      ),
    );
    const done = Promise.all([ended, signals]).then(() => childrenEnd(id));
    // Nobody may know of a claim whose answer was lost.
    void mortal.lost.then(() => lost.push(endLeases(id)));
    const outcome = await Promise.race([done, mortal.died]);
    if (outcome === 'died') {
      deaths += 1;
      if (mortal.isFrozen) frozen.push({ mortal, ended });
      done.catch(() => {});
      await endLeases(id);
      if (cancels) await cancel(id);
    } else mortal.spare();
  }
  await Promise.all(lost);
  const before = JSON.stringify(names.map((name) => ledger(name, id)));
  for (const { mortal } of frozen) mortal.thaw();
  check(parts, id);
  await Promise.all(opened.map((close) => close()));
  // Who was frozen has found that it is not its saga any more.
  expect(JSON.stringify(names.map((name) => ledger(name, id)))).toBe(before);
}

/** A transaction of who lives on may keep it out, and could not end while this thread waited for it. */
async function endLeases(id: string): Promise<void> {
  const ended = leases.prepare('update sluice_saga set lease_until = 0 where id = ? or parent_id = ?');
  await until('leases have ended', () => {
    try {
      ended.run(id, id);
      return Promise.resolve(true);
    } catch (error) {
      if ((error as { readonly errcode?: number }).errcode === busy) return Promise.resolve(false);
      throw error;
    }
  });
}

/** A signal to a saga that may not be there yet, or has ended. */
async function signalled(give: () => Promise<void>): Promise<void> {
  await until('it was given', async () => {
    try {
      await give();
      return true;
    } catch (error) {
      return (error as { readonly code?: string }).code === 'SAGA_FINISHED';
    }
  });
}

async function cancel(id: string): Promise<void> {
  const database = open(new MortalProcess(undefined));
  const saga = defineSaga('simulated', () => {});
  const control = createSagas(database, { sagas: { saga } });
  await control.saga
    .get(id)
    .cancel()
    .catch((error: unknown) =>
      expect(error).toMatchObject({ code: expect.stringMatching(/NOT_FOUND|FINISHED/) as string }),
    );
  await control.stop();
  await database.close();
}

async function childrenEnd(id: string): Promise<void> {
  const count = sides.home.prepare('select count(*) as open from sluice_saga where parent_id = ? and ended_at is null');
  await until('its children have ended', () => Promise.resolve(Number(count.get(id)?.['open']) === 0));
}

function check(parts: readonly Part[], id: string): void {
  const stored = sides.home
    .prepare("select status, cancelled from sluice_saga where saga = 'simulated' and id = ?")
    .get(id);
  const fails = parts.some(
    (each) => (each.type === 'failing' && !each.isCaught) || (each.type === 'pair' && each.fails),
  );
  const status = String(stored?.['status']);
  if (stored?.['cancelled'] === 1) expect(status).toBe('cancelled');
  else expect(status).toBe(fails ? 'failed' : 'completed');
  const children = sides.home.prepare('select id, status from sluice_saga where parent_id = ?').all(id);
  for (const name of names) {
    const rows = ledger(name, id);
    const steps = new Set(rows.map(({ step }) => step));
    for (const step of steps) {
      const acts = rows.filter((row) => row.step === step).map(({ act }) => act);
      const of = step.includes('/') ? String(children.find((each) => each['id'] === step)?.['status']) : status;
      expect([step, ...acts]).toEqual(of === 'completed' ? [step, 'do'] : [step, 'do', 'undo']);
    }
    if (status === 'completed') expect([...steps].filter((step) => !step.includes('/'))).toEqual(expected(parts, name));
    // Undone backwards, as far as one follows the other.
    const undone = rows
      .filter(({ act, step }) => act === 'undo' && !step.includes('/'))
      .map(({ step }) => Number.parseInt(step, 10));
    expect(undone).toEqual(undone.toSorted((one, other) => other - one));
  }
}

/** The steps that a client has when the saga has completed. */
function expected(parts: readonly Part[], name: Name): unknown {
  const those = parts.flatMap((each, at) => {
    if (each.type === 'step') return each.client === name ? [`${at}`] : [];
    if (each.type !== 'pair') return [];
    return each.clients.flatMap((on, index) => (on === name ? [`${at}${'ab'[index]}`] : []));
  });
  return expect.toSatisfy((steps: string[]) => steps.toSorted().join() === those.toSorted().join());
}

describe('a saga whose processes die', () => {
  it(
    `takes effect once, or is undone: ${schedules} schedules`,
    { timeout: Math.max(600_000, 400 * schedules) },
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, ({ parts, fates, cancels }) => simulate(parts, fates, cancels)),
        { numRuns: schedules, endOnFailure: true },
      );
      // A simulation in which nobody dies proves nothing.
      expect(deaths).toBeGreaterThan(schedules / 2);
    },
  );
});
