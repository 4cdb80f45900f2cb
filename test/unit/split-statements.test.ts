import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planOf } from '../../src/drivers/postgres/ambient-pool/library-text.ts';
import { splitStatements } from '../../src/drivers/postgres/ambient-pool/split-statements.ts';

/** Tokens in which a semicolon, or what begins or ends another token, does not count. */
const token = fc.oneof(
  fc.constantFrom(
    'select 1',
    "'a;b'",
    "'it''s; --'",
    String.raw`E'\';'`,
    '"na;me"',
    '"a"";b"',
    '$$; commit $$',
    '$tag$ $$; $tag$',
    '/* ; /* nested; */ */',
    '-- to the end; of the line\n',
    '$1',
    'a$b$c',
    '(',
    ')',
    "''",
  ),
);
const statement = fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => `x ${tokens.join(' ')}`);

describe('the splitting of texts', () => {
  it('finds the statements that were put together, whatever they hold', () => {
    fc.assert(
      fc.property(
        fc.array(statement, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(';', ' ; ', ';\n;'),
        (all, between) => {
          expect(splitStatements(all.join(between))).toEqual(all.map((each) => each.trim()));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['', []],
    [' ;; \n', []],
    ['-- nothing', []],
    ["select 'open", ["select 'open"]],
    ['select $tag$ open; more', ['select $tag$ open; more']],
    ['/* open; select 1', []],
  ])('takes %j as the server would', (text, expected) => {
    expect(splitStatements(text)).toEqual(expected);
  });
});

describe('what a library asks of its transaction', () => {
  it.each([
    ['BEGIN', { type: 'begin', characteristics: {} }],
    ['/* x */ begin work;', { type: 'begin', characteristics: {} }],
    ['START TRANSACTION', { type: 'begin', characteristics: {} }],
    [
      'begin isolation level repeatable read, read only, not deferrable',
      { type: 'begin', characteristics: { isolationLevel: 'REPEATABLE_READ', readOnly: true } },
    ],
    [
      'start transaction isolation level serializable read write',
      { type: 'begin', characteristics: { isolationLevel: 'SERIALIZABLE', readOnly: false } },
    ],
    [
      'set transaction isolation level read committed',
      { type: 'characteristics', characteristics: { isolationLevel: 'READ_COMMITTED' } },
    ],
    ['COMMIT TRANSACTION;', { type: 'commit' }],
    ['end', { type: 'commit' }],
    ['Rollback', { type: 'rollback' }],
    ['abort work', { type: 'rollback' }],
    ['SAVEPOINT Sp1', { type: 'savepoint', name: 'sp1' }],
    ['savepoint "A ""b"""', { type: 'savepoint', name: 'A "b"' }],
    ['release sp1', { type: 'release', name: 'sp1' }],
    ['RELEASE SAVEPOINT trx2;', { type: 'release', name: 'trx2' }],
    ['rollback to savepoint sp1', { type: 'rollbackTo', name: 'sp1' }],
    ['rollback work to sp1', { type: 'rollbackTo', name: 'sp1' }],
    ['select 1', undefined],
    ["select 'begin'", undefined],
  ])('reads %j', (text, expected) => {
    expect(planOf(text).control).toEqual(expected);
  });

  it.each([
    'commit and chain',
    'begin deferrable',
    "set transaction snapshot 'x'",
    "prepare transaction 'x'",
    'savepoint',
  ])('refuses %j with the reason', (text) => {
    expect(planOf(text).control).toMatchObject({ type: 'untranslatable' });
  });
});
