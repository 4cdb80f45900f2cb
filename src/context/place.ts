import type { AmbientScope, ClientIdentity, Frame, HookSink, OpenTransaction } from './frame.ts';

/** Where a call lands: a client, a level, and the scope that it joins, if any. */
export interface Place {
  readonly client: ClientIdentity;
  readonly level: number;
  readonly scope: AmbientScope | undefined;
  readonly hooks: HookSink | undefined;
}

/**
 * Finds where a call on `client` lands, seen from `frame`.
 *
 * Without a level it follows the ambient one: the innermost frame of the client decides. With a
 * level it joins what the chain has open on that client at that level, and otherwise stands alone
 * at exactly that level.
 */
export function findPlace(frame: Frame | undefined, client: ClientIdentity, level?: number): Place {
  for (let at = frame; at !== undefined; at = at.parent) {
    if (at.client === client && (level === undefined || at.level === level)) {
      return { client, level: level ?? levelOf(at, frame), scope: at.scope, hooks: at.hooks };
    }
  }
  return { client, level: level ?? levelBeside(frame), scope: undefined, hooks: frame?.hooks };
}

/** A frame without a transaction rises above whatever its chain opened on other clients since. */
function levelOf(at: Frame, current: Frame | undefined): number {
  if (at.scope !== undefined || current === undefined || current.held <= at.held) return at.level;
  return Math.max(at.level, current.held + 1);
}

/** Whether the chain up to `frame`, in whichever process, has a transaction other than `own` open at `level` or deeper. */
export function holdsAtOrAbove(frame: Frame | undefined, level: number, own?: OpenTransaction): boolean {
  for (let open = frame?.innermost; open !== undefined; open = open.outer) {
    if (open !== own && open.isOpen && open.level >= level) return true;
  }
  return frame?.chain?.ancestors?.some((ancestor) => ancestor.level >= level) ?? false;
}

/** The level for a resource needed besides those that the chain holds: above all of them. */
export function levelBeside(frame: Frame | undefined): number {
  return frame === undefined ? 0 : Math.max(frame.level, frame.held + 1);
}

/** The level of an isolated frame or an awaited job: always one deeper, and above all that is held. */
export function levelIsolated(current: number, frame: Frame | undefined): number {
  return Math.max(current + 1, (frame?.held ?? -1) + 1);
}
