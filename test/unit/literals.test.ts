import { describe, expect, it } from 'vitest';
import { withoutLiterals } from '../../src/driver/index.ts';

describe('a statement without its literals', () => {
  it.each([
    [
      'strings',
      "update card set pan = '4111', note = 'it''s' where id = $1",
      'update card set pan = ?, note = ? where id = $1',
    ],
    [
      'numbers',
      'update card set cvc = 123, fee = 1.5e3 where id2 = 7',
      'update card set cvc = ?, fee = ? where id2 = ?',
    ],
    ['placeholders stay', 'select $1, $12, ?', 'select $1, $12, ?'],
    ['dollar quotes', "select $$it's$$, $a$x $$ y$a$, 'z'", 'select ?, ?, ?'],
    ['quoted names stay', `update "card" set "my ""pan" = '4111'`, `update "card" set "my ""pan" = ?`],
    ['comments', "select 1 -- it's\n, '4111' /* don't */ from card", 'select ?  \n, ?   from card'],
    ['a string without an end', "select 'secret", 'select ?'],
    ['a comment without an end', "select a /* 'secret", 'select a'],
  ])('%s', (_what, text, masked) => {
    expect(withoutLiterals(text, '"')).toBe(masked);
  });

  it('a hash begins a comment where names are in backticks, and is an operator elsewhere', () => {
    expect(withoutLiterals('select 1 # secret\nfrom `a#b`', '`')).toBe('select ?  \nfrom `a#b`');
    expect(withoutLiterals('select a # b', '"')).toBe('select a # b');
  });

  it.each([
    ['set application_name = secret', 'set application_name = ?'],
    ['SET LOCAL app.tenant TO secret', 'SET LOCAL app.tenant TO ?'],
    ["set @a = 1, sql_mode = 'x', b := secret", 'set @a = ?, sql_mode = ?, b := ?'],
    ['set transaction isolation level serializable', 'set transaction isolation level serializable'],
    ['update a set b = c where to = d', 'update a set b = c where to = d'],
  ])('what SET gives needs no quotes: %s', (text, masked) => {
    expect(withoutLiterals(text, '`')).toBe(masked);
  });

  it('double quotes are strings where names have others', () => {
    expect(withoutLiterals('update `card` set `pan` = "4111"', '`')).toBe('update `card` set `pan` = ?');
  });

  it.each([
    [String.raw`select 'it\'s', 'secret'`],
    [String.raw`select 'a\', 'secret'`],
    [String.raw`select "a\"", "secret"`],
  ])('says nothing of what follows where a backslash may hide the end of a string: %s', (text) => {
    expect(withoutLiterals(text, '`')).toBe('select…');
  });
});
