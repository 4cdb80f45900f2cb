import type { HolderInfo, LockOwner } from '../observation/index.ts';
import { aBoolean, type Check, type HistoryEntry, integer, milliseconds, readOptions } from '../core/index.ts';
import type { Backend, LockWait } from '../driver/index.ts';
import type { Client } from './client.ts';

/** Options of `holders()`. */
export interface HoldersOptions {
  /** How many are told at most, those that began first. Default 1,000. */
  readonly limit?: number | undefined;
  /** Whether the server is asked who waits for whose locks. Default true. */
  readonly locks?: boolean | undefined;
  /** For how many milliseconds it is waited for, where it does not answer. Default 500. */
  readonly lockTimeout?: number | undefined;
}

const checks: Record<keyof HoldersOptions, Check> = {
  limit: integer(0, Number.MAX_SAFE_INTEGER),
  locks: aBoolean,
  lockTimeout: milliseconds(1),
};

/** What has run for less is not thought to wait for a lock, in milliseconds. */
const mayWaitAfter = 5;

/** Looks at all who hold a connection of the clients, or wait for one. @throws InvalidOptionError */
export async function lookAtHolders(
  clients: readonly Client[],
  options: HoldersOptions,
): Promise<readonly HolderInfo[]> {
  const read = readOptions('holders', options, checks);
  const { limit = 1_000, locks = true, lockTimeout = 500 } = read;
  const waits = locks ? await Promise.all(clients.map((client) => waitsOf(client, lockTimeout))) : [];
  const found: HolderInfo[] = [];
  for (const { work } of clients) for (const each of work) if (each.look !== undefined) found.push(each.look());
  found.sort((one, other) => other.age - one.age);
  return withOuters(withLocks(found.slice(0, limit), waits.flat()));
}

/** What has happened in the chain of a transaction that is open. */
export function historyIn(clients: readonly Client[], id: string): readonly HistoryEntry[] | undefined {
  for (const { work } of clients) {
    for (const { record } of work) if (record?.id === id) return record.history.taken()();
  }
  return undefined;
}

/** The server is asked only where something runs for long enough to wait. */
async function waitsOf({ work, locks }: Client, timeout: number): Promise<readonly LockWait[]> {
  for (const each of work) {
    const running = each.look?.().running;
    if (running !== undefined && running.for >= mayWaitAfter) return (await locks.waits(timeout)) ?? [];
  }
  return [];
}

function withLocks(holders: readonly HolderInfo[], waits: readonly LockWait[]): readonly HolderInfo[] {
  if (waits.length === 0) return holders;
  const byBackend = new Map<string, HolderInfo>();
  for (const holder of holders) if (holder.backend !== undefined) byBackend.set(keyOf(holder.backend), holder);
  const found = new Map<HolderInfo, { relation: string | undefined; readonly owners: LockOwner[] }>();
  for (const { waiting, blockers, relation } of waits) {
    const holder = byBackend.get(keyOf(waiting));
    if (holder?.running === undefined) continue;
    const wait = found.get(holder) ?? { relation, owners: [] };
    for (const { backend, idle } of blockers) {
      const isKnown = wait.owners.some((owner) => keyOf(owner.backend) === keyOf(backend));
      if (!isKnown) wait.owners.push({ backend, idle, holderId: byBackend.get(keyOf(backend))?.id });
    }
    found.set(holder, wait);
  }
  return holders.map((holder) => {
    const wait = found.get(holder);
    if (wait === undefined || holder.running === undefined) return holder;
    return { ...holder, waitsFor: { type: 'lock', for: holder.running.for, ...wait } };
  });
}

/** A transaction in which nothing runs, with another one inside of it, waits for that as far as anyone can tell. */
function withOuters(holders: readonly HolderInfo[]): readonly HolderInfo[] {
  const inner = new Map<string, HolderInfo>();
  for (const holder of holders) if (holder.outerId !== undefined) inner.set(holder.outerId, holder);
  return holders.map((holder) => {
    const within = inner.get(holder.id);
    if (within === undefined || holder.waitsFor.type !== 'code') return holder;
    return { ...holder, waitsFor: { type: 'transaction', id: within.id, for: within.age } };
  });
}

/** A server uses its ids again, so that the start counts too. */
function keyOf({ id, startedAt }: Backend): string {
  return `${id} ${startedAt}`;
}
