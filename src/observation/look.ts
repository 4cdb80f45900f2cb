import type { Ancestor, BackendIdentity, HeldByJob, RecordedClient, TransactionRecord } from '../context/index.ts';
import { type ChainLink, failureName, type Origin } from '../core/index.ts';
import type { HolderInfo, HolderWait } from './holder-info.ts';

/** What is shown of what runs, in characters. */
const longest = 1_000;

const none: HolderInfo['blocks'] = [];

/** What a server was sent and has not answered. */
export interface Running {
  /** SQL as it was sent, or the word for what ends a transaction. */
  readonly texts: string | readonly string[];
  /** By the clock of the client, in milliseconds. */
  readonly since: number;
}

/** What is going on on a connection, in times of the client's clock. */
export interface Activity {
  /** Since when a connection is waited for. */
  readonly waitingSince: number | undefined;
  readonly running: Running | undefined;
  /** Since when nothing runs. */
  readonly idleSince: number;
}

/** Who holds a connection without an ambient transaction. */
export interface SeenHolder {
  readonly id: string;
  readonly chainId: string;
  readonly parentId: string | undefined;
  readonly ancestors: readonly Ancestor[];
  readonly job: HeldByJob | undefined;
  describe(): ChainLink;
}

/** A lone statement or a checkout. */
export function lookAtNamed(
  kind: 'statement' | 'checkout',
  client: RecordedClient,
  holder: SeenHolder,
  hold: Activity & { readonly connection: { readonly backend: BackendIdentity } | undefined },
): HolderInfo {
  const { transaction: name, age, level, openedAt } = holder.describe();
  return {
    id: holder.id,
    kind,
    name,
    clientName: client.name,
    level,
    poolId: client.poolId,
    chainId: holder.chainId,
    outerId: holder.parentId,
    ancestors: holder.ancestors,
    job: holder.job,
    blocks: none,
    attempt: 1,
    age,
    origin: openedAt,
    backend: hold.connection?.backend,
    ...activityOf(client, hold, []),
  };
}

/** What is known of an open transaction. */
export interface LookedAt {
  readonly client: RecordedClient;
  readonly record: TransactionRecord;
  readonly openedAt: number;
  readonly origin: Origin;
  readonly backend: BackendIdentity | undefined;
}

export function lookAtTransaction(looked: LookedAt, activity: Activity): HolderInfo {
  const { client, record, openedAt, origin, backend } = looked;
  const { id, name, level, chainId, parentId: outerId, ancestors, job, attempt, waits } = record;
  return {
    id,
    kind: 'transaction',
    name,
    clientName: client.name,
    level,
    poolId: client.poolId,
    chainId,
    outerId,
    ancestors,
    job,
    blocks: none,
    attempt,
    age: client.clock.now() - openedAt,
    origin: origin(),
    backend,
    ...activityOf(client, activity, waits),
  };
}

function activityOf(
  { clock, show, shortage }: RecordedClient,
  { waitingSince, running, idleSince }: Activity,
  waits: TransactionRecord['waits'],
): Pick<HolderInfo, 'running' | 'waitsFor'> {
  const now = clock.now();
  if (waitingSince !== undefined) {
    const refused = shortage?.cause === undefined ? undefined : failureName(shortage.cause);
    const waitsFor = { type: 'connection', opening: shortage !== undefined, refused, for: now - waitingSince } as const;
    return { running: undefined, waitsFor };
  }
  // One that waits for its turn waits for what the others wait for, unless it waits for itself.
  const latest = waits.find(({ wait }) => wait.type !== 'turn' || wait.inside) ?? waits[0];
  const noted: HolderWait | undefined = latest && { ...latest.wait, for: now - latest.since };
  if (running === undefined) {
    return { running: undefined, waitsFor: noted ?? { type: 'code', for: now - (idleSince || now) } };
  }
  const time = now - running.since;
  const text = (typeof running.texts === 'string' ? [running.texts] : running.texts)
    .map((each) => show(each))
    .join('; ');
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return { running: { text: shown, for: time }, waitsFor: { type: 'server', for: time } };
}
