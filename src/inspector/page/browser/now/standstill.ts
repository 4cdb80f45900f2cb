import { el, svg } from '../parts/dom.ts';
import { cut } from '../parts/format.ts';
import {
  labelOf,
  type Member,
  membersOf,
  mostDrawn,
  nameOf,
  placeOf,
  sentenceOf,
  type Standing,
  stepsOf,
} from './standing.ts';

const box = { width: 168, height: 46 };
const lineHeight = 16;
/** How wide a letter on an arrow is, about. */
const letter = 6.4;
/** In less width the boxes of a circle stand below each other. */
const roomForCircle = 520;
/** How far an arrow leads around the boxes that are between its ends. */
const around = 230;

/** Draws a circle, or a chain with its head at the end, as wide as there is room. */
export function drawStandstill(standing: Standing, width: number): SVGSVGElement {
  const isCircle = standing.kind === 'circle';
  // Of a long one the end says most.
  const members = membersOf(standing).slice(-mostDrawn);
  // With a line for the process.
  const tall = members.some(({ process }) => process !== undefined) ? box.height + lineHeight : box.height;
  const { points, height } =
    isCircle && width >= roomForCircle
      ? onCircle(members.length, width, tall)
      : inLine(members.length, width, { tall, isCircle });
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
    if (from !== undefined && to !== undefined)
      drawn.append(
        ...arrow({ from, to, tall, width }, labelOf(member, members[(index + 1) % members.length] ?? member)),
      );
  }
  for (const [index, member] of members.entries()) {
    const at = points[index];
    const isHead = !isCircle && index === members.length - 1;
    if (at !== undefined) drawn.append(drawMember(member, at, { tall, isHead }));
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

function onCircle(length: number, width: number, tall: number): Layout {
  // What is on the arrows of more than two has its room next to them.
  const radiusX = Math.max(60, Math.min(length === 2 ? 250 : 190, (width - box.width) / 2 - 8));
  const radiusY = length === 2 ? 24 : Math.min(150, 50 + 18 * length);
  const height = 2 * radiusY + tall + 24;
  const points = Array.from({ length }, (_, index) => {
    // Two stand next to each other; of more the first is at the top.
    const angle = (length === 2 ? Math.PI : -Math.PI / 2) + (index * 2 * Math.PI) / length;
    return { x: width / 2 + radiusX * Math.cos(angle), y: height / 2 + radiusY * Math.sin(angle) };
  });
  return { points, height };
}

/** From top to bottom: a row of boxes has no room for what is on the arrows. */
function inLine(
  length: number,
  width: number,
  { tall, isCircle }: { readonly tall: number; readonly isCircle: boolean },
): Layout {
  const step = tall + 46;
  // What leads back to the first has its room at the right, and so has what is next to the arrows.
  const x = isCircle ? box.width / 2 + 4 : Math.max(box.width / 2 + 4, Math.min(width / 2, width - 200));
  const points = Array.from({ length }, (_, index) => ({ x, y: 12 + tall / 2 + index * step }));
  return { points, height: 24 + tall + (length - 1) * step };
}

function arrowHead(): SVGElement {
  return svg(
    'marker',
    { id: 'head', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto' },
    svg('path', { d: 'M0 0 L8 4 L0 8 z', class: 'arrow-head' }),
  );
}

interface Way {
  readonly from: Spot;
  readonly to: Spot;
  /** The height of the boxes at its ends. */
  readonly tall: number;
  /** Of the whole picture. */
  readonly width: number;
}

/** An arrow that is bent outwards, so that two between the same boxes are apart, with a text next to it. */
function arrow({ from, to, tall, width }: Way, label: string): readonly SVGElement[] {
  const isUpright = Math.abs(to.x - from.x) < 1;
  const isDown = isUpright && to.y > from.y;
  const bend = !isUpright ? 34 : isDown ? 0 : -around;
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  /** Outwards. */
  const side = { x: dy / length, y: -dx / length };
  const middle = { x: (from.x + to.x) / 2 + side.x * bend, y: (from.y + to.y) / 2 + side.y * bend };
  const start = edgeOf(from, middle, tall);
  const end = edgeOf(to, middle, tall);
  // Not on the arrow, which would be seen between the words.
  const aside = isUpright && !isDown ? 0 : 11;
  const anchor = aside === 0 || Math.abs(side.x) < 0.2 ? 'middle' : side.x > 0 ? 'start' : 'end';
  const x = (start.x + 2 * middle.x + end.x) / 4 + side.x * aside;
  const y = (start.y + 2 * middle.y + end.y) / 4 + side.y * aside + 4;
  return [
    svg('path', {
      d: `M${round(start.x)} ${round(start.y)} Q${round(middle.x)} ${round(middle.y)} ${round(end.x)} ${round(end.y)}`,
      class: 'arrow',
      'marker-end': 'url(#head)',
    }),
    svg('text', { x: round(inside(x, anchor, { label, width })), y: round(y), class: `arrow-text ${anchor}` }, label),
  ];
}

/** Where a text is whole within the picture. */
function inside(
  x: number,
  anchor: string,
  { label, width }: { readonly label: string; readonly width: number },
): number {
  const wide = label.length * letter;
  if (anchor === 'start') return Math.max(0, Math.min(x, width - wide));
  if (anchor === 'end') return Math.min(width, Math.max(x, wide));
  return Math.max(wide / 2, Math.min(x, width - wide / 2));
}

/** Where the way from the middle of a box to a point leaves the box. */
function edgeOf(at: Spot, towards: Spot, tall: number): Spot {
  const [dx, dy] = [towards.x - at.x, towards.y - at.y];
  const share = Math.min(
    (box.width / 2 + 3) / Math.max(Math.abs(dx), 0.01),
    (tall / 2 + 3) / Math.max(Math.abs(dy), 0.01),
  );
  return { x: at.x + dx * share, y: at.y + dy * share };
}

function drawMember(
  member: Member,
  { x, y }: Spot,
  { tall, isHead }: { readonly tall: number; readonly isHead: boolean },
): SVGElement {
  const left = round(x - box.width / 2);
  const top = round(y - tall / 2);
  const inner = { x: left + 5, y: top, width: box.width - 10, height: tall, class: 'member-text' };
  const places = [placeOf(member), ...(member.process === undefined ? [] : [member.process])];
  // What has fewer lines than others stands in the middle of its box.
  const first = 20 + (tall - box.height - lineHeight * (places.length - 1)) / 2;
  return svg(
    'g',
    { class: isHead ? 'member head' : 'member' },
    svg('rect', { x: left, y: top, width: box.width, height: tall, rx: 8 }),
    svg(
      'svg',
      inner,
      svg('text', { x: '50%', y: first, class: 'member-name' }, fitted(nameOf(member), '600 13px')),
      ...places.map((place, line) =>
        svg('text', { x: '50%', y: first + lineHeight * (line + 1), class: 'member-place' }, fitted(place, '11px')),
      ),
    ),
  );
}

const pen = document.createElement('canvas').getContext('2d');

/** As much of a text as has room in a box. */
function fitted(text: string, size: string): string {
  if (pen === null) return cut(text, 20);
  pen.font = `${size} ${getComputedStyle(document.body).fontFamily}`;
  const isTooWide = (shown: string): boolean => pen.measureText(shown).width > box.width - 12;
  if (!isTooWide(text)) return text;
  let length = text.length;
  while (length > 1 && isTooWide(`${text.slice(0, length)}…`)) length -= 1;
  return `${text.slice(0, length)}…`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

/** A standstill as a card: its sentence, its picture, and its steps, each of which can be opened. */
export function standstillCard(standing: Standing, width: number, open: (id: string) => void): HTMLElement {
  const steps = stepsOf(standing).map(({ member, text }) => {
    // Of a connection that is no holder's there is no more to show.
    const rest = el('span', { class: 'step' }, text);
    if (member.kind === 'backend') return el('li', {}, el('strong', {}, nameOf(member)), ' ', rest);
    const button = el('button', { type: 'button', class: 'link' }, nameOf(member));
    button.addEventListener('click', () => open(member.id));
    return el('li', {}, button, ' ', rest);
  });
  return el(
    'article',
    { class: `card standstill ${standing.kind}` },
    el('p', { class: 'sentence' }, sentenceOf(standing)),
    drawStandstill(standing, width),
    el('ol', { class: 'steps' }, ...steps),
  );
}
