import type { WaitNode } from './wait-graph.ts';

/** The other way round: who waits for each. */
export function reversed(nodes: readonly WaitNode[]): readonly (readonly number[])[] {
  const before: number[][] = nodes.map(() => []);
  for (const [at, { next }] of nodes.entries()) for (const each of next) before[each]?.push(at);
  return before;
}

/**
 * Those who never go on, if those who `move` do and no one else goes on by itself.
 * @param before who waits for each
 */
export function stuckIn(
  nodes: readonly WaitNode[],
  before: readonly (readonly number[])[],
  move: (node: WaitNode) => boolean,
): ReadonlySet<number> {
  const stuck = new Set(nodes.keys());
  const missing = nodes.map(({ next, needs }) => (needs === 'one' ? Math.min(1, next.length) : next.length));
  const going: number[] = [];
  const goes = (at: number): void => {
    if (stuck.delete(at)) going.push(at);
  };
  for (const [at, node] of nodes.entries()) if (move(node)) goes(at);
  for (let at = going.pop(); at !== undefined; at = going.pop()) {
    for (const waiting of before[at] ?? []) {
      const left = (missing[waiting] ?? 0) - 1;
      missing[waiting] = left;
      if (left === 0) goes(waiting);
    }
  }
  return stuck;
}

/** Those among `within` who reach each other, in groups of two and more: Tarjan's algorithm, without recursion. */
export function knotsOf(nodes: readonly WaitNode[], within: ReadonlySet<number>): readonly (readonly number[])[] {
  const knots: (readonly number[])[] = [];
  const order = new Int32Array(nodes.length).fill(-1);
  const low = new Int32Array(nodes.length);
  let entered = 0;
  const open: number[] = [];
  const isOpen = new Set<number>();
  const path: { readonly at: number; readonly rest: Iterator<number> }[] = [];
  const enter = (at: number): void => {
    order[at] = entered;
    low[at] = entered;
    entered += 1;
    open.push(at);
    isOpen.add(at);
    path.push({ at, rest: (nodes[at]?.next ?? []).values() });
  };
  const lower = (at: number, to = 0): void => void (low[at] = Math.min(low[at] ?? to, to));
  const leave = (at: number): void => {
    path.pop();
    const above = path.at(-1);
    const lowest = low[at];
    if (above !== undefined) lower(above.at, lowest);
    if (lowest !== order[at]) return;
    const knot = open.splice(open.lastIndexOf(at));
    for (const each of knot) isOpen.delete(each);
    if (knot.length > 1) knots.push(knot);
  };
  for (const start of within) {
    if (order[start] === -1) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { done, value } = top.rest.next();
      if (done === true) leave(top.at);
      else if (!within.has(value)) continue;
      else if (order[value] === -1) enter(value);
      else if (isOpen.has(value)) lower(top.at, order[value]);
    }
  }
  return knots;
}

/** The shortest way from a member of a knot back to it, itself first. */
export function circleThrough(nodes: readonly WaitNode[], knot: ReadonlySet<number>, start: number): readonly number[] {
  const from = new Map<number, number>();
  const line = [start];
  for (const at of line) {
    for (const each of nodes[at]?.next ?? []) {
      if (each === start) return backFrom(at, start, from);
      if (!knot.has(each) || from.has(each)) continue;
      from.set(each, at);
      line.push(each);
    }
  }
  return [];
}

function backFrom(last: number, start: number, from: ReadonlyMap<number, number>): readonly number[] {
  const way = [last];
  for (let at = last; at !== start;) {
    at = from.get(at) ?? start;
    way.push(at);
  }
  return way.reverse();
}
