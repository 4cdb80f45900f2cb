import type { HolderView } from '../../../index.ts';
import { el, svg } from '../parts/dom.ts';
import { cut, duration, plural } from '../parts/format.ts';

/** One of those that stand still. */
export interface Member {
  readonly id: string;
  readonly kind: HolderView['kind'] | 'savepoint' | 'backend';
  readonly name: string;
  readonly clientName?: string | undefined;
  readonly level?: number | undefined;
  readonly waitsFor?: HolderView['waitsFor'] | undefined;
}

/** What stands still: a circle, or a chain that its last member holds. */
export interface Standing {
  readonly kind: 'circle' | 'held';
  readonly members: readonly Member[];
  readonly waiting: number;
  readonly besides: number;
  readonly for: number;
}

/** More than these cannot be told apart on a circle. */
const mostDrawn = 8;
const box = { width: 168, height: 46 };
/** In less width the boxes of a circle stand below each other. */
const roomForCircle = 520;
/** How far an arrow leads around the boxes that are between its ends. */
const around = 230;

/** A standstill in a sentence. */
export function sentenceOf({ kind, members, waiting, for: time }: Standing): string {
  const names = members.slice(0, mostDrawn).map(nameOf);
  const others = waiting === 0 ? '' : `; ${plural(waiting, 'other waits', 'others wait')} behind`;
  if (kind === 'circle')
    return `Standstill for ${duration(time)}: ${names.join(', ')} wait for each other in a circle${others}.`;
  const head = members.at(-1);
  const before = members.length === 2 ? nameOf(members[0] ?? { id: '', kind: 'statement', name: '' }) : 'a chain';
  return `Held for ${duration(time)}: ${before} waits for ${head === undefined ? 'no one' : nameOf(head)}${others}.`;
}

/** The steps of a standstill, one by one, for those who read. */
export function stepsOf({
  kind,
  members,
  besides,
}: Standing): readonly { readonly member: Member; readonly text: string }[] {
  return members.map((member, index) => {
    const next = members[index + 1] ?? (kind === 'circle' ? members[0] : undefined);
    const isLast = index === members.length - 1;
    const others = isLast && besides > 0 ? `, as do ${plural(besides, 'other')}` : '';
    if (next === undefined) return { member, text: `${headOf(member)}${others}` };
    return { member, text: `${bondOf(member)} ${nameOf(next)}` };
  });
}

