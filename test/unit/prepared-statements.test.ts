import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PreparedStatements } from '../../src/drivers/postgres/prepared/prepared-statements.ts';
import { StatementRegistry } from '../../src/drivers/postgres/prepared/statement-registry.ts';

const preparedUpTo = (limit: number, shared = new StatementRegistry()): PreparedStatements =>
  new PreparedStatements(limit, shared, false);

function send(prepared: PreparedStatements, text: string): { name: string; parse: boolean; closed: readonly string[] } {
  const planned = prepared.plan(text);
  return { name: planned.name, parse: planned.parse, closed: prepared.takeNamesToClose() };
}

describe('prepared statements of a connection', () => {
  it('name a text when it comes for the second time, and parse it no more from the third on', () => {
    const prepared = preparedUpTo(10);
    expect(send(prepared, 'select 1')).toMatchObject({ name: '', parse: true });
    const second = send(prepared, 'select 1');
    expect(second).toMatchObject({ parse: true });
    expect(second.name).not.toBe('');
    expect(send(prepared, 'select 1')).toEqual({ name: second.name, parse: false, closed: [] });
  });

  it('are bounded; one that was used since survives, and the name of the other is closed', () => {
    const prepared = preparedUpTo(2);
    for (const text of ['a', 'b', 'a', 'b']) send(prepared, text);
    const nameOf = (text: string): string => send(prepared, text).name;
    const [nameA] = [nameOf('a')];
    expect(send(prepared, 'c').closed).toHaveLength(1);
    expect(nameA).toBeDefined();
  });

  it('are parsed anew under their name after a failure, since the server may have it or not', () => {
    const prepared = preparedUpTo(10);
    send(prepared, 'a');
    const planned = prepared.plan('a');
    prepared.forget(planned);
    expect(prepared.plan('a')).toMatchObject({ name: planned.name, parse: true });
    expect(prepared.plan('a')).toMatchObject({ name: planned.name, parse: false });
  });

  it('have the same name for the same text on every connection, and another one for another text', () => {
    const names = ['a', 'b'].map((text) =>
      [1, 2].map(() => [1, 2].map(() => preparedUpTo(10)).map((each) => send(each, text) && send(each, text).name)),
    );
    const [ofA = [], ofB = []] = names.map((each) => each.flat());
    expect(new Set(ofA).size).toBe(1);
    expect(new Set(ofB).size).toBe(1);
    expect(ofA[0]).toMatch(/^sluice_[\w-]{22}$/);
    expect(ofA[0]).not.toBe(ofB[0]);
  });

  it('are parsed anew on every connection of a client when one of them was given up, or the schema changed', () => {
    const shared = new StatementRegistry();
    const [first, second] = [preparedUpTo(10, shared), preparedUpTo(10, shared)];
    for (const each of [first, first, second, second]) for (const text of ['a', 'b']) send(each, text);
    first.giveUp(first.plan('a'));
    expect([first, second].map((each) => ['a', 'b'].map((text) => send(each, text).parse))).toEqual([
      [true, false],
      [true, false],
    ]);
    second.schemaChanged();
    expect([first, second].map((each) => ['a', 'b'].map((text) => send(each, text).parse))).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(send(first, 'a').parse).toBe(false);
  });

  it('behind a pooler are another text once they were stale, which it cannot have parsed before', () => {
    const shared = new StatementRegistry();
    const [first, second] = [1, 2].map(() => new PreparedStatements(10, shared, true)) as [
      PreparedStatements,
      PreparedStatements,
    ];
    for (const each of [first, second]) send(each, 'a');
    const before = first.plan('a');
    expect(before).toMatchObject({ text: 'a', parse: true, isFresh: false });
    first.giveUp(before);
    const after = second.plan('a');
    expect(after).toMatchObject({ parse: true, isFresh: true });
    expect(after.text).toMatch(/^a\n-- \w+$/);
    expect(after.name).not.toBe(before.name);
    expect(first.plan('a')).toMatchObject({ text: after.text, name: after.name, parse: true, isFresh: false });
    expect(first.takeNamesToClose()).toEqual([before.name]);
    expect(first.plan('a')).toMatchObject({ text: after.text, name: after.name, parse: false });
  });

  it('parse a text that comes several times in one exchange under one name', () => {
    const prepared = preparedUpTo(10);
    const plans = [1, 2, 3, 4].map(() => prepared.plan('a'));
    expect(plans.map(({ parse }) => parse)).toEqual([true, true, false, false]);
    expect(new Set(plans.slice(1).map(({ name }) => name)).size).toBe(1);
  });

  it('are off with a limit of 0', () => {
    const off = preparedUpTo(0);
    for (let index = 0; index < 3; index += 1) expect(send(off, 'a')).toEqual({ name: '', parse: true, closed: [] });
  });

  it('are never more than the limit, and never used without being there, whatever exchanges come', () => {
    const exchange = fc.array(fc.nat(12).map(String), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(exchange, { maxLength: 60 }), (limit, exchanges) => {
        const prepared = preparedUpTo(limit);
        const onServer = new Set<string>();
        for (const texts of exchanges) {
          // As an exchange does: what is to be closed goes before what it sends.
          for (const name of prepared.takeNamesToClose()) onServer.delete(name);
          expect(onServer.size).toBeLessThanOrEqual(limit);
          for (const { name, parse } of texts.map((text) => prepared.plan(text))) {
            // What is parsed under a name is closed before.
            if (!parse) expect(onServer.has(name)).toBe(true);
            if (parse && name !== '') onServer.add(name);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
