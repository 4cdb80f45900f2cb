import { aFunction, type Check, checked, reading, refuseUnknown, milliseconds } from '../core/index.ts';
import { checkHandle, type Database, type Db } from '../database/index.ts';

/** To which transaction a call belongs. */
export interface CacheCallOptions {
  /** The handle whose transaction it is. Default: that of the current client. */
  readonly db?: Db | undefined;
}

/** Options of a call that stores a value. */
export interface SetOptions extends CacheCallOptions {
  /** How long the value may be used, in milliseconds. Default: that of the cache. */
  readonly ttl?: number | undefined;
}

/** Options of a read that loads what is missing. */
export interface LoadOptions<Value> extends SetOptions {
  /** Whether what was loaded is kept. Default: it is. */
  readonly keep?: ((value: Value) => boolean) | undefined;
}

/** The handle is held against the database of the cache. */
const aHandle: Check = () => undefined;

export const callChecks: Record<keyof CacheCallOptions, Check> = { db: aHandle };
export const setChecks: Record<keyof SetOptions, Check> = { ...callChecks, ttl: milliseconds(1) };
export const loadChecks: Record<keyof LoadOptions<never>, Check> = { ...setChecks, keep: aFunction };

const owner = 'A call of a cache';

/** Reads the options of a call once. Written out, since it is done for each call that has any. @throws InvalidOptionError */
export function readCall<Value>(
  database: Database,
  options: LoadOptions<Value>,
  checks: Readonly<Record<string, Check>>,
): LoadOptions<Value> {
  return reading(owner, () => {
    refuseUnknown(owner, options, checks);
    const { db, ttl, keep } = options;
    if (db !== undefined) checkHandle(database, db);
    if (ttl !== undefined) checked(owner, 'ttl', ttl, loadChecks.ttl);
    if (keep !== undefined) checked(owner, 'keep', keep, loadChecks.keep);
    return { db, ttl, keep };
  });
}
