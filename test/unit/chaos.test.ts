import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Harm, harmsOn, plan } from '../../chaos/harm/plan.ts';
import { readOptions, WrongOptionError } from '../../chaos/options.ts';
import { chaosMutants } from '../../chaos/mutants/mutants.ts';
import { Ledger } from '../../chaos/proofs/ledger.ts';
import { barsOf, inTime } from '../../chaos/report/chart.ts';
import { page } from '../../chaos/report/page.ts';
import type { Report } from '../../chaos/report/report.ts';
import { type EngineName, engineNames, noCounts, type Told } from '../../chaos/settings.ts';

describe('options of chaos', () => {
  it('are those that were given', () => {
    expect(
      readOptions(['--engine', 'sqlite', '--seed', '7', '--minutes', '1.5', '--json', '--html', 'chaos.html']),
    ).toEqual({
      engine: 'sqlite',
      seed: 7,
      duration: 90_000,
      html: 'chaos.html',
      json: true,
    });
    expect(readOptions([])).toMatchObject({ engine: 'postgres', duration: 60_000, html: undefined, json: false });
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
    [['--html', ''], '--html is the name of a file'],
    [['--loud'], "Unknown option '--loud'"],
    [['now'], 'Unexpected argument'],
  ])('%j are refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(WrongOptionError);
    expect(() => readOptions(args)).toThrow(message);
  });
});

describe('the plan of harms', () => {
  const first = (seed: number, engine: EngineName, count = 200): Harm[] => {
    const harms = plan(seed, engine, engine !== 'sqlite');
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
    expect(kinds.has('crash the database')).toBe(engine !== 'sqlite');
  });

  it('never crashes a server that others use, too', () => {
    expect(harmsOn('mariadb', true)).toContain('crash the database');
    expect(harmsOn('mariadb', false)).not.toContain('crash the database');
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

describe('the mutants of chaos', () => {
  it.each(chaosMutants.map(({ name, file, find }) => [name, file, find] as const))(
    '"%s" changes one place that there is',
    (_, file, find) => {
      const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
      expect(text.split(find)).toHaveLength(2);
    },
  );

  it('are at least fifteen, each with a name of its own', () => {
    expect(new Set(chaosMutants.map(({ name }) => name)).size).toBe(chaosMutants.length);
    expect(chaosMutants.length).toBeGreaterThanOrEqual(15);
  });
});

describe('the report of chaos as a page', () => {
  const report: Report = {
    engine: 'mariadb',
    seed: 7,
    duration: 4,
    seconds: 9,
    ...noCounts(),
    orders: 5,
    harms: { 'kill a process': 1, 'lock a row': 2 },
    highestConnections: 12,
    found: ['order <b>"1" is lost'],
    timeline: {
      restAt: 4_000,
      end: 9_000,
      harms: [
        { kind: 'kill a process', from: 1_000, to: 1_100 },
        { kind: 'lock a row', from: 2_000, to: 2_800 },
        { kind: 'lock a row', from: 3_000, to: 3_100 },
      ],
      samples: [
        { at: 1_000, sold: 2, declined: 1, failed: 0, unknown: 0 },
        { at: 2_000, sold: 0, declined: 0, failed: 1, unknown: 1 },
      ],
      found: [{ at: 8_000, what: 'order <b>"1" is lost' }],
    },
  };

  it('shows what was found, each harm and each kind of end of an order, and loads nothing', () => {
    const html = page(report);
    expect(html).toContain('1 proof does not hold.');
    expect(html).toContain('0:08: order &lt;b&gt;&quot;1&quot; is lost');
    expect(html.match(/class="harm"/g)).toHaveLength(3);
    for (const part of ['sold', 'declined', 'failed', 'unknown'])
      expect(html.match(new RegExp(`<rect class="${part}"`, 'g'))).toHaveLength(1);
    expect(html).toContain('npm run chaos -- --engine mariadb --seed 7 --seconds 4');
    expect(html).not.toMatch(/<b>|<script|<link|src=|url\(|https?:/);
    expect(page({ ...report, found: [], timeline: { ...report.timeline, found: [] } })).toContain('All proofs hold.');
  });

  it('puts the seconds of a long run together', () => {
    const samples = Array.from({ length: 3_600 }, (_, at) => ({
      at: 1_000 * (at + 1),
      sold: 2,
      declined: 0,
      failed: 0,
      unknown: 0,
    }));
    const bars = barsOf(samples, 3_600_000);
    expect(bars).toHaveLength(180);
    expect(bars.every(({ sold }) => sold === 40)).toBe(true);
    expect(inTime(3_599_600)).toBe('60:00');
  });
});
