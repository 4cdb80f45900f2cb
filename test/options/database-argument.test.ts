import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app/index.ts';
import { createCache, createChangesRelay } from '../../src/cache/index.ts';
import { createContextCarrier, type Database, InvalidOptionError } from '../../src/index.ts';
import { createHttpContext } from '../../src/http/index.ts';
import { joinFleet, startInspector } from '../../src/inspector/index.ts';
import { createModel } from '../../src/model/index.ts';
import { createEvents } from '../../src/events/index.ts';
import { createOutbox, createRelay } from '../../src/outbox/index.ts';
import { createJobs } from '../../src/queue/index.ts';
import { createSagas, defineSaga } from '../../src/saga/index.ts';
import { rejection } from '../support/settled.ts';
import { broker } from './broker-rows.ts';
import { invoice, nothing, type Place, place, shared } from './row.ts';
import { revoked } from './values.ts';

const done = (): Promise<void> => Promise.resolve();
const bus = { longestMessage: 1_000, open: () => {}, publish: done, close: done };

/** Functions that are called as `name(database, options)`, with the options of a good call. */
const functions = [
  [createApp, {}],
  [createCache, { name: 'stock', store: shared }],
  [createChangesRelay, { store: shared }],
  [createEvents, {}],
  [createHttpContext, {}],
  [createJobs, { queues: { invoice } }],
  [createModel, { table: 'post', key: 'id' }],
  [createContextCarrier, {}],
  [createOutbox, { broker }],
  [createRelay, { channel: 'broker', deliver: nothing }],
  [createSagas, { sagas: { order: defineSaga('order', () => 1) } }],
  [joinFleet, { fleet: bus }],
] as unknown as readonly (readonly [(database: unknown, options?: unknown) => unknown, object])[];

let here: Place;
beforeEach(() => {
  here = place();
});
afterEach(async () => {
  await here.jobs.close({ timeout: 0 });
  await Promise.all([here.database.close({ timeout: 0 }), here.far.close({ timeout: 0 })]);
});

function refusal(call: () => unknown): InvalidOptionError {
  try {
    call();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

describe.each(functions.map(([call, options]) => [call.name, call, options] as const))('%s', (name, call, options) => {
  it('takes the database first and its options after it', () => {
    expect(call(here.database, options)).toBeTypeOf('object');
  });

  it('refuses options that hold the database, and shows the call', () => {
    for (const old of [
      { ...options, database: here.database },
      { database: undefined },
      { database: {} as Database },
    ]) {
      expect(refusal(() => call(old))).toMatchObject({
        message: expect.stringContaining(`${name} got an object with "database" as its first argument`),
        remedy: `Write ${name}(database, options): the database first, the other options after it`,
      });
    }
    expect(refusal(() => call(here.database, { ...options, database: here.database })).message).toContain(
      'has no option "database"',
    );
  });

  it('refuses no database', () => {
    for (const [given, shown] of [
      [undefined, 'undefined'],
      [null, 'null'],
      ['shop', 'a string'],
      [call, 'a value of type function'],
    ]) {
      expect(refusal(() => call(given, options))).toMatchObject({
        message: expect.stringContaining(`${name} got ${String(shown)} as its first argument, which is the database`),
        remedy: `Write ${name}(database, options), with what createDatabase() returned`,
      });
    }
    for (const given of [{}, [], here.database.current, revoked(), new Proxy(here.database, {})])
      refusal(() => call(given, options));
  });
});

it('startInspector rejects what is no database, in a list too', async () => {
  for (const given of [undefined, {}, [], [here.database, {}], { database: here.database }]) {
    expect(await rejection(startInspector(given as Database))).toMatchObject({ code: 'INVALID_OPTION' });
  }
  await (await startInspector([here.database, here.far])).close();
});

it('no options hold the database, and every function that is given one takes it first', () => {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.startsWith('cli'),
  );
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
  const holders = texts.flatMap((text) =>
    [...text.matchAll(/^export interface (\w*Options)\b[^{]*\{([\s\S]*?)^\}/gm)]
      .filter(([, , body = '']) => /^ {2}(?:readonly )?database\??: Database/m.test(body))
      .map(([, name]) => name),
  );
  expect(holders).toEqual([]);
  const takers = texts.flatMap((text) =>
    [
      ...text.matchAll(/^export function (create[A-Z]\w+|joinFleet)[^(]*\(\s*database: Database(?:,| \| readonly)/gm),
    ].map(([, name]) => name),
  );
  const known = new Set(functions.map(([call]) => call.name));
  // The one is not exported; the other one is called without a database, too.
  const others = ['createAmbientPool', 'createDataSource'];
  expect(new Set(takers)).toEqual(new Set([...known, ...others]));
});
