import { type CacheStore } from '../../src/cache/index.ts';
import { postgres } from '../../src/drivers/postgres/index.ts';
import { sqlite } from '../../src/drivers/sqlite/index.ts';
import { createDatabase, type Database } from '../../src/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { type Domain, only } from './values.ts';

/** What the calls have to do with. Nothing of it has a connection yet. */
export interface Place {
  readonly database: Database<'default'>;
  /** On PostgreSQL, which is not there. */
  readonly far: Database<'default'>;
  readonly jobs: Jobs<{ readonly invoice: ReturnType<typeof defineQueue<number, number>> }>;
}

/** An entrance, and what it takes for each of its options. */
export interface Row {
  readonly interface: string;
  readonly entrance: string;
  call(options: never, place: Place): unknown;
  /** What has to be given besides. */
  base?(place: Place): object;
  readonly options: Readonly<Record<string, Domain | ((place: Place) => Domain)>>;
  /** Codes of refusals, where they have one of their own. */
  readonly codes?: readonly string[];
  /** Names that are not its own are for somebody else. */
  readonly isOpen?: boolean;
  /** What may stand in place of an object. */
  readonly instead?: readonly unknown[];
}

export const invoice = defineQueue<number, number>('invoice');
export const place = (): Place => {
  const database = createDatabase({ clients: { default: sqlite() } });
  const far = createDatabase({ clients: { default: postgres({ host: '127.0.0.1', port: 1 }) } });
  return { database, far, jobs: createJobs(database, { queues: { invoice } }) };
};

export const nothing = (): Promise<never> => Promise.reject(new Error('nothing is there'));
export const shared = {
  isShared: true,
  name: 'shared',
  read: nothing,
  write: nothing,
  prepare: nothing,
  release: nothing,
  feed: { provenAt: 0, listen() {}, prove() {} },
} as unknown as CacheStore;
export const isolation = only(
  'DEFAULT',
  'SERIALIZABLE',
  'READ COMMITTED',
  'READ_COMMITTED',
  'serializable',
  'ReadCommitted',
);
