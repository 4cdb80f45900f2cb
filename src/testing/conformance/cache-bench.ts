import type { CacheStore, StoreWrite } from '../../cache/index.ts';

/** A store on which one check is made. */
export interface CacheBench {
  readonly store: CacheStore;
  /** A store of another process on the same place. */
  share(): Promise<CacheStore>;
}

/** Longer than any check takes, in milliseconds. */
export const long = 60_000;

/** The payload that a read finds. */
export async function payloadOf(store: CacheStore, key: string, tags: readonly string[]): Promise<string | undefined> {
  return (await store.read(key, tags)).stored?.payload;
}

/** What a process does that loads a value: reads the stamps first, and writes with them. */
export async function load(
  store: CacheStore,
  key: string,
  tags: readonly string[],
  payload: string,
  ttl: number = long,
): Promise<void> {
  await store.write(await writeOf(store, key, tags, payload, ttl));
}

/** A write with the stamps of now. */
export async function writeOf(
  store: CacheStore,
  key: string,
  tags: readonly string[],
  payload: string,
  ttl: number = long,
): Promise<StoreWrite> {
  const { tags: states, epoch } = await store.read(key, tags);
  return { key, stamps: states.map(({ stamp }) => stamp), payload, ttl, ...(epoch === undefined ? {} : { epoch }) };
}
