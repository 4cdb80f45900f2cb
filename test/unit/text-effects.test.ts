import { describe, expect, it } from 'vitest';
import { effectsOf } from '../../src/drivers/postgres/prepared/text-effects.ts';

const [searchPath, role, both] = [1, 2, 3];

describe('what a text does to prepared statements', () => {
  it.each([
    'select 1',
    'select search_path from setting',
    'insert into dropped values (1)',
    "set local statement_timeout = '1s'",
    'set search_path_of_shop = 1',
    "select set_config('app.tenant', $1, true)",
    "select my_set_config('search_path', $1)",
    'reset statement_timeout',
    'discard plans',
    'deallocate one',
    'update product set role = 1',
    'truncate product',
  ])('nothing: %s', (text) => {
    expect(effectsOf(text)).toBeUndefined();
  });

  it.each([
    'alter table product add name text',
    '-- next\n/* one */ CREATE type color as enum ()',
    'drop table product',
    'do $$ begin end $$',
  ])('changes the schema: %s', (text) => {
    expect(effectsOf(text)).toMatchObject({ changesSchema: true, dropsAll: false, settings: 0 });
  });

  it.each(['deallocate all', 'DEALLOCATE PREPARE ALL', ' discard all'])('drops all: %s', (text) => {
    expect(effectsOf(text)).toMatchObject({ changesSchema: false, dropsAll: true });
  });

  it.each([
    ['set local search_path to north', searchPath, 'transaction'],
    ['set search_path = north, south', searchPath, 'session'],
    ['SET SESSION "search_path" TO north', searchPath, 'session'],
    ["set schema 'north'", searchPath, 'session'],
    ["set local schema 'north'", searchPath, 'transaction'],
    ['set role clerk', role, 'session'],
    ['set local role clerk', role, 'transaction'],
    ['set session authorization clerk', role, 'session'],
    ['set local session authorization clerk', role, 'transaction'],
    ["select set_config('search_path', $1, true)", searchPath, 'transaction'],
    ["select set_config('app.tenant', $1, true), set_config( 'search_path' , $1, false)", searchPath, 'session'],
    ["select set_config('Role', $1, 't')", role, 'transaction'],
    ['select set_config($1, $2, $3)', both, 'transaction'],
    ['select set_config($1, $2, false)', both, 'session'],
    ['reset search_path', searchPath, 'restored'],
    ['reset all', searchPath, 'restored'],
    ['set search_path to default', searchPath, 'restored'],
    ['reset role', role, 'restored'],
    ['set role none', role, 'restored'],
    ['reset session authorization', role, 'restored'],
    ['discard all', both, 'restored'],
  ])('changes what names mean: %s', (text, settings, lasts) => {
    expect(effectsOf(text)).toMatchObject({ settings, lasts });
  });
});
