// What is given for a handle, a database or options and is none, and what is said of it.
import pg from 'pg';
import { expect } from 'vitest';
import { ambientPool, postgres } from '../../src/drivers/postgres/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { mikroOrmTypes } from '../../src/integrations/mikro-orm/index.ts';

const revoked = Proxy.revocable({}, {});
revoked.revoke();
export const nonsense: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['a text', 'postgres://shop'],
  ['a symbol', Symbol('handle')],
  ['an empty object', {}],
  ['an array', []],
  ['a function', () => {}],
  ['a map', new Map()],
  ['a promise', Promise.resolve({})],
  ['a Proxy that was revoked', revoked.proxy],
  [
    'an object whose getters throw',
    new Proxy(
      {},
      {
        get() {
          throw new Error('hunter2');
        },
      },
    ),
  ],
];

export const invalid = { code: 'INVALID_OPTION', remedy: expect.stringMatching(/\w/) as string };
export const unknownClient = { code: 'UNKNOWN_CLIENT', remedy: expect.stringMatching(/\w/) as string };
/** The error that a call throws at once. */
export function thrown(call: () => unknown): Error & Record<string, unknown> {
  try {
    call();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('expected it to throw');
}

/** The pool of a database, as the library takes it. */
export const poolOf = (database: Database): pg.Pool =>
  ambientPool(database, undefined, { types: mikroOrmTypes(pg.types) });
export const unused = (): Database =>
  createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } });
export const held = (database: Database): number => {
  const stats = database.stats().clients['default'];
  return (stats?.used ?? 0) + (stats?.idle ?? 0);
};
