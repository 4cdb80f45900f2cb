import { describe, expect, it } from 'vitest';
import { inspectText } from '../../src/drivers/postgres/sql/inspect.ts';

describe('what a text does', () => {
  it.each([
    'select 1',
    '  (select 1) union (select 2)',
    '/* hint */ SELECT 1',
    '-- note\nselect 1',
    'table product',
    'values (1)',
    'show all',
    'with a as (select 1) select * from a',
    'select * from product for update',
    'select * from product for no key update',
    'explain select 1',
  ])('%s reads', (text) => expect(inspectText(text)).toBe('read'));

  it.each([
    'insert into product values (1)',
    'update product set id = 2',
    'delete from product',
    'with a as (insert into product values (1) returning id) select * from a',
    "select nextval('s')",
    'select 1 into copied',
    'create table a ()',
    'call p()',
    'do $$ begin end $$',
    'explain analyze delete from product',
    'commit prepared $$x$$',
  ])('%s may write', (text) => expect(inspectText(text)).toBe('write'));

  it.each([
    'begin',
    'START  TRANSACTION',
    'commit',
    'rollback to savepoint a',
    'end',
    'set transaction read only',
    '/* /* nested */ still a comment */ commit',
    '/**//*/**/*/ -- a line\r commit',
    '; commit',
    ' ;; /* a */ ; rollback',
    '--x\rcommit',
    '(commit',
  ])('%s controls', (text) => expect(inspectText(text)).toBe('control'));

  it.each(['/* /* */ commit', '-- commit', '/* commit */ select 1'])('%s does nothing of the kind', (text) =>
    expect(inspectText(text)).not.toBe('control'),
  );

  it.each(['beginning', 'select commit from product', 'endpoint', 'start'])('%s does not control', (text) =>
    expect(inspectText(text)).not.toBe('control'),
  );
});
