import { describe, expect, it } from 'vitest';
import { type Harm, plan } from '../../chaos/harm/plan.ts';
import { readOptions, WrongOptionError } from '../../chaos/options.ts';
import { Ledger } from '../../chaos/proofs/ledger.ts';
import { type EngineName, engineNames, noCounts, type Told } from '../../chaos/settings.ts';

describe('options of chaos', () => {
  it('are those that were given', () => {
    expect(readOptions(['--engine', 'sqlite', '--seed', '7', '--minutes', '1.5', '--json'])).toEqual({
      engine: 'sqlite',
      seed: 7,
      duration: 90_000,
      json: true,
    });
    expect(readOptions([])).toMatchObject({ engine: 'postgres', duration: 60_000, json: false });
    expect(readOptions(['--help'])).toBe('help');
  });

  it.each([
    [['--engine', 'oracle'], '--engine is one of postgres, mariadb, sqlite'],
    [['--seed', '0'], '--seed is a whole number'],
    [['--seed', 'x'], '--seed is a whole number'],
    [['--seconds', '0'], '--seconds is a number above 0'],
    [['--seconds', ''], '--seconds is a number above 0'],
    [['--minutes', '-1'], 'ambiguous'],
    [['--minutes=-1'], '--minutes is a number above 0'],
    [['--seconds', '5', '--minutes', '1'], 'give one of them'],
    [['--loud'], "Unknown option '--loud'"],
    [['now'], 'Unexpected argument'],
  ])('%j are refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(WrongOptionError);
    expect(() => readOptions(args)).toThrow(message);
  });
});

describe('the plan of harms', () => {
  const first = (seed: number, engine: EngineName, count = 200): Harm[] => {
    const harms = plan(seed, engine);
    return Array.from({ length: count }, () => harms.next().value);
  };

  it('is the same for the same seed, and another one for another', () => {
    expect(first(5, 'mariadb')).toEqual(first(5, 'mariadb'));
    expect(first(5, 'mariadb')).not.toEqual(first(6, 'mariadb'));
  });

  it.each(engineNames)('has many kinds of harm on %s', (engine) => {
    const kinds = new Set(first(3, engine, 400).map(({ kind }) => kind));
    expect(kinds.size).toBeGreaterThanOrEqual(8);
    expect([...kinds].some((kind) => kind.includes('database'))).toBe(engine !== 'sqlite');
  });
});

describe('the ledger', () => {
  const ledger = (told: readonly Told[], marks: readonly string[] = []): Ledger => {
    const kept = new Ledger();
    kept.note({ kind: 'report', told, marks, counts: { ...noCounts(), orders: 2 }, found: [] });
    return kept;
  };

  it('finds nothing where what was said is true', () => {
    const told: Told[] = [
      { order: 'a', outcome: 'sold' },
      { order: 'b', outcome: 'not sold', why: 'declined' },
    ];
    const kept = ledger(told, ['a', 'first 3']);
    expect(
      kept.compare(
        new Map([
          ['a', 1],
          ['c', 1],
        ]),
      ),
    ).toEqual([]);
    expect(kept.counts.orders).toBe(2);
  });

  it('finds what is lost, what is there in spite of its error, what is there twice, and what caches made up', () => {
    const told: Told[] = [
      { order: 'a', outcome: 'sold' },
      { order: 'b', outcome: 'not sold', why: 'CONNECTION_LOST' },
    ];
    const found = ledger(told, ['x']).compare(
      new Map([
        ['b', 1],
        ['c', 2],
      ]),
    );
    expect(found).toEqual([
      'order a is lost: it counts as sold (its caller was told so), and is not there',
      'order b is there, and counts as not sold (CONNECTION_LOST)',
      'order c took effect 2 times',
      'a cache has shown order x, which was rolled back',
    ]);
  });
});
