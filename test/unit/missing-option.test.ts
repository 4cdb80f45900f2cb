import { describe, expect, it } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { sluice as express } from '../../src/frameworks/express/index.ts';
import { sluice as fastify } from '../../src/frameworks/fastify/index.ts';
import { sluice as hono } from '../../src/frameworks/hono/index.ts';
import { RequestModule } from '../../src/frameworks/nestjs/index.ts';
import { createHttpContext } from '../../src/http/index.ts';
import { createContextCarrier, createDatabase } from '../../src/index.ts';

/** The texts of the warnings that come of it. */
async function warningsOf(work: () => unknown, code = 'SLUICE_PLACE_UNDEFINED'): Promise<readonly string[]> {
  const texts: string[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === code) texts.push(warning.message);
  };
  process.on('warning', note);
  work();
  // Warnings are told in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  return texts;
}

describe('an option for the place of the database that is undefined', () => {
  it.each([
    ['connectionString', /PostgreSQL at .+:\d+, database/, () => postgres({ connectionString: undefined })],
    ['uri', /MySQL or MariaDB at localhost:3306/, () => mysql({ uri: undefined })],
    ['file', /in memory/, () => sqlite({ file: undefined })],
  ])('%s: a warning says what is used in its place', async (name, place, define) => {
    const [text, ...others] = await warningsOf(define);
    expect(others).toEqual([]);
    expect(text).toContain(`"${name}"`);
    expect(text).toMatch(place);
  });

  it('says nothing where it was left out, or where another option tells the place', async () => {
    const define = (): unknown => [
      postgres(),
      postgres({}),
      mysql({}),
      sqlite({}),
      postgres({ connectionString: undefined, host: 'db.example' }),
      mysql({ uri: undefined, host: 'db.example' }),
      mysql({ uri: undefined, socketPath: '/run/mysqld/mysqld.sock' }),
      sqlite({ file: ':memory:' }),
    ];
    expect(await warningsOf(define)).toEqual([]);
  });
});

describe('a secret that is undefined', () => {
  const database = createDatabase({ clients: { default: sqlite() } });
  const settings = { secret: undefined };

  it.each([
    ['createContextCarrier', () => createContextCarrier(database, settings)],
    ['createHttpContext', () => createHttpContext(database, settings)],
    ['createHttpContext', () => fastify(database, settings)],
    ['createHttpContext', () => express(database, settings)],
    ['createHttpContext', () => hono(database, settings)],
    ['RequestModule.forRoot', () => RequestModule.forRoot(settings)],
  ])('%s: a warning says so, once', async (owner, define) => {
    const texts = await warningsOf(define, 'SLUICE_SECRET_UNDEFINED');
    expect(texts).toHaveLength(1);
    expect(texts[0]).toContain(`${owner} got undefined for the option "secret"`);
  });

  it('says nothing where it was left out or is there', async () => {
    const secret = 'a secret of sixteen characters';
    const define = (): unknown => [
      createContextCarrier(database),
      createContextCarrier(database, { secret }),
      fastify(database, {}),
      fastify(database, { secret }),
      RequestModule.forRoot({ timeout: 1_000 }),
      RequestModule.forRoot({ secret }),
    ];
    expect(await warningsOf(define, 'SLUICE_SECRET_UNDEFINED')).toEqual([]);
  });
});

describe('what a connection string and an option of postgres() both say', () => {
  const connectionString = 'postgres://shop:hunter2@db.example:5433/shop';

  it.each([
    ['database', { database: 'b' }],
    ['host', { host: 'elsewhere.example' }],
    ['port', { port: 5432 }],
    ['user', { user: 'audit' }],
    ['password', { password: 'elsewhere' }],
  ])('differently is refused, without the values: %s', (name, options) => {
    let message = '';
    try {
      postgres({ connectionString, ...options });
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(`postgres got two values for "${name}"`);
    expect(message).not.toMatch(/hunter2|elsewhere|example/);
  });

  it('alike, or by one of them alone, is taken', () => {
    postgres({ connectionString, host: 'db.example', port: 5433, database: 'shop', user: 'shop' });
    postgres({ connectionString, password: () => 'of the moment' });
    postgres({ connectionString: 'postgres://db.example', port: 5433, database: 'b', user: 'shop' });
  });
});
