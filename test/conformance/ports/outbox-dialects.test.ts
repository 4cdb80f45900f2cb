import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase } from '../../../src/index.ts';
import {
  type OutboxAdministration,
  type OutboxDialect,
  outboxTablesSql,
  registerOutboxDialect,
} from '../../../src/outbox/index.ts';
import { mysqlOutbox } from '../../../src/drivers/mysql/dialect/outbox.ts';
import { postgresOutbox } from '../../../src/drivers/postgres/dialect/outbox.ts';
import { sqliteOutbox } from '../../../src/drivers/sqlite/dialect/outbox.ts';
import { sqlite } from '../../../src/drivers/sqlite/index.ts';
import { outboxDialectSuite, register } from '../../../src/testing/conformance/index.ts';
import type { Engine } from '../../support/engines/engine.ts';
import { mariadbEngine } from '../../support/engines/mariadb.ts';
import { postgresEngine } from '../../support/engines/postgres.ts';
import { describeWith } from '../../support/servers.ts';
import { expectFound, failuresOf } from './negative-controls.ts';

function suiteOf(engine: Engine, dialect: OutboxDialect): ReturnType<typeof outboxDialectSuite> {
  const server = engine.server();
  beforeAll(() => server.start());
  afterAll(() => server.drop());
  return outboxDialectSuite({
    name: engine.name,
    timeout: 20_000,
    dialect,
    async make() {
      for (const table of ['sluice_outbox', 'sluice_inbox']) await server.sql(`drop table if exists ${table}`);
      return createDatabase({ clients: { default: server.client() } });
    },
  });
}

const sqliteSuite = (dialect: OutboxDialect): ReturnType<typeof outboxDialectSuite> =>
  outboxDialectSuite({
    name: 'sqlite',
    timeout: 3_000,
    dialect,
    make: () => createDatabase({ clients: { default: sqlite() } }),
  });

describe('PostgreSQL', () => register(suiteOf(postgresEngine, postgresOutbox), { describe, it }));
await describeWith('MariaDB', 'MariaDB', () => register(suiteOf(mariadbEngine, mysqlOutbox), { describe, it }));
describe('SQLite', () => register(sqliteSuite(sqliteOutbox), { describe, it }));

describe('a broken outbox dialect', () => {
  function withAdministration(change: Partial<OutboxAdministration>): Partial<OutboxDialect> {
    const { administration } = sqliteOutbox;
    return administration === undefined ? {} : { administration: { ...administration, ...change } };
  }

  it('is not found where nothing is broken', async () => {
    expect([...(await failuresOf(sqliteSuite({ ...sqliteOutbox })))]).toEqual([]);
  });

  it.each<[name: string, message: RegExp, breaking: Partial<OutboxDialect>]>([
    [
      'makes its tables, also where they are already',
      /already exists/,
      { create: sqliteOutbox.create.map((text) => text.replace('if not exists ', '')) },
    ],
    [
      'claims messages as they were added, in their order',
      /the messages: expected \[ 'a', 'b', 'c' \]/,
      { claim: async (db, channel, limit) => (await sqliteOutbox.claim(db, channel, limit)).toReversed() },
    ],
    [
      'gives what is claimed to one relay, and back when it was not handed over',
      /what a second relay claims: expected \[ 'b' \], found \[ 'a', 'b' \]/,
      {
        async claim(db, channel, limit) {
          const rows = await sqliteOutbox.claim(db, channel, limit);
          const { text, values } = sqliteOutbox.giveBack?.(rows.map(({ id }) => id)) ?? { text: 'select 1' };
          await db.query(text, values);
          return rows;
        },
      },
    ],
    [
      'gives what is claimed to one relay, and back when it was not handed over',
      /the messages that are due afterwards: expected \[ 'a', 'b' \], found \[\]/,
      { giveBack: () => ({ text: 'select 1' }) },
    ],
    [
      'claims the messages of a channel alone, and no more than were asked for',
      /the messages: expected \[ 'b', 'c' \], found \[ 'b', 'c', 'd' \]/,
      { claim: (db, channel) => sqliteOutbox.claim(db, channel, 100) },
    ],
    [
      'holds a message back that has failed, and those behind it with the same queue and key',
      /the messages that are due: expected/,
      { fail: (id, error, _pause, most) => sqliteOutbox.fail(id, error, 0, most) },
    ],
    [
      'parks a message that has failed too often, and lets those behind it go on',
      /the messages that are due: expected \[ 'b' \], found \[\]/,
      { fail: (id, error, pause) => sqliteOutbox.fail(id, error, pause, 1_000) },
    ],
    [
      'replays parked messages, those that are named or all',
      /after one was named: expected \[ 'b' \], found \[ 'a', 'b', 'c' \]/,
      { replay: (channel) => sqliteOutbox.replay(channel, undefined) },
    ],
    [
      'refuses to record a message that a consumer has handled before',
      /recording it again is rejected/,
      {
        record: (...args) => {
          const { text, values } = sqliteOutbox.record(...args);
          return { text: text.replace('insert', 'insert or ignore'), values };
        },
      },
    ],
    [
      'forgets what was recorded longer ago than it is told, and nothing else',
      /what is left: expected \[ 'new' \], found \[\]/,
      { forget: () => sqliteOutbox.forget(-1_000) },
    ],
    [
      'tells the error of a missing table from others',
      /the answer for another error: expected false, found true/,
      { isMissingTable: () => true },
    ],
    [
      'replays the oldest parked messages, no more than it is told',
      /those that are due: expected \[ 'a', 'b' \], found \[ 'a', 'b', 'c' \]/,
      withAdministration({ replay: (channel) => sqliteOutbox.replay(channel, undefined) }),
    ],
    [
      'discards parked messages that are named, and none that wait',
      /the parked ones before: expected \[ 'a', 'b' \], found \[\]/,
      withAdministration({ discard: (_channel, numbers) => sqliteOutbox.remove(numbers) }),
    ],
    [
      'counts the messages of each channel, and says how long the oldest has waited',
      /the counts: expected/,
      withAdministration({
        counts: () => ({
          text: 'select channel, count(*) as waiting, 0 as parked, 0 as lag from sluice_outbox group by channel',
        }),
      }),
    ],
  ])('is found by: %s', async (name, message, breaking) => {
    await expectFound(sqliteSuite({ ...sqliteOutbox, ...breaking }), name, message);
  });
});

describe('registerOutboxDialect', () => {
  it('gives an engine an outbox, once', () => {
    registerOutboxDialect('toy', sqliteOutbox);
    registerOutboxDialect('toy', sqliteOutbox);
    expect(outboxTablesSql('toy')).toBe(outboxTablesSql('sqlite'));
    const refused = { code: 'INVALID_OPTION', message: expect.stringContaining('second outbox') as string };
    expect(() => registerOutboxDialect('toy', { ...sqliteOutbox })).toThrow(expect.objectContaining(refused));
    expect(() => registerOutboxDialect('postgres', sqliteOutbox)).toThrow(expect.objectContaining(refused));
  });

  it.each([
    ['no name', '', sqliteOutbox],
    ['no dialect', 'other', undefined],
    ['a dialect without a method', 'other', { ...sqliteOutbox, claim: undefined }],
  ])('refuses %s', (_what, name, dialect) => {
    expect(() => registerOutboxDialect(name, dialect as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    );
    expect(() => outboxTablesSql('other')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
  });
});
