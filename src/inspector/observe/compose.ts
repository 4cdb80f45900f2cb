import { findStandstills, type Standstill } from '../../observation/index.ts';
import type { Known } from '../fleet/fleet.ts';
import type { HolderView, ProcessView, SessionView, Snapshot } from '../snapshot.ts';
import type { WorkView } from '../work-views.ts';
import type { ProcessReport } from '../look/report.ts';
import type { OneTime, Told } from './at-one-time.ts';
import { withGroups } from './with-groups.ts';

/** What a look has found. */
export interface Found {
  readonly own: Told;
  readonly others: readonly Known[];
  readonly sessions: readonly SessionView[];
  readonly problems: readonly string[];
  /** Has seen the lists of the looks before. */
  readonly oneTime: OneTime;
}

/** How many holders a page gets at most. */
const mostHolders = 2_000;
const mostStandstills = 50;
/** What the connections of Sluice that are in no pool call themselves. */
const besidePools: ReadonlySet<string> = new Set(['sluice inspector', 'sluice lock probe']);

/** Puts together what all processes tell. */
export function compose({
  own: told,
  others,
  sessions,
  problems,
  oneTime,
}: Found): Omit<Snapshot, 'points' | 'payloads' | 'actions' | keyof WorkView> {
  const own = told.report;
  // What one told that does not answer now may long be over.
  const answered = others.filter(({ status }) => status === 'answered');
  const reports = [own, ...answered.map(({ report }) => report)].filter((report) => report !== undefined);
  const shown = reports.flatMap(({ identity: { id: processId }, holders }) =>
    holders.shown.map((holder): HolderView => ({ ...holder, processId })),
  );
  const groups = reports.flatMap(({ identity: { id: processId }, holders }) =>
    holders.groups.map((group) => ({ ...group, processId })),
  );
  const total = sum(reports, ({ holders }) => holders.total);
  const leftOut = sum(reports, ({ holders }) => holders.leftOut) + Math.max(0, shown.length - mostHolders);
  return {
    version: 1,
    at: Date.now(),
    inspector: own.identity.id,
    processes: [viewOf(own, 'answered', true), ...others.map(viewOfOther)],
    holders: { shown: shown.slice(0, mostHolders), groups, total, leftOut },
    standstills: withGroups(standstillsAmong(oneTime, [told, ...answered.flatMap(toldBy)]), shown, groups),
    sessions: foreign(sessions, reports),
    problems: [...new Set([...problems, ...reports.flatMap((report) => report.problems)])],
  };
}

function viewOf(report: ProcessReport, status: ProcessView['status'], isInspector: boolean): ProcessView {
  const { identity, pools, caches, holders } = report;
  return { ...identity, isInspector, status, pools, caches, holders: holders.total, waiting: holders.waiting };
}

function viewOfOther({ id, report, status, answeredAt }: Known): ProcessView {
  const since =
    status === 'answered' || answeredAt === 0 ? {} : { since: Date.now() - (performance.now() - answeredAt) };
  if (report !== undefined && status === 'answered') return viewOf(report, status, false);
  if (report !== undefined) return { ...viewOf(report, status, false), ...since, holders: 0, waiting: 0 };
  const unknown = { pid: 0, host: '', startedAt: 0, nodeVersion: '', version: '', pools: [], caches: [] };
  return { id, name: `process ${id}`, ...unknown, isInspector: false, status, holders: 0, waiting: 0 };
}

function toldBy({ report, askedAt, answeredAt }: Known): readonly Told[] {
  return report === undefined ? [] : [{ report, askedAt, cameAt: answeredAt }];
}

/** Those of no process of the fleet: what its own are doing stands among the holders. */
function foreign(sessions: readonly SessionView[], reports: readonly ProcessReport[]): readonly SessionView[] {
  const own = new Set(reports.flatMap(({ backends }) => backends));
  return sessions.filter(({ backendId, application }) => !own.has(backendId) && !besidePools.has(application));
}

/** What other processes tell may not fit together: the page is shown all the same. */
function standstillsAmong(oneTime: OneTime, lists: readonly Told[]): readonly Standstill[] {
  try {
    return findStandstills(oneTime.holders(lists)).slice(0, mostStandstills);
  } catch {
    return [];
  }
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
