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
const mostKept = 6;

/**
 * The holders of all processes, as they were at one time. The lists of two processes are of two moments: who waits for a lock in
 * the one may wait for someone who has gone on since, as the other one tells, and both together would make a circle that there
 * never was. So a wait for someone of another process is believed only where both have stood still since before it was seen, and
 * where it was seen in each look from before the other was looked at until after it. As long as they stand still, who holds a lock
 * keeps it; but a place in a queue may change hands without that: PostgreSQL's waiters for a row line up anew for each version of it.
 * In place of any other wait the server is said to be at work.
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

  /** Whether the wait was seen in all reports from before one of the owner until after it, since before which both do what they do now. */
  #stoodStill(waiter: Placed, owner: Placed): boolean {
    const since = Math.max(latestBegin(waiter), latestBegin(owner));
    const seen: Told[] = [];
    for (const each of this.#reportsOf(waiter)) {
      if (earliestLook(each) < since || !showsWait(each, waiter, owner)) break;
      seen.push(each);
    }
    const [last, first] = [seen[0], seen.at(-1)];
    if (last === undefined || first === undefined) return false;
    return this.#reportsOf(owner).some(
      (told) => first.cameAt <= earliestLook(told) && told.cameAt <= earliestLook(last),
    );
  }

  #reportsOf({ told: { report } }: Placed): readonly Told[] {
    return this.#reports.get(report.identity.id) ?? [];
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
