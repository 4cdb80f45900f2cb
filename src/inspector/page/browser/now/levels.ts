import type { PoolView, ProcessView } from '../../../index.ts';
import { el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { count, cut, moment, plural } from '../parts/format.ts';
import { placeOf } from './parties.ts';

interface Row {
  readonly key: string;
  readonly pool: PoolView;
  readonly place: string;
  /** Until when it is known, where its process does not answer now. */
  readonly asOf: number | undefined;
}

interface LevelRow {
  readonly level: number;
  readonly used: number;
  readonly waiting: number;
  readonly of: number;
}

/** What is drawn of pools, and of the levels of one. */
const most = 60;
const mostLevels = 12;

/** Shows the pools of all processes: of each level how many connections are used, and how many wait. */
export function showLevels(parent: HTMLElement, processes: readonly ProcessView[]): void {
  const rows = processes.flatMap((process) =>
    process.pools.map((pool): Row => ({
      key: `${process.id} ${pool.clientName}`,
      pool,
      place: placeOf(process),
      asOf: process.status === 'answered' ? undefined : process.since,
    })),
  );
  // Where someone waits comes first.
  rows.sort((one, other) => other.pool.waiting - one.pool.waiting);
  syncChildren(parent, rows.slice(0, most), {
    keyOf: ({ key }) => key,
    create: createPool,
    update: updatePool,
  });
}

function createPool(): HTMLElement {
  return el(
    'article',
    { class: 'card pool' },
    el('h3'),
    el('p', { class: 'place' }),
    el('ul', { class: 'levels' }),
    el('p', { class: 'rest' }),
  );
}

function updatePool(element: HTMLElement, { pool, place, asOf }: Row): void {
  const [heading, where, list, rest] = element.children;
  if (heading === undefined || where === undefined || list === undefined || rest === undefined) return;
  setText(heading, cut(pool.clientName, 60));
  setText(where, `${cut(place, 60)}: ${cut(pool.target, 80)}`);
  syncChildren(list, levelsOf(pool), { keyOf: ({ level }) => String(level), create: createLevel, update: updateLevel });
  const more = [
    `${count(pool.used)} of ${count(pool.budget)} in use`,
    ...(pool.idle > 0 ? [`${count(pool.idle)} idle`] : []),
    ...(pool.opening > 0 ? [`${count(pool.opening)} opening`] : []),
    ...(pool.closing > 0 ? [`${count(pool.closing)} closing`] : []),
    ...(asOf === undefined ? [] : [`as of ${moment(asOf)}, when its process last answered`]),
  ];
  setText(rest, more.join(', '));
  setAttributes(element, { class: asOf === undefined ? 'card pool' : 'card pool stale' });
}

/** Level 0, and those above it that have ever been used now. */
function levelsOf({ levels, max, budget }: PoolView): readonly LevelRow[] {
  return levels
    .filter(({ level, used, waiting }) => level < 3 || used > 0 || waiting > 0)
    .slice(0, mostLevels)
    .map(({ level, used, waiting }) => ({
      level,
      used,
      waiting,
      of: Math.max(used, level === 0 ? max : Math.min(max, budget), 1),
    }));
}

function createLevel(): HTMLElement {
  return el(
    'li',
    {},
    el('span', { class: 'level-name' }),
    el('meter', { min: 0, class: 'bar' }),
    el('span', { class: 'level-used' }),
    el('span', { class: 'level-waiting' }),
  );
}

function updateLevel(element: HTMLElement, { level, used, waiting, of }: LevelRow): void {
  const [name, bar, inUse, inLine] = element.children;
  if (name === undefined || bar === undefined || inUse === undefined || inLine === undefined) return;
  setText(name, `level ${level}`);
  setAttributes(bar, { max: of, value: used, 'aria-label': `connections in use at level ${level}` });
  setText(inUse, `${count(used)} used`);
  setText(inLine, waiting === 0 ? '' : plural(waiting, 'waits', 'wait'));
  setAttributes(element, { class: waiting > 0 ? 'waited' : undefined });
}
