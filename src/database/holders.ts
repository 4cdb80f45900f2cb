import type { Ancestor } from '../context/index.ts';
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
  const looked = clients.map(lookAt);
  const waits = locks ? await Promise.all(looked.map((each) => waitsOf(each, lockTimeout))) : [];
  const found = looked.flatMap(({ holders }) => holders).toSorted((one, other) => other.age - one.age);
  return withOuters(withLocks(found.slice(0, limit), waits.flat()));
}

/** What has happened in the chain of a transaction that is open. */
export function historyIn(clients: readonly Client[], id: string): readonly HistoryEntry[] | undefined {
  for (const { work } of clients) {
    for (const { record } of work) if (record?.id === id) return record.history.taken()();
  }
  return undefined;
}

/** Whether one of the transactions that a part of a chain knows above it is open on these clients. */
export function isOpenOn(clients: readonly Client[], ancestors: readonly Ancestor[]): boolean {
  return clients.some((client) => {
    const above = ancestors.filter(({ clientName }) => clientName === client.name).map(({ backend }) => keyOf(backend));
    return (
      above.length > 0 &&
      lookAt(client).holders.some(({ backend }) => backend !== undefined && above.includes(keyOf(backend)))
    );
  });
}

interface Looked {
  readonly client: Client;
  readonly holders: readonly HolderInfo[];
}

function lookAt(client: Client): Looked {
  const holders: HolderInfo[] = [];
  for (const each of client.work) {
    const holder = each.look?.();
    if (holder !== undefined) holders.push(holder);
  }
  return { client, holders };
}

/** The server is asked only where something runs for long enough to wait, or is held for long enough that others may. */
async function waitsOf({ client, holders }: Looked, timeout: number): Promise<readonly LockWait[]> {
  const mayWait = holders.some(
    ({ backend, running, age }) => backend !== undefined && (running?.for ?? age) >= mayWaitAfter,
  );
  if (!mayWait) return [];
  const lookedAt = client.clock.now();
  const waits = (await client.locks.waits(timeout)) ?? [];
  if (waits.length === 0) return waits;
  const elapsed = client.clock.now() - lookedAt;
  const now = new Map(lookAt(client).holders.map((holder) => [holder.id, holder]));
  const goneOn = new Set<string>();
  for (const { id, backend, running } of holders) {
    const isSame = running === undefined || (now.get(id)?.running?.for ?? 0) >= elapsed;
    if (backend !== undefined && !isSame) goneOn.add(keyOf(backend));
  }
  // What the server tells is of what came next on its connection.
  return waits.filter(({ waiting }) => !goneOn.has(keyOf(waiting)));
}

function withLocks(holders: readonly HolderInfo[], waits: readonly LockWait[]): readonly HolderInfo[] {
  if (waits.length === 0) return holders;
  const byBackend = new Map<string, HolderInfo>();
  for (const holder of holders) if (holder.backend !== undefined) byBackend.set(keyOf(holder.backend), holder);
  const found = new Map<HolderInfo, { relation: string | undefined; readonly owners: LockOwner[] }>();
  const blocked = new Map<string, Map<string, Backend>>();
  for (const { waiting, blockers, relation } of waits) {
    const holder = byBackend.get(keyOf(waiting));
    if (holder === undefined) noteBlocked(blocked, waiting, blockers);
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
    const blocks = holder.backend === undefined ? undefined : blocked.get(keyOf(holder.backend));
    const seen = blocks === undefined ? holder : { ...holder, blocks: [...blocks.values()] };
    if (wait === undefined || holder.running === undefined) return seen;
    return { ...seen, waitsFor: { type: 'lock', for: holder.running.for, ...wait } };
  });
}

/** Another one of the server waits for those who block it. */
function noteBlocked(
  blocked: Map<string, Map<string, Backend>>,
  waiting: Backend,
  blockers: LockWait['blockers'],
): void {
  for (const { backend } of blockers) {
    const key = keyOf(backend);
    const those = blocked.get(key) ?? new Map<string, Backend>();
    blocked.set(key, those.set(keyOf(waiting), waiting));
  }
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
