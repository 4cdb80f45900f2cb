import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/index.ts';
import { defineModel } from '../../src/model/index.ts';
import { publicOptions } from './interfaces.ts';

const declared = publicOptions();
const withOption = (option: string): readonly string[] =>
  [...declared].filter(([, options]) => options.includes(option)).map(([name]) => name);

describe('the name of a client', () => {
  it('is the option clientName, whatever it belongs to', () => {
    // Theirs is a client of Redis itself.
    expect(withOption('client')).toEqual(['RedisStoreOptions']);
    expect(withOption('clientName')).toEqual(expect.arrayContaining(['DbInfo', 'ModelOptions', 'RelayOptions']));
  });

  it('is not the option client of a model', () => {
    const old = { table: 'post', key: 'id', client: 'reports' };
    expect(() => defineModel(old as never)).toThrow(InvalidOptionError);
    expect(() => defineModel(old as never)).toThrow(
      'defineModel has no option "client". The options are: table, key, clientName',
    );
  });
});
