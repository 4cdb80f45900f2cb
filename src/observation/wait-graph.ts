import type { BackendIdentity } from '../context/index.ts';
import type { HolderInfo } from './holder-info.ts';

/** What waits, or is waited for: by its place in the graph. */
export interface WaitNode {
  /** None of a `backend`, and of what many share: the connections of a pool, the slots of a lane, a server. */
  readonly holder: HolderInfo | undefined;
  /** The connection of a `backend`, of which nothing else is known. */
  readonly backend: BackendIdentity | undefined;
  /** What is shared goes on when one of its successors does; all others need all of theirs. */
  readonly needs: 'all' | 'one';
  /** Whom it waits for. */
  readonly next: Set<number>;
  /** It goes on by itself. */
  moves: boolean;
  /** For how long it has waited for nothing that is seen, in milliseconds; undefined where something is. */
  still: number | undefined;
}

/** Who waits for whom. */
export class WaitGraph {
  readonly nodes: WaitNode[] = [];
  readonly #shared = new Map<string, number>();
  readonly #byId = new Map<string, number>();
  readonly #byBackend = new Map<string, number>();

  constructor(holders: readonly HolderInfo[]) {
    for (const holder of holders) {
      if (this.#byId.has(holder.id)) continue;
      const at = this.#add({ holder });
      this.#byId.set(holder.id, at);
      if (holder.backend !== undefined) this.#byBackend.set(keyOf(holder.backend), at);
    }
    const count = this.nodes.length;
    for (let at = 0; at < count; at += 1) this.#linkToOuter(at);
    this.#fillPools();
    for (let at = 0; at < count; at += 1) this.#link(at);
    this.#settle();
  }

  #add(node: Partial<WaitNode>): number {
    const added: WaitNode = {
      holder: undefined,
      backend: undefined,
      needs: 'all',
      next: new Set(),
      moves: false,
      still: undefined,
      ...node,
    };
    return this.nodes.push(added) - 1;
  }

  /** A transaction waits for those inside of it, in whichever process, as far as anyone can tell. */
  #linkToOuter(at: number): void {
    const { holder } = this.#at(at);
    if (holder === undefined) return;
    const { outerId, ancestors } = holder;
    const above = ancestors.at(-1);
    const outer =
      (outerId === undefined ? undefined : this.#byId.get(outerId)) ??
      (above === undefined ? undefined : this.#byBackend.get(keyOf(above.backend)));
    if (outer !== undefined) this.#connect(outer, at);
  }

  /** Those who hold a connection, by pool and level. */
  #fillPools(): void {
    const levels = new Map<string, Map<number, number>>();
    for (const [at, { holder }] of this.nodes.entries()) {
      if (holder?.backend === undefined) continue;
      const { poolId, level } = holder;
      this.#connect(this.#share(`level ${poolId} ${level}`), at);
      const used = levels.get(poolId) ?? new Map<number, number>();
      used.set(level, (used.get(level) ?? 0) + 1);
      levels.set(poolId, used);
    }
    // The last of a level keeps what is reserved for that: it gives nothing to the others.
    for (const [poolId, used] of levels) {
      for (const [level, count] of used) {
        if (count > 1) this.#connect(this.#share(`pool ${poolId}`), this.#share(`level ${poolId} ${level}`));
      }
    }
  }

  #link(at: number): void {
    const { holder } = this.#at(at);
    if (holder === undefined) return;
    const { waitsFor, poolId, level } = holder;
    if (waitsFor.type === 'lock') {
      for (const { holderId, backend } of waitsFor.owners) {
        const owner = holderId === undefined ? undefined : this.#byId.get(holderId);
        this.#connect(at, owner ?? this.#backendOf(backend));
      }
    } else if (waitsFor.type === 'transaction') {
      const inner = this.#byId.get(waitsFor.id);
      if (inner !== undefined) this.#connect(at, inner);
    } else if (waitsFor.type === 'connection') {
      const line = this.#share(`line ${poolId} ${level}`);
      for (const name of [`level ${poolId} ${level}`, `pool ${poolId}`]) {
        const those = this.#shared.get(name);
        if (those !== undefined) this.#connect(line, those);
      }
      this.#connect(at, line);
    }
  }

  /** Says of those who wait for no one that is known how they are. */
  #settle(): void {
    for (const node of this.nodes) {
      const { holder, next } = node;
      if (holder?.waitsFor.type === 'server') node.moves = true;
      else if (next.size === 0) node.still = holder?.waitsFor.for ?? 0;
    }
    // What is no holder has been so for as long as it is waited for.
    for (const { holder, next } of this.nodes) {
      for (const each of next) {
        const waitedFor = this.#at(each);
        if (waitedFor.holder !== undefined || waitedFor.still === undefined) continue;
        waitedFor.still = Math.max(waitedFor.still, holder?.waitsFor.for ?? 0);
      }
    }
  }

  #backendOf(backend: BackendIdentity): number {
    const key = keyOf(backend);
    const known = this.#byBackend.get(key);
    if (known !== undefined) return known;
    const at = this.#add({ backend });
    this.#byBackend.set(key, at);
    return at;
  }

  #share(name: string): number {
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const at = this.#add({ needs: 'one' });
    this.#shared.set(name, at);
    return at;
  }

  #connect(from: number, to: number): void {
    if (from !== to) this.#at(from).next.add(to);
  }

  #at(at: number): WaitNode {
    const node = this.nodes[at];
    if (node === undefined) throw new RangeError(`there is no node ${at}`);
    return node;
  }
}

/** A server uses its ids again, so that the start counts too. */
export function keyOf({ id, startedAt }: BackendIdentity): string {
  return `${id} ${startedAt}`;
}
