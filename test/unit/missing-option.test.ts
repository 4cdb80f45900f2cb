import { describe, expect, it } from 'vitest';
import { mysql } from '../../src/drivers/mysql/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';

/** The texts of the warnings that come of it. */
async function warningsOf(work: () => unknown): Promise<readonly string[]> {
  const texts: string[] = [];
  const note = (warning: Error & { code?: string }): void => {
    if (warning.code === 'SLUICE_PLACE_UNDEFINED') texts.push(warning.message);
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
