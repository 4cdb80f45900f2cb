import { aList, type Check, checkedArgument, milliseconds, readOptions } from '../core/index.ts';
import type { HolderInfo } from './holder-info.ts';
import type { FindStandstillsOptions, Standstill, StandstillMember } from './standstill.ts';
import { circleThrough, knotsOf, reversed, stuckIn } from './stuck.ts';
import { keyOf, WaitGraph, type WaitNode } from './wait-graph.ts';

const checks: Record<keyof FindStandstillsOptions, Check> = { heldAfter: milliseconds(0) };
/** How many of a chain are told. */
const most = 8;

/**
 * Finds what stands still among the holders of one or several processes: who waits for each other in a circle, and who waits,
 * perhaps over others, for someone that waits for nothing Sluice sees, such as a transaction that no one ends. Each knot of
 * circles is told once, by a short circle of it. Circles are first, then what most wait for.
 *
 * ```ts
 * for (const { kind, members } of findStandstills(await database.holders())) console.log(kind, members.map(({ name }) => name));
 * ```
 * @throws InvalidOptionError
 */
export function findStandstills(
  holders: readonly HolderInfo[],
  options: FindStandstillsOptions = {},
): readonly Standstill[] {
  checkedArgument('findStandstills', 'holders', holders, aList);
  const { heldAfter = 200 } = readOptions('findStandstills', options, checks);
  const { nodes } = new WaitGraph(holders);
  const search = new Search(nodes);
  const circles = search.circles();
  const held = search.held(heldAfter);
  return [...circles, ...held.toSorted((one, other) => other.waiting - one.waiting)];
}

class Search {
  readonly #nodes: readonly WaitNode[];
  readonly #before: readonly (readonly number[])[];
  /** Who was counted at a standstill. */
  readonly #counted = new Set<number>();
  /** Who has a part of what is shared. */
  readonly #sharers = new Map<number, ReadonlySet<number>>();
  /** Who waits in a circle, or for one. */
  readonly #bound: ReadonlySet<number>;

  constructor(nodes: readonly WaitNode[]) {
    this.#nodes = nodes;
    this.#before = reversed(nodes);
    this.#bound = stuckIn(nodes, this.#before, ({ moves, still }) => moves || still !== undefined);
  }

