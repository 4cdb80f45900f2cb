import { box, drawing, line, lineHeight, texts, wrap } from './svg.mjs';

const [left, top, headHeight] = [20, 16, 40];
const columnWidth = 182;
const headWidth = columnWidth - 14;

/**
 * A drawing of who calls whom, from a text of these lines:
 *
 *     title: The way of a statement
 *     description: What a screen reader says.
 *     program = Your code
 *     scope = transaction/scope.ts
 *     program -> scope: a call
 *     scope --> program: an answer
 *     scope: what it does by itself
 *     note program..scope: something to know
 *     == A part ==
 */
export function drawSequence(text) {
  const { title, description, lifelines, events } = parseSequence(text);
  const names = [...lifelines.keys()];
  const xOf = (name) => {
    if (!lifelines.has(name)) throw new Error(`${title}: there is no ${name}`);
    return left + names.indexOf(name) * columnWidth + headWidth / 2;
  };
  const width = left * 2 + (names.length - 1) * columnWidth + headWidth;
  const parts = [];
  let y = top + headHeight + 14;
  for (const event of events) {
    const drawn = drawEvent(event, { y, xOf, width });
    parts.push(...drawn.parts);
    y += drawn.height;
  }
  const lives = names.map((name) => line('life', xOf(name), top + headHeight, xOf(name), y + 6));
  const bands = parts.filter((part) => part.includes('class="part"'));
  const others = parts.filter((part) => !part.includes('class="part"'));
  return drawing({
    width,
    height: y + 20,
    title,
    description,
    parts: [...bands, ...lives, ...names.flatMap((name) => headParts(lifelines.get(name), xOf(name))), ...others],
  });
}

/**
 * @returns {{
 *   title: string,
 *   description: string,
 *   lifelines: Map<string, string>,
 *   events: { type: string, from?: string, to?: string, text: string }[],
 * }}
 */
export function parseSequence(text) {
  const found = { title: '', description: '', lifelines: new Map(), events: [] };
  for (const row of text.split('\n')) if (row.trim() !== '') readRow(row.trim(), found);
  return found;
}

function readRow(row, found) {
  const [, key, said] = /^(title|description): (.+)$/.exec(row) ?? [];
  if (key !== undefined) return void (found[key] = said);
  const [, id, label] = /^(\w+) = (.+)$/.exec(row) ?? [];
  if (id !== undefined) return void found.lifelines.set(id, label);
  const [, part] = /^== (.+) ==$/.exec(row) ?? [];
  if (part !== undefined) return void found.events.push({ type: 'part', text: part });
  const [, first, last, note] = /^note (\w+)(?:\.\.(\w+))?: (.+)$/.exec(row) ?? [];
  if (first !== undefined) return void found.events.push({ type: 'note', from: first, to: last ?? first, text: note });
  const [, from, arrow, to, call] = /^(\w+) (-->|->) (\w+): (.+)$/.exec(row) ?? [];
  if (from !== undefined)
    return void found.events.push({ type: arrow === '->' ? 'call' : 'answer', from, to, text: call });
  const [, own, act] = /^(\w+): (.+)$/.exec(row) ?? [];
  if (own === undefined) throw new Error(`This line of a drawing is not understood: ${row}`);
  found.events.push({ type: 'act', from: own, to: own, text: act });
}

function drawEvent(event, place) {
  if (event.type === 'part') return partOf(event, place);
  if (event.type === 'note') return noteOf(event, place);
  if (event.type === 'act') return actOf(event, place);
  return arrowOf(event, place);
}

function partOf({ text }, { y, width }) {
  return {
    height: 38,
    parts: [box('part', 0, y + 6, width, 22), ...texts([text], { x: left, y: y + 21, kind: 'strong' })],
  };
}

function noteOf({ from, to, text }, { y, xOf }) {
  const [first, last] = [xOf(from), xOf(to)].sort((a, b) => a - b);
  const [start, end] = [first - headWidth / 2, last + headWidth / 2];
  const lines = wrap(text, end - start - 20);
  const height = lines.length * lineHeight + 12;
  return {
    height: height + 12,
    parts: [box('note', start, y, end - start, height), ...texts(lines, { x: start + 10, y: y + 17 })],
  };
}

/** What is done without a call: text on the lifeline. */
function actOf({ from, text }, { y, xOf }) {
  const x = xOf(from);
  const lines = wrap(text, headWidth - 16);
  const height = lines.length * lineHeight + 10;
  return {
    height: height + 12,
    parts: [box('box', x - headWidth / 2, y, headWidth, height), ...texts(lines, { x, y: y + 16, anchor: 'middle' })],
  };
}

function arrowOf({ type, from, to, text }, { y, xOf }) {
  const [start, end] = [xOf(from), xOf(to)];
  const lines = wrap(text, Math.abs(end - start) - 24);
  const base = y + (lines.length - 1) * lineHeight + 8;
  const dashes = type === 'answer' ? ' stroke-dasharray="5 3"' : '';
  return {
    height: base - y + 24,
    parts: [
      ...texts(lines, { x: (start + end) / 2, y: y + 6, anchor: 'middle' }),
      line('line', start, base + 5, end, base + 5, `${dashes} marker-end="url(#arrow)"`),
    ],
  };
}

function headParts(label, x) {
  const [, folder, file] = /^(.+\/)([^/]+)$/.exec(label) ?? [];
  const lines = file === undefined ? wrap(label, headWidth - 12) : [folder, file];
  const y = top + (lines.length === 1 ? 25 : 17);
  return [
    box('box', x - headWidth / 2, top, headWidth, headHeight),
    ...lines.flatMap((each, index) => {
      const kind = file !== undefined && index === 0 ? 'small' : 'strong';
      return texts([each], { x, y: y + index * lineHeight, anchor: 'middle', kind });
    }),
  ];
}
