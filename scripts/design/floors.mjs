import { box, drawing, line, lineHeight, texts, wrap } from './svg.mjs';

const [left, margin, rowHeight, gap] = [20, 20, 46, 8];
const [floorWidth, sideX, sideWidth] = [440, 490, 320];
const legend =
  'A floor may import those below it. A box at the side may import the floor that it stands on, or some below it, and what it names.';

/**
 * The folders of `src` as floors, from the rules that the test of the architecture holds the code against. A floor may import those
 * below it; a folder that is no floor is drawn on the highest floor that it may import.
 * @param {{
 *   order: readonly string[],
 *   rules: Readonly<Record<string, { folders: readonly string[], packages: readonly string[] }>>,
 *   described: ReadonlyMap<string, string>,
 * }} source `described` says what a folder is
 */
export function drawFloors({ order, rules, described }) {
  const sides = sidesOf(order, rules, described);
  const columns = Math.max(...[...sides.values()].map((groups) => groups.length));
  // A floor is as high as what stands next to it, on the floor below.
  const heights = [...order, ''].map((folder, index) => {
    const standing = (sides.get(index - 1) ?? []).map(heightOf);
    return Math.max(folder === '' ? 0 : rowHeight, ...standing);
  });
  const total = heights.reduce((sum, height) => sum + height + gap, 0);
  const bottom = margin + total;
  const yOf = (floor) => bottom - heights.slice(0, floor + 1).reduce((sum, height) => sum + height + gap, 0);
  const floors = order.flatMap((folder, index) => {
    const place = { y: yOf(index), height: heights[index] };
    return floorParts(folder, place, descriptionOf(folder, described), rules);
  });
  const shelves = [...sides].flatMap(([floor, groups]) => shelfParts(groups, heights[floor + 1], yOf(floor)));
  return drawing({
    width: sideX + columns * (sideWidth + gap) + 12,
    height: bottom + 34,
    title: 'The floors of src',
    description: `From the lowest to the highest: ${order.join(', ')}. Each may import those before it. ${[...sides]
      .map(([floor, groups]) => `On ${order[floor]} stand ${groups.flatMap(({ names }) => names).join(', ')}.`)
      .join(' ')}`,
    parts: [
      ...floors,
      ...shelves,
      ...texts([legend], {
        x: left,
        y: bottom + 20,
        kind: 'small',
      }),
    ],
  });
}

/** What is no floor, by the highest floor that it may import; folders of one parent that may import the same are one box. */
function sidesOf(order, rules, described) {
  const sides = new Map();
  for (const [folder, { folders, packages }] of Object.entries(rules)) {
    if (order.includes(folder)) continue;
    const floor = Math.max(...folders.map((each) => order.indexOf(each)));
    const [parent] = folder.split(/\/(?=[^/]*$)/);
    const isInside = parent in rules && !order.includes(parent);
    // One name is for all folders of that name inside of those next to each other.
    const name = isInside ? folder.replace(/[^/]+(?=\/[^/]*$)/, '*') : folder;
    const groups = sides.get(floor) ?? [];
    sides.set(floor, groups);
    const others = folders.filter((each) => !order.includes(each) && each !== '.' && !each.startsWith(`${folder}/`));
    const group = isInside
      ? groups.find((each) => each.names.includes(name))
      : folder.includes('/')
        ? groups.find((each) => each.parent === parent)
        : undefined;
    if (group === undefined)
      groups.push({ parent, names: [name], packages: [...packages], others, said: saidOf(name, described) });
    else {
      if (!group.names.includes(name)) group.names.push(name);
      group.packages.push(...packages);
      group.others.push(...others);
    }
  }
  return sides;
}

function floorParts(folder, { y, height }, description, rules) {
  const { packages } = rules[folder];
  const needs = packages.length === 0 ? '' : ` (package ${packages.join(', ')})`;
  return [
    box('box', left, y, floorWidth, height),
    ...texts([folder], { x: left + 12, y: y + 19, kind: 'strong' }),
    ...texts([`${description}${needs}`], { x: left + 12, y: y + 36, kind: 'small' }),
  ];
}

/** Boxes that stand on one floor, all as high as the floor next to them. */
function shelfParts(groups, height, floorY) {
  const width = groups.length * (sideWidth + gap) - gap;
  const y = floorY - gap - height;
  return [
    line('line', left + floorWidth, floorY - gap / 2, sideX + width, floorY - gap / 2),
    ...groups.flatMap((group, index) => sideParts(group, { x: sideX + index * (sideWidth + gap), y, height })),
  ];
}

function sideParts(group, { x, y, height }) {
  const { lines, small } = sideTexts(group);
  return [
    box('side', x, y, sideWidth, height),
    ...texts(lines, { x: x + 12, y: y + 19, kind: 'strong' }),
    ...texts(small, { x: x + 12, y: y + 21 + lineHeight * lines.length, kind: 'small' }),
  ];
}

function heightOf(group) {
  const { lines, small } = sideTexts(group);
  return Math.max(rowHeight, 14 + lineHeight * (lines.length + small.length));
}

function sideTexts({ names, packages, others, said }) {
  const [first = ''] = names;
  const parent = first.slice(0, first.lastIndexOf('/') + 1);
  const title =
    first === '.' ? 'index.ts: the entry point' : parent + names.map((name) => name.slice(parent.length)).join(', ');
  const needs = [
    ...(said === undefined ? [] : [said]),
    ...(packages.length === 0 ? [] : [`packages: ${[...new Set(packages)].join(', ')}`]),
    ...(others.length === 0 ? [] : [`also: ${[...new Set(others)].join(', ')}`]),
  ];
  return { lines: wrap(title, sideWidth - 40), small: needs.flatMap((need) => wrap(need, sideWidth - 20)) };
}

function descriptionOf(folder, described) {
  const said = saidOf(folder, described);
  if (said === undefined) throw new Error(`CONTRIBUTING.md does not say what the folder ${folder} is`);
  return said;
}

/** The first words of what the table says of a folder, or of all folders next to it. */
function saidOf(folder, described) {
  const text = described.get(folder) ?? described.get(folder.replace(/[^/]+$/, '*'));
  return text?.split(/[:;] /)[0].replaceAll('`', '');
}