  circles(): readonly Standstill[] {
    const knots = knotsOf(this.#nodes, this.#bound);
    const circles = knots.map((knot) => {
      const [first = 0] = knot
        .filter((at) => this.#nodes[at]?.holder !== undefined)
        .toSorted((a, b) => this.#older(a, b));
      return circleThrough(this.#nodes, new Set(knot), first);
    });
    for (const circle of circles) for (const at of circle) this.#counted.add(at);
    return circles.map((circle) => {
      const members = circle.flatMap((at) => this.#memberOf(at));
      const waiting = this.#behind(circle, this.#bound).filter((at) => this.#isSomeone(at)).length;
      const since = Math.min(...members.map(({ waitsFor }) => waitsFor?.for ?? Number.POSITIVE_INFINITY));
      return { kind: 'circle', members, waiting, besides: 0, for: since };
    });
  }

  held(heldAfter: number): readonly Standstill[] {
    const stuck = stuckIn(
      this.#nodes,
      this.#before,
      ({ moves, still }) => moves || (still !== undefined && still < heldAfter),
    );
    const heads = [...stuck].filter((at) => this.#nodes[at]?.still !== undefined);
    // What no one holds first: a pool whose server gives no more is not held up by those who have a connection.
    const isNoOne = (at: number): number => (this.#isSomeone(at) ? 1 : 0);
    const inOrder = heads.toSorted((one, other) => isNoOne(one) - isNoOne(other) || this.#older(one, other));
    for (const at of inOrder) this.#counted.add(at);
    return inOrder.flatMap((head) => this.#heldBy(head, stuck));
  }

  #heldBy(head: number, stuck: ReadonlySet<number>): readonly Standstill[] {
    const { still = 0 } = this.#nodes[head] ?? {};
    const direct = (this.#before[head] ?? []).filter((at) => stuck.has(at));
    const from = new Map<number, number>();
    const behind = this.#behind([head], stuck, from);
    if (![...behind, ...direct].some((at) => this.#isSomeone(at))) return [];
    const besides = this.#countOthers([head, ...behind], direct);
    const farthest = behind.findLast((at) => this.#isSomeone(at)) ?? direct.find((at) => this.#isSomeone(at)) ?? head;
    const members = this.#chainTo(head, farthest, from);
    const shown = members.length - (this.#isSomeone(head) ? 1 : 0);
    const waiting = behind.filter((at) => this.#isSomeone(at)).length - shown;
    return [{ kind: 'held', members, waiting: Math.max(0, waiting), besides, for: still }];
  }

  /** How many, besides those, have what is waited for. @param direct who waits for it, such as the line of a pool */
  #countOthers(those: readonly number[], direct: readonly number[]): number {
    const wanted = direct.filter((at) => !this.#isSomeone(at) && this.#isWanted(at)).map((at) => this.#sharedBy(at));
    const [most = new Set(), ...rest] = wanted.toSorted((one, other) => other.size - one.size);
    // The largest is not copied: it may be the same for very many.
    const more = new Set(rest.flatMap((each) => [...each]).filter((at) => !most.has(at)));
    const own = those.filter((at) => most.has(at) || more.has(at)).length;
    return most.size + more.size - own;
  }

  /** Whether anyone waits for what is shared. */
  #isWanted(at: number): boolean {
    return (this.#before[at] ?? []).some((each) => this.#isSomeone(each) || this.#isWanted(each));
  }

  #sharedBy(at: number): ReadonlySet<number> {
    const known = this.#sharers.get(at);
    if (known !== undefined) return known;
    const sharers = new Set((this.#nodes[at]?.next ?? []).filter((each) => this.#isSomeone(each)));
    this.#sharers.set(at, sharers);
    return sharers;
  }

  /** Who waits for them, directly or not, and was not counted: the nearest first. */
  #behind(
    those: readonly number[],
    within: ReadonlySet<number>,
    from: Map<number, number> = new Map(),
  ): readonly number[] {
    const line = [...those];
    for (const at of line) {
      for (const each of this.#before[at] ?? []) {
        if (this.#counted.has(each) || !within.has(each)) continue;
        this.#counted.add(each);
        from.set(each, at);
        line.push(each);
      }
    }
    return line.slice(those.length);
  }

  #chainTo(head: number, farthest: number, from: ReadonlyMap<number, number>): readonly StandstillMember[] {
    const members: StandstillMember[] = [];
    for (let at: number | undefined = farthest; at !== undefined; at = from.get(at)) {
      members.push(...this.#memberOf(at));
      if (at !== head && !from.has(at)) members.push(...this.#memberOf(head));
    }
    return members.slice(-most);
  }

  #isSomeone(at: number): boolean {
    const { holder, backend } = this.#nodes[at] ?? {};
    return holder !== undefined || backend !== undefined;
  }

  #older(one: number, other: number): number {
    return (this.#nodes[other]?.holder?.age ?? 0) - (this.#nodes[one]?.holder?.age ?? 0);
  }

  #memberOf(at: number): readonly StandstillMember[] {
    const { holder, backend, savepoint } = this.#nodes[at] ?? {};
    if (holder !== undefined) {
      const { id, clientName, level, origin, job } = holder;
      const waitsFor = savepoint === undefined ? holder.waitsFor : undefined;
      const [kind, name] = savepoint === undefined ? [holder.kind, holder.name] : (['savepoint', savepoint] as const);
      return [{ id, kind, name, clientName, level, origin, backend: holder.backend, job, waitsFor }];
    }
    if (backend === undefined) return [];
    const unknown = { clientName: undefined, level: undefined, origin: undefined, job: undefined, waitsFor: undefined };
    return [{ id: keyOf(backend), kind: 'backend', name: String(backend.id), backend, ...unknown }];
  }
}
