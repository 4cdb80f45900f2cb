import type { AmbientScope, ClientIdentity, Frame, HookSink, OpenTransaction } from './frame.ts';
import type { BaseLevel } from './base-level.ts';

/** Where a call lands: a client, a level, and the scope that it joins, if any. */
export interface Place {
  readonly client: ClientIdentity;
  readonly level: number;
  readonly scope: AmbientScope | undefined;
  readonly hooks: HookSink | undefined;
  /** The frame that says so; none where no frame speaks of the client. */
  readonly at: Frame | undefined;
}

/**
 * Finds where a call on `client` lands, seen from `frame`.
 *
 * Without a level it follows the ambient one: the innermost frame of the client decides. With a
 * level it joins what the chain has open on that client at that level, and otherwise stands alone
 * at exactly that level.
 */
export function findPlace(frame: Frame | undefined, client: ClientIdentity, level?: number): Place {
  const at = findFrame(frame, client, level);
  if (at === undefined || frame === undefined) {
    return { client, level: level ?? levelBeside(frame), scope: undefined, hooks: frame?.hooks, at: undefined };
  }
  return { client, level: level ?? levelOf(at, frame), scope: at.scope, hooks: at.hooks, at };
}

/** The frame that says where a call on `client` lands; see `findPlace`. */
export function findFrame(frame: Frame | undefined, client: ClientIdentity, level?: number): Frame | undefined {
  let at = frame;
  while (at !== undefined && (at.client !== client || (level !== undefined && at.level !== level))) at = at.parent;
  return at;
}

/** The level at which what runs in a frame runs, seen from the frame that is current. */
export function levelOf(at: Frame, current: Frame): number {
  if (at.scope?.transaction.isLive === true) return at.scope.transaction.level;
  if (at.scope !== undefined || at.level === undefined) return above(at.baseLevel, current.held);
  // An explicit level rises above whatever the chain has opened on other clients since.
  let { level } = at;
  const { innermost: before } = at;
  for (let open = current.innermost; open !== undefined && open !== before; open = open.outer) {
    level = Math.max(level, open.level + 1);
  }
  return level;
}

/** Whether the chain up to `frame`, in whichever process, holds a transaction other than `own` at `level` or deeper. */
export function holdsAtOrAbove(frame: Frame | undefined, level: number, own?: OpenTransaction): boolean {
  for (let open = frame?.innermost; open !== undefined; open = open.outer) {
    if (open !== own && open.level >= level) return true;
  }
  return frame?.chain?.ancestors?.some((ancestor) => ancestor.level >= level) ?? false;
}

/** The level for a resource needed besides those that the chain holds: above all of them. */
export function levelBeside(frame: Frame | undefined): number {
  return frame === undefined ? 0 : above(frame.baseLevel, frame.held);
}

/** The level of an isolated frame or an awaited job: always one deeper, and above all that is held. */
export function levelIsolated(current: number, frame: Frame | undefined): number {
  return Math.max(current + 1, (frame?.held ?? -1) + 1);
}

function above(baseLevel: BaseLevel | undefined, held: number): number {
  return Math.max(baseLevel === undefined ? 0 : baseLevel.level, held + 1);
}

/** Says why no connection of a client may be taken; nothing where one may. */
type Refusal = (client: ClientIdentity) => Error | undefined;

/** What transactions refuse to those inside of them. */
const refusals = new WeakMap<OpenTransaction, Refusal>();

/** Inside of a transaction no connection is taken from now on of the clients that `refusal` gives an error for. */
export function refuseInside(transaction: OpenTransaction, refusal: Refusal): void {
  refusals.set(transaction, refusal);
}

/** @throws what a transaction of the chain refuses the client with */
export function assertTakes(frame: Frame | undefined, client: ClientIdentity): void {
  for (let open = frame?.innermost; open !== undefined; open = open.outer) {
    const error = refusals.get(open)?.(client);
    if (error !== undefined) throw error;
  }
}
