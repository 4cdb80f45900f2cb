import type { HolderGroup, HolderView, ProcessView, Snapshot } from '../../../index.ts';
import { count, cut, duration, plural } from '../parts/format.ts';
import type { Part, TreeItem } from '../parts/tree.ts';
import { type Graph, type Party, placeOf, poolId } from './parties.ts';
import { holderName, nameOf, stateOf, whereOf } from './words.ts';

/** What many siblings that are alike are shown as from this many on. */
const groupedFrom = 4;

/** The chains as trees: those who go on at the top, and below each those who wait for it. */
export class Chains {
  readonly #graph: Graph;
  readonly #snapshot: Snapshot;
  readonly #open: (holder: HolderView) => void;
  readonly #above = new Map<string, string>();
  readonly #below = new Map<string | undefined, string[]>();
  readonly #sizes = new Map<string, number>();
  readonly #groups = new Map<string | undefined, HolderGroup[]>();

  /** @param open shows more of a holder */
  constructor(graph: Graph, snapshot: Snapshot, open: (holder: HolderView) => void) {
    this.#graph = graph;
    this.#snapshot = snapshot;
    this.#open = open;
    for (const [id, { for: others, needs }] of graph.waits) {
      const [other] = others;
      if (other !== undefined && (needs === 'all' || others.length === 1)) this.#above.set(id, other);
    }
    this.#cutCircles();
    for (const id of graph.parties.keys()) append(this.#below, this.#above.get(id), id);
    for (const group of snapshot.holders.groups) append(this.#groups, this.#placeOfGroup(group), group);
    this.#measure();
  }

  items(): readonly TreeItem[] {
    const { leftOut } = this.#snapshot.holders;
    const items = this.#itemsBelow(undefined);
    if (leftOut === 0) return items;
    return [...items, leaf('left out', [{ text: `${count(leftOut)} more, of many kinds`, look: 'count' }])];
  }

  /** Of a circle the oldest is at the top. */
  #cutCircles(): void {
    const done = new Set<string>();
    for (const [start, next] of this.#above) {
      // Most wait for one that waits for no one.
      if (!this.#above.has(next)) continue;
      const path = new Set<string>();
      let at: string | undefined = start;
      while (at !== undefined && !done.has(at) && !path.has(at)) {
        path.add(at);
        at = this.#above.get(at);
      }
      if (at !== undefined && path.has(at)) this.#cutAt([...path].slice([...path].indexOf(at)));
      for (const id of path) done.add(id);
    }
  }

  #cutAt(circle: readonly string[]): void {
    const ageOf = (id: string): number => {
      const party = this.#graph.parties.get(id);
      return party?.type === 'holder' ? party.holder.age : -1;
    };
    const oldest = circle.reduce((one, other) => (ageOf(other) > ageOf(one) ? other : one));
    this.#above.delete(oldest);
  }

  #placeOfGroup({ waitsFor, processId, clientName, level }: HolderGroup): string | undefined {
    const pool = poolId(processId, clientName, level);
    return waitsFor === 'connection' && this.#graph.parties.has(pool) ? pool : undefined;
  }

