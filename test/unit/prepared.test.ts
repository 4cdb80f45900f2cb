import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PreparedStatements } from '../../src/drivers/postgres/prepared.ts';

function send(prepared: PreparedStatements, text: string): { name: string; parse: boolean; closed: readonly string[] } {
  const planned = prepared.plan(text);
  return { name: planned.name, parse: planned.parse, closed: prepared.takeNamesToClose() };
}

describe('prepared statements of a connection', () => {
  it('name a text when it comes for the second time, and parse it no more from the third on', () => {
    const prepared = new PreparedStatements(10);
    expect(send(prepared, 'select 1')).toMatchObject({ name: '', parse: true });
    const second = send(prepared, 'select 1');
    expect(second).toMatchObject({ parse: true });
    expect(second.name).not.toBe('');
    expect(send(prepared, 'select 1')).toEqual({ name: second.name, parse: false, closed: [] });
  });

  it('are bounded; one that was used since survives, and the name of the other is closed', () => {
    const prepared = new PreparedStatements(2);
    for (const text of ['a', 'b', 'a', 'b']) send(prepared, text);
    const nameOf = (text: string): string => send(prepared, text).name;
    const [nameA] = [nameOf('a')];
    expect(send(prepared, 'c').closed).toHaveLength(1);
    expect(nameA).toBeDefined();
  });

  it('take a new name after a failure, since the server may have the old one', () => {
    const prepared = new PreparedStatements(10);
    send(prepared, 'a');
    const planned = prepared.plan('a');
    prepared.forget(planned);
    expect(prepared.takeNamesToClose()).toEqual([planned.name]);
    expect(prepared.plan('a')).toMatchObject({ parse: true });
    expect(prepared.plan('a').name).not.toBe(planned.name);
  });

  it('parse a text that comes several times in one exchange under one name', () => {
    const prepared = new PreparedStatements(10);
    const plans = [1, 2, 3, 4].map(() => prepared.plan('a'));
    expect(plans.map(({ parse }) => parse)).toEqual([true, true, false, false]);
    expect(new Set(plans.slice(1).map(({ name }) => name)).size).toBe(1);
  });

  it('are off with a limit of 0', () => {
    const off = new PreparedStatements(0);
    for (let index = 0; index < 3; index += 1) expect(send(off, 'a')).toEqual({ name: '', parse: true, closed: [] });
  });

  it('are never more than the limit, and never used without being there, whatever exchanges come', () => {
    const exchange = fc.array(fc.nat(12).map(String), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(exchange, { maxLength: 60 }), (limit, exchanges) => {
        const prepared = new PreparedStatements(limit);
        const onServer = new Set<string>();
        for (const texts of exchanges) {
          // As an exchange does: what is to be closed goes before what it sends.
          for (const name of prepared.takeNamesToClose()) onServer.delete(name);
          expect(onServer.size).toBeLessThanOrEqual(limit);
          for (const { name, parse } of texts.map((text) => prepared.plan(text))) {
            expect(onServer.has(name)).toBe(!parse);
            if (parse && name !== '') onServer.add(name);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
