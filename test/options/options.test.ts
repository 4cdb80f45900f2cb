import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { channelNames } from '../../src/index.ts';
import { publicOptions } from './interfaces.ts';
import { type Place, place, type Row } from './row.ts';
import { table } from './table.ts';
import { builtIns, type Domain, hidden, nonsense, revoked } from './values.ts';

let here: Place;
let opened = 0;
const onOpen = (): void => void (opened += 1);
beforeEach(() => {
  here = place();
  opened = 0;
  subscribe(channelNames.connectionOpen, onOpen);
});
afterEach(async () => {
  unsubscribe(channelNames.connectionOpen, onOpen);
  await here.jobs.close({ timeout: 0 });
  await Promise.all([here.database.close({ timeout: 0 }), here.far.close({ timeout: 0 })]);
});

/** What a call comes to: nothing wrong, or an error. */
async function outcome(row: Row, options: unknown): Promise<{ code?: unknown; message: string } | undefined> {
  try {
    await row.call(options as never, here);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

const isRefusal = (row: Row, error: { code?: unknown } | undefined): boolean =>
  error !== undefined && ['INVALID_OPTION', ...(row.codes ?? [])].includes(String(error.code));

async function expectRefused(row: Row, options: unknown, what: string): Promise<string> {
  const before = opened;
  const error = await outcome(row, options);
  if (!isRefusal(row, error))
    expect.fail(`${what} was not refused, but ${error === undefined ? 'taken' : error.message}`);
  expect(error?.message).not.toContain('drop table');
  expect(opened, `${what} opened a connection`).toBe(before);
  return error?.message ?? '';
}

/** That it fails afterwards, since nothing is there, is another matter; but it has a reason that is not a slip. */
async function expectTaken(row: Row, options: unknown, what: string): Promise<void> {
  const error = await outcome(row, options);
  if (isRefusal(row, error)) expect.fail(`${what} was refused: ${error?.message ?? ''}`);
}

/** The base, with more in it: as properties of its own, which leave those of a prototype as they are. */
function withBase(row: Row, options: object): object {
  for (const [name, value] of Object.entries(row.base?.(here) ?? {})) {
    if (!(name in options))
      Object.defineProperty(options, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return options;
}

const domainOf = (domain: Row['options'][string]): Domain => (typeof domain === 'function' ? domain(here) : domain);

describe('the table', () => {
  const declared = publicOptions();

  it('finds the options of the source', () => {
    expect(declared.size).toBeGreaterThan(35);
    expect(declared.get('RetryOptions')).toEqual(['attempts', 'delay', 'lockTimeouts']);
    expect(declared.get('SqliteOptions')).toEqual(expect.arrayContaining(['file', 'max', 'acquireTimeout']));
    expect(declared.get('LoadOptions')).toEqual(['db', 'keep', 'ttl']);
    expect(declared.get('ModelCacheOptions')).toEqual(expect.arrayContaining(['entity', 'store', 'ttl']));
  });

  /** Given by Sluice and not to it. */
  const outputs = new Set([
    'HolderInfo',
    'LaneOptions',
    'LibraryPoolOptions',
    'SagaChildInfo',
    'SagaInfo',
    'SagaStepInfo',
    'SagaWaitInfo',
    'Statement',
    'StepInfo',
    'SubscribeOptions',
    'TransactionInfo',
  ]);
  it.each([...declared].filter(([name]) => !outputs.has(name)))('has every option of %s', (name, options) => {
    const rows = table.filter((row) => row.interface === name);
    expect(rows, `${name} has no row in test/options/*-rows.ts`).not.toEqual([]);
    for (const row of rows) expect(Object.keys(row.options).toSorted(), row.entrance).toEqual(options);
  });

  it('has no row for what there is not', () => {
    expect(table.map((row) => row.interface).filter((name) => !declared.has(name))).toEqual([]);
  });
});

describe.each(table.map((row) => [row.interface, row.entrance, row] as const))('%s of %s', (_, __, row) => {
  it('are an object with known names', async () => {
    for (const options of [null, 'options', 5, true, [], [{}], Symbol('x'), () => ({}), revoked()]) {
      if (row.instead?.includes(options) === true) continue;
      await expectRefused(row, options, typeof options);
    }
    for (const [kind, options] of builtIns) await expectRefused(row, options, kind);
    if (row.isOpen === true) return;
    await expectRefused(row, withBase(row, { unknownName: 1 }), 'an unknown name');
    await expectRefused(row, withBase(row, JSON.parse('{"__proto__":{"timeout":"x"}}') as object), '__proto__ of JSON');
    await expectRefused(row, withBase(row, { constructor: 1 }), 'constructor');
    await expectRefused(row, withBase(row, Object.create({ unknownName: 1 }) as object), 'a name of a prototype');
    const throws = (): never => {
      throw new TypeError('SERIALIZABLE; drop table product; --');
    };
    await expectRefused(row, new Proxy({}, { get: throws, ownKeys: throws }), 'a Proxy that throws');
  });

  it('that are left out or undefined are not given', async () => {
    const undefinedOnes = Object.fromEntries(Object.keys(row.options).map((name) => [name, undefined]));
    const base = row.base?.(here) ?? {};
    await expectTaken(row, { ...base }, 'nothing');
    await expectTaken(row, { ...undefinedOnes, ...base }, 'undefined');
  });

  it.each(Object.keys(row.options))('%s: what it takes, and nothing else', async (name) => {
    const given = row.options[name];
    if (given === undefined) return;
    const domain = domainOf(given);
    for (const good of domain.good) await expectTaken(row, withBase(row, { [name]: good }), `${name}: ${typeof good}`);
    for (const [kind, value] of nonsense) {
      const judge = domain.accepts(value) ? expectTaken : expectRefused;
      await judge(row, withBase(row, { [name]: value }), `${name}: ${kind}`);
    }
    if (domain.range === undefined) return;
    const { low, high, unit } = domain.range;
    for (const most of [low, high]) {
      const taken = expectTaken(row, withBase(row, { [name]: most }), `${name}: ${most}`);
      // A refusal comes at once; a call that was taken may wait as long as the option says.
      await Promise.race([taken, setTimeout(500, undefined, { ref: false })]);
    }
    const refused = [low - 1, high + 1, '5s', [5]].filter((value) => !domain.accepts(value));
    for (const beyond of refused) {
      const message = await expectRefused(row, withBase(row, { [name]: beyond }), `${name}: ${typeof beyond}`);
      if (unit !== 'count') expect(message, 'what to give').toContain(unit);
    }
  });

  it.each(Object.keys(row.options))('%s: read once, wherever it is', async (name) => {
    const given = row.options[name];
    if (given === undefined) return;
    const domain = domainOf(given);
    const bad = nonsense.filter(([, value]) => !domain.accepts(value));
    for (const [where, hide] of hidden) {
      for (const [kind, value] of bad.slice(0, 3)) {
        await expectRefused(
          row,
          withBase(
            row,
            hide(name, () => value),
          ),
          `${name} of ${where}: ${kind}`,
        );
      }
      const [good] = domain.good;
      if (good !== undefined)
        await expectTaken(
          row,
          withBase(
            row,
            hide(name, () => good),
          ),
          `${name} of ${where}`,
        );
    }
    await expectReadOnce(row, name, domain.good[0], bad[0]?.[1]);
  });
});

/** Good when it is looked at first, and something else from then on. */
async function expectReadOnce(row: Row, name: string, first: unknown, then: unknown): Promise<void> {
  if (first === undefined) return;
  let reads = 0;
  const options = withBase(
    row,
    Object.defineProperty({}, name, {
      enumerable: true,
      get: () => {
        reads += 1;
        return reads === 1 ? first : then;
      },
    }),
  );
  await expectTaken(row, options, `${name}, which changes`);
  expect(reads, `${name} was read more than once`).toBe(1);
}
