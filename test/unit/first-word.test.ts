import { expect, it } from 'vitest';
import { firstWord } from '../../src/driver/index.ts';

it.each([
  ['select 1', 'SELECT'],
  ['-- a note\n  /* another */ (select 1)', 'SELECT'],
  ['# as MySQL has it\ntruncate product', 'TRUNCATE'],
  ['/*!50000 commit */', 'COMMIT'],
  ['/*M!100000 savepoint a */', 'SAVEPOINT'],
  ['-- nothing else', ''],
  ['', ''],
])('the first word of %j is %j', (text, word) => expect(firstWord(text)).toBe(word));
