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

/** How many reports of a process are kept: answers come until a look or two later. */
const mostKept = 4;

/**
 * The holders of all processes, as they were at one time. The lists of two processes are of two moments: who waits for a lock in
 * the one may wait for someone who has gone on since, as the other one tells, and both together would make a circle that there
 * never was. So a wait for someone of another process is believed only where both have stood still since before it was seen, and
 * until after it: as long as they do, who holds a lock keeps it. In place of any other wait the server is said to be at work.
 */
export class OneTime {
  /** By the id of the process, the latest first. */
  #reports: ReadonlyMap<string, readonly Told[]> = new Map();

  /** @param lists the last of each process */
  holders(lists: readonly Told[]): readonly HolderInfo[] {
    this.#keep(lists);
    const placed = lists.flatMap((told) => told.report.holders.shown.map((holder): Placed => ({ told, holder })));
    const byBackend = new Map<string, Placed>();
    for (const each of placed) {
      const { backend } = each.holder;
      if (backend !== undefined) byBackend.set(keyOf(backend), each);
    }
    return placed.map((waiter) => {
      const { told, holder } = waiter;
      const { waitsFor } = holder;
      if (waitsFor.type !== 'lock') return holder;
      const isDoubtful = waitsFor.owners.some(({ backend }) => {
        const owner = byBackend.get(keyOf(backend));
        return owner !== undefined && owner.told !== told && !this.#stoodStill(waiter, owner);
      });
      return isDoubtful ? { ...holder, waitsFor: { type: 'server', for: waitsFor.for } } : holder;
    });
  }

  #keep(lists: readonly Told[]): void {
    const kept = lists.map((told): [string, readonly Told[]] => {
      const { id } = told.report.identity;
      const before = this.#reports.get(id) ?? [];
      return [id, before[0]?.report === told.report ? before : [told, ...before].slice(0, mostKept)];
    });
    this.#reports = new Map(kept);
  }

  /** Whether the wait was seen in a report since before which both do what they do now, and which came before the owner's. */
  #stoodStill(waiter: Placed, owner: Placed): boolean {
    const since = Math.max(latestBegin(waiter), latestBegin(owner));
    const reports = this.#reports.get(waiter.told.report.identity.id) ?? [];
    return reports.some(
      (seen) =>
        since <= earliestLook(seen) && seen.cameAt <= earliestLook(owner.told) && showsWait(seen, waiter, owner),
    );
  }
}

function showsWait({ report }: Told, waiter: Placed, owner: Placed): boolean {
  const waitsFor = report.holders.shown.find(({ id }) => id === waiter.holder.id)?.waitsFor;
  const { backend } = owner.holder;
  return (
    waitsFor?.type === 'lock' &&
    backend !== undefined &&
    waitsFor.owners.some((each) => keyOf(each.backend) === keyOf(backend))
  );
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