  /** How many are below each, at first or at second hand. */
  #measure(): void {
    const order = [...(this.#below.get(undefined) ?? [])];
    for (const id of order) order.push(...(this.#below.get(id) ?? []));
    for (const id of order.toReversed()) {
      const grouped = (this.#groups.get(id) ?? []).reduce((sum, group) => sum + group.count, 0);
      const below = (this.#below.get(id) ?? []).reduce((sum, each) => sum + 1 + (this.#sizes.get(each) ?? 0), grouped);
      this.#sizes.set(id, below);
    }
  }

  #itemsBelow(above: string | undefined): readonly TreeItem[] {
    const single: Party[] = [];
    const alike = new Map<string, Party[]>();
    for (const id of this.#below.get(above) ?? []) {
      const party = this.#graph.parties.get(id);
      if (party === undefined) continue;
      if (this.#sizes.get(id) === 0) append(alike, kindOf(party), party);
      else single.push(party);
    }
    const groups: TreeItem[] = [];
    for (const [kind, parties] of alike) {
      if (parties.length < groupedFrom) single.push(...parties);
      else groups.push(this.#group(kind, parties));
    }
    single.sort((one, other) => this.#weight(other) - this.#weight(one));
    const rest = (this.#groups.get(above) ?? []).map((group, index) => this.#serverGroup(group, index));
    return [...single.map((party) => this.#item(party)), ...groups, ...rest];
  }

  /** Those that have more wait for them come first, then those that are older. */
  #weight(party: Party): number {
    const age = party.type === 'holder' ? party.holder.age : 0;
    return (this.#sizes.get(party.id) ?? 0) * 1e12 + age;
  }

  #item(party: Party): TreeItem {
    const size = this.#sizes.get(party.id) ?? 0;
    const state = stateOf(party, this.#graph);
    const parts: Part[] = [{ text: nameOf(party), look: party.type === 'pool' ? 'name pool' : 'name' }];
    if (state !== '')
      parts.push({ text: state, look: party.type !== 'job' && this.#graph.waits.has(party.id) ? 'wait' : 'state' });
    if (size > 0) parts.push({ text: `${count(size)} behind it`, look: 'count' });
    const text =
      party.type === 'holder' ? party.holder.running?.text : party.type === 'session' ? party.session.text : undefined;
    if (text !== undefined) parts.push({ text: cut(text, 120), look: 'code' });
    parts.push({ text: whereOf(party), look: 'place' });
    return {
      key: party.id,
      parts,
      children: () => this.#itemsBelow(party.id),
      size,
      isOpen: true,
      act: party.type === 'holder' ? () => this.#open(party.holder) : undefined,
    };
  }

  #group(kind: string, parties: readonly Party[]): TreeItem {
    const [first] = parties;
    const longest = parties.reduce((most, party) => Math.max(most, waitOf(party)), 0);
    const name = first === undefined ? '' : nameOf(first);
    return {
      key: `group ${kind}`,
      parts: [
        { text: `${count(parties.length)} × ${name}`, look: 'name' },
        {
          text: `${first?.type === 'holder' ? shortWait(first.holder.waitsFor.type) : ''}, the longest for ${duration(longest)}`,
          look: 'wait',
        },
        { text: first === undefined ? '' : whereOf(first), look: 'place' },
      ],
      children: () => parties.toSorted((one, other) => waitOf(other) - waitOf(one)).map((party) => this.#item(party)),
      size: parties.length,
      isOpen: false,
    };
  }

  /** Those that the server has put together. */
  #serverGroup(group: HolderGroup, index: number): TreeItem {
    const process = this.#snapshot.processes.find(({ id }) => id === group.processId);
    return leaf(`server ${index} ${group.processId}`, [
      { text: `${count(group.count)} × ${holderName(group)}`, look: 'name' },
      { text: `${shortWait(group.waitsFor)}, the longest for ${duration(group.for)}`, look: 'wait' },
      { text: `${cut(placeOf(process), 60)}, ${cut(group.clientName, 60)} level ${group.level}`, look: 'place' },
    ]);
  }
}

/** All of them in a sentence. */
export function summary({ holders, processes }: Snapshot): string {
  const waiting = processes.reduce((sum, process) => sum + process.waiting, 0);
  if (holders.total === 0) return 'No connection is held or waited for.';
  const held = processes.filter(({ status }) => status === 'answered').reduce((sum, each) => sum + usedBy(each), 0);
  return `${plural(held, 'connection is', 'connections are')} held, ${plural(waiting, 'request waits', 'requests wait')} for one.`;
}

/** How many connections of its pools a process has in use. */
export function usedBy({ pools }: Pick<ProcessView, 'pools'>): number {
  return pools.reduce((sum, { used }) => sum + used, 0);
}

function kindOf(party: Party): string {
  if (party.type !== 'holder') return party.id;
  const { kind, name, processId, clientName, level, waitsFor } = party.holder;
  return `${kind} ${name.slice(0, 80)} ${processId} ${clientName} ${level} ${waitsFor.type}`;
}

function waitOf(party: Party): number {
  return party.type === 'holder' ? party.holder.waitsFor.for : 0;
}

function shortWait(type: HolderGroup['waitsFor']): string {
  const words = {
    connection: 'wait for a connection',
    lock: 'wait for a lock',
    transaction: 'wait for a transaction inside',
    job: 'wait for a job',
    hook: 'run a hook',
    foreign: 'wait for another server',
    turn: 'wait for their turn',
    server: 'are run by the server',
    code: 'are in the program',
  };
  return words[type];
}

function leaf(key: string, parts: readonly Part[]): TreeItem {
  return { key, parts, children: [], size: 0, isOpen: false };
}

function append<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
