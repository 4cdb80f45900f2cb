import { randomUUID } from 'node:crypto';
import { createSagas, defineSaga, forgetEndedSagas, listSagas, type Saga, sagaCounts } from '../../src/saga/index.ts';
import { noRecords } from '../../src/saga/records.ts';
import { SagaRun } from '../../src/saga/run.ts';
import { claimOf } from '../../src/saga/store.ts';
import { isolation, nothing, type Place, type Row } from './row.ts';
import {
  bytes,
  called,
  type Domain,
  either,
  emptyList,
  emptyObject,
  line,
  milliseconds,
  only,
  some,
  timer,
  truth,
  whole,
  words,
} from './values.ts';

const it = defineSaga('order', () => 1);
const sagasOf = ({ database }: Place) => createSagas(database, { sagas: { it } });

/** What a call comes to that waits for ever where it is taken. */
async function untilStopped(
  place: Place,
  wait: (sagas: ReturnType<typeof sagasOf>) => Promise<unknown>,
): Promise<void> {
  const sagas = sagasOf(place);
  const waited = wait(sagas);
  waited.catch(() => {});
  await sagas.stop({ timeout: 0 });
  await waited;
}

/** Runs a body without its tables, up to its first step. @throws what it throws */
async function play({ database }: Place, body: (saga: Saga, leave: () => void) => unknown): Promise<void> {
  const parent = undefined;
  const saga = { saga: 'order', id: randomUUID(), definition: 'order@1', input: null, context: '{}', seed: '', parent };
  const run: SagaRun = new SagaRun(claimOf({ ...saga, createdAt: 0 }), {
    home: 'default',
    maxPayload: 1_000,
    getDb: (clientName) => database.getDb({ clientName: clientName as 'default' }),
    assertKnown: () => {},
    patience: 1_000,
    startChild: nothing,
  });
  const leave = (): void => void run.replay.leave(new Error('it was taken'));
  const played = await run.play((given) => body(given, leave), noRecords(0));
  if (played.type === 'threw') throw played.error;
}

const thousandYears = 1_000 * 365 * 86_400_000;
const duration: Domain = {
  good: [1_000, '90 seconds', '2 days', '1.5 hours'],
  accepts: (value) => typeof value === 'number' && value >= 0 && value <= thousandYears,
  range: { low: 0, high: thousandYears, unit: 'milliseconds' },
};
const resultOptions = {
  timeout: milliseconds(1, timer, 5_000),
  signal: some(new AbortController().signal),
};
const id = line(200, 'a');

export const sagaRows: readonly Row[] = [
  {
    interface: 'SagasOptions',
    entrance: 'createSagas',
    call: (options, { database }) => createSagas(database, options),
    base: () => ({ sagas: { it } }),
    codes: ['UNKNOWN_CLIENT'],
    options: {
      sagas: either(some({ it }), emptyObject),
      clientName: only('default'),
      concurrency: whole(1, 10_000),
      pollInterval: milliseconds(10, timer),
      lease: milliseconds(100, timer),
      attempts: whole(1, 1_000),
      retryDelay: milliseconds(1, timer),
      maxPayload: bytes(1, 256 * 1024 * 1024),
    },
  },
  {
    interface: 'SagaDefinitionOptions',
    entrance: 'defineSaga',
    call: (options) => defineSaga('order', () => 1, options),
    base: () => ({ version: 2 }),
    options: { version: whole(1, 1_000_000, 2), earlier: either(some([it]), emptyList) },
  },
  {
    interface: 'SagaStartOptions',
    entrance: 'start',
    call: (options, place) => sagasOf(place).it.start(undefined, options),
    options: { id },
  },
  {
    interface: 'SagaRunOptions',
    entrance: 'run',
    call: (options, place) => untilStopped(place, (sagas) => sagas.it.run(undefined, options)),
    options: { id, ...resultOptions },
  },
  {
    interface: 'ResultOptions',
    entrance: 'result',
    call: (options, place) => untilStopped(place, (sagas) => sagas.it.get('a').result(options)),
    options: resultOptions,
  },
  {
    interface: 'SagasStopOptions',
    entrance: 'stop',
    call: (options, place) => sagasOf(place).stop(options),
    options: { timeout: milliseconds(0, timer) },
  },
  {
    interface: 'StepOptions',
    entrance: 'step',
    call: (options, place) => play(place, (saga, leave) => saga.step('one', options, leave)),
    codes: ['SAGA_STEP_FAILED'],
    options: {
      clientName: only('default'),
      transactional: truth,
      isolationLevel: isolation,
      timeout: milliseconds(1, timer, 5_000),
      retry: some({ attempts: 2 }),
      attempts: whole(1, 1_000),
      retryDelay: milliseconds(1, timer),
    },
  },
  {
    interface: 'Compensation',
    entrance: 'step',
    call: (undo, place) => play(place, (saga, leave) => saga.step('one', leave, undo)),
    options: { compensate: called() },
  },
  {
    interface: 'WaitForOptions',
    entrance: 'waitFor',
    call: (options, place) => play(place, (saga) => saga.waitFor('approval', options)),
    options: { timeout: duration },
  },
  {
    interface: 'ForgetSagasOptions',
    entrance: 'forgetEndedSagas',
    call: (options, { database }) => forgetEndedSagas(database, options),
    base: () => ({ olderThan: '30 days' }),
    codes: ['UNKNOWN_CLIENT'],
    options: { olderThan: duration, clientName: only('default'), limit: whole(1, 10_000) },
  },
  {
    interface: 'SagaCountsOptions',
    entrance: 'sagaCounts',
    call: (options, { database }) => sagaCounts(database.current, options),
    options: { unfinished: whole(1, 100_000_000), ended: whole(1, 100_000_000) },
  },
  {
    interface: 'SagaListOptions',
    entrance: 'listSagas',
    call: (options, { database }) => listSagas(database.current, options),
    options: {
      saga: words(100),
      status: only('running', 'waiting', 'compensating', 'completed', 'failed', 'cancelled', 'stuck'),
      limit: whole(1, 1_000),
      cursor: some('5'),
    },
  },
];
