import { tracingChannel } from 'node:diagnostics_channel';
import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  afterCommit,
  beforeCommit,
  type HookTrace,
  type ScopeTrace,
  type StatementTrace,
  type TraceEvent,
  traceNames,
  type TransactionTrace,
} from '../../src/index.ts';
import { createCache } from '../../src/cache/index.ts';
import { insert, itWith, useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

type Kind = keyof typeof traceNames;
type Seen = { readonly kind: Kind; readonly part: string; readonly event: TraceEvent };

const server = useTestDatabase();
let seen: Seen[] = [];
const subscribers = (Object.keys(traceNames) as Kind[]).map((kind) => {
  const note = (part: string) => (event: object) => void seen.push({ kind, part, event: event as TraceEvent });
  const parts = { start: note('start'), end: note('end'), asyncStart: note('asyncStart'), asyncEnd: note('asyncEnd') };
  return [kind, { ...parts, error: note('error') }] as const;
});

beforeEach(() => {
  seen = [];
  for (const [kind, parts] of subscribers) tracingChannel(traceNames[kind]).subscribe(parts);
});
afterEach(() => {
  for (const [kind, parts] of subscribers) tracingChannel(traceNames[kind]).unsubscribe(parts);
});

function ended<Event extends TraceEvent>(kind: Kind): Event[] {
  return seen.filter((each) => each.kind === kind && each.part === 'asyncEnd').map(({ event }) => event as Event);
}

describe('what takes time', () => {
  it('is told from its start to its end, each below what it is a part of', async () => {
    const database = server.open();
    await database.transaction(() => insert(database, 1), { name: 'checkout' });
    expect(seen.filter(({ part }) => part === 'start').map(({ kind }) => kind)).toEqual([
      'transaction',
      'statement',
      'acquire',
      'commit',
    ]);
    const [transaction] = ended<TransactionTrace>('transaction');
    const [statement] = ended<StatementTrace>('statement');
    expect(transaction).toMatchObject({ name: 'checkout', clientName: 'default', level: 0, outcome: 'committed' });
    expect(transaction).toMatchObject({ parentId: undefined, chainId: transaction?.id, attempt: 1, failed: false });
    expect(transaction?.origin).toContain('traces.test.ts');
    expect(statement).toMatchObject({
      parentId: transaction?.id,
      chainId: transaction?.id,
      kind: 'INSERT',
      rowCount: 1,
    });
    expect(statement?.queued).toBeGreaterThanOrEqual(0);
    expect(statement?.running).toBeGreaterThan(0);
    expect(Number(statement?.queued) + Number(statement?.running)).toBeLessThanOrEqual(Number(statement?.duration) + 1);
    for (const kind of ['acquire', 'commit'] as const) expect(ended(kind)[0]?.parentId).toBe(transaction?.id);
  });

  it('tells one object in all its parts, in the order of tracePromise', async () => {
    const database = server.open();
    await database.query('select 1');
    const parts = seen.filter(({ kind }) => kind === 'statement');
    expect(parts.map(({ part }) => part)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(new Set(parts.map(({ event }) => event)).size).toBe(1);
    expect(parts[0]?.event).toMatchObject({ name: 'single statement', parentId: undefined });
  });

  it('tells the request for a connection below the statement that makes it, outside of a transaction', async () => {
    const database = server.open();
    await database.query('select 1');
    const [statement] = ended('statement');
    expect(ended('acquire')).toMatchObject([{ parentId: statement?.id, chainId: statement?.chainId }]);
  });

  it('looks no place in the program up before anyone reads it', async () => {
    const database = server.open();
    await insert(database, 1);
    let read = 0;
    const before: unknown = Reflect.get(Error, 'prepareStackTrace');
    Error.prepareStackTrace = () => {
      read += 1;
      return '';
    };
    try {
      await database.transaction(() => insert(database, 2));
      await insert(database, 3);
    } finally {
      Reflect.set(Error, 'prepareStackTrace', before);
    }
    expect(read).toBe(0);
  });

  it('tells scopes, and statements below them', async () => {
    const database = server.open();
    await database.transaction(async () => {
      await database.transaction(() => insert(database, 1), { name: 'joins' });
      await database.transaction(() => insert(database, 2), { name: 'nests', propagation: 'NESTED' });
    });
    const [joined, nested] = ended<ScopeTrace>('scope');
    expect([joined, nested]).toMatchObject([
      { name: 'joins', kind: 'joined' },
      { name: 'nests', kind: 'nested' },
    ]);
    const parents = ended('statement').map(({ parentId }) => parentId);
    expect(parents).toEqual([joined?.id, nested?.id]);
    expect(joined?.parentId).toBe(ended('transaction')[0]?.id);
  });

  itWith('several writers')('tells a transaction inside of another one in the same chain', async () => {
    const database = server.open();
    await database.transaction(() => database.transaction(() => insert(database, 1), { propagation: 'REQUIRES_NEW' }));
    const [inner, outer] = ended('transaction');
    expect(inner).toMatchObject({ parentId: outer?.id, chainId: outer?.id, level: 1 });
  });

  it('tells what failed, and with what, but nothing of it to who prints the event', async () => {
    const database = server.open();
    const secret = 'canary-7316';
    const error = await rejection(
      database.transaction(() => {
        throw new RangeError(secret);
      }),
    );
    const [transaction] = ended<TransactionTrace>('transaction');
    expect(transaction).toMatchObject({ outcome: 'rolledBack', failed: true });
    expect(transaction?.error).toBe(error);
    expect(JSON.stringify(transaction) + inspect(transaction, { showHidden: true })).not.toContain(secret);
    expect(seen.some(({ kind, part }) => kind === 'transaction' && part === 'error')).toBe(true);
  });

  it('keeps literals and values out of statements', async () => {
    const database = server.open();
    await database.query("select 'canary-1' as secret -- canary-2\n where $1 = 'x'", ['canary-3']);
    const [statement] = ended<StatementTrace>('statement');
    expect(statement?.text).toBe('select ? as secret where $1 = ?');
    expect(inspect(seen, { depth: 9, showHidden: true })).not.toContain('canary');
  });

  it('tells a statement that carries the COMMIT', async () => {
    const database = server.open();
    await database.transaction(() => database.query('insert into product (id) values (7)', [], { last: true }));
    expect(ended<StatementTrace>('statement')).toMatchObject([{ commits: true }]);
    expect(ended('commit')).toEqual([]);
  });

  it('tells hooks by their kind', async () => {
    const database = server.open();
    await database.transaction(async () => {
      beforeCommit(() => insert(database, 1));
      afterCommit(() => {});
      await insert(database, 2);
    });
    expect(ended<HookTrace>('hook').map(({ hook }) => hook)).toEqual(['beforeCommit', 'afterCommit']);
    expect(new Set(ended('hook').map(({ parentId }) => parentId))).toEqual(new Set([ended('transaction')[0]?.id]));
  });

  it('tells the calls of a cache', async () => {
    const database = server.open();
    const cache = createCache<number>(database, { name: 'traced' });
    await cache.getOrSet('a', () => 1);
    await cache.getOrSet('a', () => 2);
    await cache.get('b');
    await cache.set(3, 'c');
    await cache.del('c');
    const told = ended('cache').map((event) => [Reflect.get(event, 'operation'), Reflect.get(event, 'hit')]);
    expect(told).toEqual([
      ['load', false],
      ['load', true],
      ['get', false],
      ['set', undefined],
      ['delete', undefined],
    ]);
  });
});

describe('a store that is bound to the start of a channel', () => {
  it('is what the body of the transaction finds', async () => {
    const database = server.open();
    const store = new AsyncLocalStorage<string>();
    const { start } = tracingChannel<string, TraceEvent>(traceNames.transaction);
    start.bindStore(store, ({ name }) => `in ${name}`);
    try {
      const found = await database.transaction(() => Promise.resolve(store.getStore()), { name: 'checkout' });
      expect([found, store.getStore()]).toEqual(['in checkout', undefined]);
    } finally {
      start.unbindStore(store);
    }
  });
});