/** Draws a circle, or a chain with its head at the end, as wide as there is room. */
export function drawStandstill(standing: Standing, width: number): SVGSVGElement {
  const isCircle = standing.kind === 'circle';
  // Of a long one the end says most.
  const members = standing.members.slice(-mostDrawn);
  const { points, height } =
    isCircle && width >= roomForCircle ? onCircle(members.length, width) : inLine(members.length, width, isCircle);
  const drawn = svg('svg', {
    class: 'standstill-drawing',
    role: 'img',
    'aria-label': sentenceOf(standing),
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
  });
  drawn.append(svg('defs', {}, arrowHead()));
  for (const [index, member] of members.entries()) {
    const from = points[index];
    const to = points[index + 1] ?? (isCircle ? points[0] : undefined);
    if (from !== undefined && to !== undefined) drawn.append(...arrow(from, to, labelOf(member)));
  }
  for (const [index, member] of members.entries()) {
    const at = points[index];
    const isHead = !isCircle && index === members.length - 1;
    if (at !== undefined) drawn.append(drawMember(member, at, isHead));
  }
  return drawn;
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

interface Layout {
  readonly points: readonly Spot[];
  readonly height: number;
}

function onCircle(length: number, width: number): Layout {
  const radiusX = Math.max(60, Math.min(250, (width - box.width) / 2 - 8));
  const radiusY = length === 2 ? 24 : Math.min(150, 50 + 18 * length);
  const height = 2 * radiusY + box.height + 24;
  const points = Array.from({ length }, (_, index) => {
    // Two stand next to each other; of more the first is at the top.
    const angle = (length === 2 ? Math.PI : -Math.PI / 2) + (index * 2 * Math.PI) / length;
    return { x: width / 2 + radiusX * Math.cos(angle), y: height / 2 + radiusY * Math.sin(angle) };
  });
  return { points, height };
}

/** From top to bottom: a row of boxes has no room for what is on the arrows. */
function inLine(length: number, width: number, isCircle: boolean): Layout {
  const step = box.height + 46;
  // What leads back to the first has its room at the right.
  const x = isCircle ? box.width / 2 + 4 : width / 2;
  const points = Array.from({ length }, (_, index) => ({ x, y: 12 + box.height / 2 + index * step }));
  return { points, height: 24 + box.height + (length - 1) * step };
}

function arrowHead(): SVGElement {
  return svg(
    'marker',
    { id: 'head', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto' },
    svg('path', { d: 'M0 0 L8 4 L0 8 z', class: 'arrow-head' }),
  );
}

/** An arrow that is bent outwards, so that two between the same boxes are apart. */
function arrow(from: Spot, to: Spot, label: string): readonly SVGElement[] {
  const isUpright = Math.abs(to.x - from.x) < 1;
  const bend = !isUpright ? 34 : to.y > from.y ? 0 : -around;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const middle = { x: (from.x + to.x) / 2 + (dy / length) * bend, y: (from.y + to.y) / 2 - (dx / length) * bend };
  const start = edgeOf(from, middle);
  const end = edgeOf(to, middle);
  // Not on the arrow, which would be seen between the words.
  const aside = isUpright ? 0 : 11;
  const text = {
    x: (start.x + 2 * middle.x + end.x) / 4 + (dy / length) * aside,
    y: (start.y + 2 * middle.y + end.y) / 4 - (dx / length) * aside + 4,
  };
  return [
    svg('path', {
      d: `M${round(start.x)} ${round(start.y)} Q${round(middle.x)} ${round(middle.y)} ${round(end.x)} ${round(end.y)}`,
      class: 'arrow',
      'marker-end': 'url(#head)',
    }),
    svg('text', { x: round(text.x), y: round(text.y), class: 'arrow-text' }, label),
  ];
}

/** Where the way from the middle of a box to a point leaves the box. */
function edgeOf(at: Spot, towards: Spot): Spot {
  const [dx, dy] = [towards.x - at.x, towards.y - at.y];
  const share = Math.min(
    (box.width / 2 + 3) / Math.max(Math.abs(dx), 0.01),
    (box.height / 2 + 3) / Math.max(Math.abs(dy), 0.01),
  );
  return { x: at.x + dx * share, y: at.y + dy * share };
}

function drawMember(member: Member, { x, y }: Spot, isHead: boolean): SVGElement {
  const left = round(x - box.width / 2);
  const top = round(y - box.height / 2);
  // A name that is too wide ends at the edge.
  const inner = { x: left + 5, y: top, width: box.width - 10, height: box.height, class: 'member-text' };
  return svg(
    'g',
    { class: isHead ? 'member head' : 'member' },
    svg('rect', { x: left, y: top, width: box.width, height: box.height, rx: 8 }),
    svg(
      'svg',
      inner,
      svg('text', { x: '50%', y: 20, class: 'member-name' }, cut(nameOf(member), 20)),
      svg('text', { x: '50%', y: 36, class: 'member-place' }, cut(placeOf(member), 26)),
    ),
  );
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

function nameOf({ kind, name }: Member): string {
  const shown = cut(name, 60);
  if (kind === 'backend') return `backend ${shown}`;
  return kind === 'transaction' || kind === 'statement' ? shown : `${kind} ${shown}`;
}

function placeOf({ clientName, level }: Member): string {
  if (clientName === undefined) return 'of no known process';
  return `${cut(clientName, 16)}${level === undefined ? '' : `, level ${level}`}`;
}

/** What a member waits for, up to the name of the next one. */
function bondOf({ waitsFor, clientName }: Member): string {
  switch (waitsFor?.type) {
    case 'connection':
      return `wants a connection of ${cut(clientName ?? 'its pool', 60)}, held by`;
    case 'lock':
      return `wants a lock${waitsFor.relation === undefined ? '' : ` on ${cut(waitsFor.relation, 60)}`}, held by`;
    case 'transaction':
      return 'waits for the transaction inside of it,';
    case 'job':
      return `waits for a job of ${cut(waitsFor.queue, 60)}, run by`;
    case 'hook':
      return `runs its ${waitsFor.hook} hook, which waits for`;
    case 'turn':
      return 'waits for its turn, after';
    case 'foreign':
      return `waits for ${cut(waitsFor.what, 60)}, besides`;
    case 'server':
    case 'code':
    case undefined:
      return 'waits for';
  }
}

/** The same on an arrow. */
function labelOf({ waitsFor }: Member): string {
  switch (waitsFor?.type) {
    case 'connection':
      return 'wants a connection';
    case 'lock':
      return waitsFor.relation === undefined ? 'wants a lock' : `wants a lock: ${cut(waitsFor.relation, 16)}`;
    case 'transaction':
      return 'waits for inner';
    case 'job':
      return `awaits ${cut(waitsFor.queue, 16)}`;
    case 'hook':
      return cut(waitsFor.hook, 16);
    case 'turn':
      return 'waits for its turn';
    case 'foreign':
      return cut(waitsFor.what, 16);
    case 'server':
    case 'code':
    case undefined:
      return 'waits for';
  }
}

/** What the last of a held chain does. */
function headOf({ kind, waitsFor }: Member): string {
  switch (waitsFor?.type) {
    case 'code':
      return `holds the others, and is in the program: it has sent nothing for ${duration(waitsFor.for)}`;
    case 'job':
      return `holds the others, and waits for a job of ${cut(waitsFor.queue, 60)} that nothing is seen of`;
    case 'hook':
      return `holds the others, and runs its ${waitsFor.hook} hook`;
    case 'foreign':
      return `holds the others, and waits for ${cut(waitsFor.what, 60)}`;
    case undefined:
      return kind === 'backend' ? 'holds the others, and belongs to no process that is seen' : 'holds the others';
    case 'connection':
    case 'lock':
    case 'server':
    case 'transaction':
    case 'turn':
      return 'holds the others';
  }
}

/** A standstill as a card: its sentence, its picture, and its steps, each of which can be opened. */
export function standstillCard(standing: Standing, width: number, open: (id: string) => void): HTMLElement {
  const steps = stepsOf(standing).map(({ member, text }) => {
    const button = el('button', { type: 'button', class: 'link' }, nameOf(member));
    button.addEventListener('click', () => open(member.id));
    return el('li', {}, button, ` ${text}`);
  });
  return el(
    'article',
    { class: `card standstill ${standing.kind}` },
    el('p', { class: 'sentence' }, sentenceOf(standing)),
    drawStandstill(standing, width),
    el('ol', { class: 'steps' }, ...steps),
  );
}
