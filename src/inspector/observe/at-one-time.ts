import type { HolderInfo } from '../../observation/index.ts';
import type { ProcessReport } from '../look/report.ts';

/** What a process has told, and when by the clock of the inspector, in milliseconds: it looked between the two. */
export interface Told {
  readonly report: ProcessReport;
  readonly askedAt: number;
  readonly cameAt: number;
}

interface Placed {
  readonly told: Told;
  readonly holder: HolderInfo;
}

/**
 * The holders of all processes, as they were at one time. The lists of two processes are of two moments: who waits for a lock in
 * the one may wait for someone who has gone on since, as the other one tells, and both together would make a circle that there
 * never was. So a wait for someone of another process is believed only if that one has done what it does now since before the
 * wait was seen: as long as it stands still it keeps its locks. In place of any other wait the server is said to be at work.
 */
export function atOneTime(lists: readonly Told[]): readonly HolderInfo[] {
  const placed = lists.flatMap((told) => told.report.holders.shown.map((holder): Placed => ({ told, holder })));
  const byBackend = new Map<string, Placed>();
  for (const each of placed) {
    const { backend } = each.holder;
    if (backend !== undefined) byBackend.set(keyOf(backend), each);
  }
  return placed.map(({ told, holder }) => {
    const { waitsFor } = holder;
    if (waitsFor.type !== 'lock') return holder;
    const hasGoneOn = waitsFor.owners.some(({ backend }) => {
      const owner = byBackend.get(keyOf(backend));
      return owner !== undefined && owner.told !== told && latestBegin(owner) > earliestLook(told);
    });
    return hasGoneOn ? { ...holder, waitsFor: { type: 'server', for: waitsFor.for } } : holder;
  });
}

function earliestLook({ report, askedAt }: Told): number {
  return askedAt - report.holders.lookedAgo;
}

/** When it began with what it does, at the latest. */
function latestBegin({ told: { report, cameAt }, holder }: Placed): number {
  return cameAt - report.holders.lookedAgo - holder.waitsFor.for;
}

/** A server uses its ids again, so that the start counts too. */
function keyOf({ id, startedAt }: NonNullable<HolderInfo['backend']>): string {
  return `${id} ${startedAt}`;
}
