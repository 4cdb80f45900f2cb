import type { Ancestor, BackendIdentity, HeldByJob } from '../../context/index.ts';
import type { ChainLink, HistoryEntry } from '../../core/index.ts';
import type { HolderWait, LockOwner, RunningText } from '../../observation/index.ts';
import type { LevelStats } from '../../pool/index.ts';
import type { ProcessReport, ToldHolders } from '../look/report.ts';
import { countNames, timeNames, type ToldSecond } from '../measure/tally.ts';
import type { CacheView, HolderGroup, HolderView, PoolView, ProcessIdentity } from '../snapshot.ts';
import { aNumber, aTruth, entriesOf, listUpTo, optional, type Reader, shaped, textUpTo, wordOf } from './reading.ts';

const name = textUpTo(200);
const id = textUpTo(64);
const sql = textUpTo(1_001);
const place = textUpTo(500);
const kind = wordOf('transaction', 'statement', 'checkout');
const waits = ['connection', 'server', 'code', 'lock', 'transaction', 'job', 'hook', 'turn', 'foreign'] as const;

const identity = shaped<ProcessIdentity>({
  id,
  name,
  pid: aNumber,
  host: name,
  startedAt: aNumber,
  nodeVersion: id,
  version: id,
});

const link = shaped<ChainLink>({
  clientName: name,
  level: aNumber,
  transaction: name,
  age: aNumber,
  openedAt: optional(place),
});

const pool = shaped<PoolView>({
  clientName: name,
  target: place,
  budget: aNumber,
  max: aNumber,
  maxLevel: aNumber,
  used: aNumber,
  idle: aNumber,
  opening: aNumber,
  closing: aNumber,
  waiting: aNumber,
  levels: listUpTo(1_001, shaped<LevelStats>({ level: aNumber, used: aNumber, waiting: aNumber })),
  oldestHolder: optional(link),
});

const cache = shaped<CacheView>({
  name,
  hits: aNumber,
  misses: aNumber,
  bypasses: aNumber,
  loads: aNumber,
  failures: aNumber,
  copies: aNumber,
});

const backend = shaped<BackendIdentity>({ id: aNumber, startedAt: optional(name) });

const owner = shaped<LockOwner>({ backend, holderId: optional(id), idle: aTruth });

const wait: Reader<HolderWait> = (value) => {
  const { type } = shaped({ type: wordOf(...waits) })(value);
  const since = shaped({ for: aNumber })(value);
  switch (type) {
    case 'server':
    case 'code':
      return { type, ...since };
    case 'connection':
      return { type, ...since, ...shaped({ opening: aTruth, refused: optional(name) })(value) };
    case 'turn':
      return { type, ...since, ...shaped({ scope: optional(name), inside: aTruth })(value) };
    case 'foreign':
      return { type, ...since, ...shaped({ what: place })(value) };
    case 'lock':
      return { type, ...since, ...shaped({ relation: optional(name), owners: listUpTo(100, owner) })(value) };
    case 'transaction':
      return { type, ...since, ...shaped({ id })(value) };
    case 'job':
      return { type, ...since, ...shaped({ queue: name, jobId: id, level: aNumber })(value) };
    case 'hook':
      return {
        type,
        ...since,
        ...shaped({ hook: wordOf('beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion') })(value),
      };
  }
};

const ancestor = shaped<Ancestor>({ clientName: name, level: aNumber, transaction: name, backend });

const holder = shaped<Omit<HolderView, 'processId'>>({
  id,
  kind,
  name,
  clientName: name,
  level: aNumber,
  poolId: id,
  chainId: id,
  outerId: optional(id),
  ancestors: listUpTo(100, ancestor),
  job: optional(shaped<HeldByJob>({ id, queue: name, level: aNumber, concurrency: aNumber })),
  blocks: listUpTo(100, backend),
  attempt: aNumber,
  age: aNumber,
  origin: optional(place),
  backend: optional(backend),
  running: optional(shaped<RunningText>({ text: sql, for: aNumber })),
  waitsFor: wait,
});

const group = shaped<Omit<HolderGroup, 'processId'>>({
  kind,
  name,
  clientName: name,
  level: aNumber,
  waitsFor: wordOf(...waits),
  count: aNumber,
  age: aNumber,
  for: aNumber,
});

const holders = shaped<ToldHolders>({
  shown: listUpTo(300, holder),
  groups: listUpTo(100, group),
  total: aNumber,
  waiting: aNumber,
  leftOut: aNumber,
  lookedAgo: aNumber,
});

const second = shaped<ToldSecond>({
  second: aNumber,
  ago: aNumber,
  counts: entriesOf(countNames, aNumber),
  times: entriesOf(timeNames, listUpTo(300, listUpTo(2, aNumber))),
});

/** Reads the report of a process. @throws UnreadableError */
export const readReport: Reader<ProcessReport> = shaped<ProcessReport>({
  identity,
  pools: listUpTo(100, pool),
  caches: listUpTo(200, cache),
  holders,
  backends: listUpTo(1_000, aNumber),
  seconds: listUpTo(30, second),
  problems: listUpTo(10, place),
});

const events = [
  'begin',
  'acquire',
  'statement',
  'savepoint',
  'rollbackTo',
  'commit',
  'rollback',
  'retry',
  'lock',
  'wait',
] as const;

/** Reads what happened in a chain. @throws UnreadableError */
export const readHistory: Reader<readonly HistoryEntry[]> = listUpTo(
  100,
  shaped<HistoryEntry>({
    at: aNumber,
    event: wordOf(...events),
    transaction: name,
    clientName: name,
    level: aNumber,
    text: optional(sql),
    duration: optional(aNumber),
    rowCount: optional(aNumber),
    error: optional(name),
  }),
);
