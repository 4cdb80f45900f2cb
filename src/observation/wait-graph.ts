import type { BackendIdentity, HeldByJob, JobWait } from '../context/index.ts';
import type { ConnectionWaiting, HolderInfo, HolderWait } from './holder-info.ts';

/** What waits, or is waited for: by its place in the graph. */
export interface WaitNode {
  /** None of a `backend`, and of what many share: the connections of a pool, the slots of a lane, a server. */
  readonly holder: HolderInfo | undefined;
  /** The name of a scope inside of the holder. */
  readonly savepoint: string | undefined;
  /** The connection of a `backend`, of which nothing else is known. */
  readonly backend: BackendIdentity | undefined;
  /** What is shared goes on when one of its successors does; all others need all of theirs. */
  readonly needs: 'all' | 'one';
  /** Whom it waits for. */
  readonly next: number[];
  /** It goes on by itself. */
  moves: boolean;
  /** For how long it has waited for nothing that is seen, in milliseconds; undefined where something is. */
  still: number | undefined;
}

/** Who waits for whom. */
export class WaitGraph {
  readonly nodes: WaitNode[] = [];
  readonly #shared = new Map<string, number>();
  readonly #lanes = new Map<string, { readonly jobs: Set<string>; concurrency: number }>();
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
      savepoint: undefined,
      backend: undefined,
      needs: 'all',
      next: [],
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
    const { outerId, ancestors, job } = holder;
    const above = ancestors.at(-1);
    // Who is waited for as a job is so whether or not its caller holds a connection.
    if (job !== undefined) this.#noteJob(job, at);
    const outer =
      (outerId === undefined ? undefined : this.#byId.get(outerId)) ??
      (above === undefined ? undefined : this.#byBackend.get(keyOf(above.backend)));
    if (outer !== undefined) this.#connect(outer, at);
  }

  /** A job has ended when all that belongs to it has. */
  #noteJob({ id, queue, level, concurrency }: HeldByJob, at: number): void {
    this.#connect(this.#share(`job ${id}`, 'all'), at);
    const key = `${queue} ${level}`;
    const lane = this.#lanes.get(key) ?? { jobs: new Set(), concurrency };
    lane.jobs.add(id);
    this.#lanes.set(key, lane);
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
    const { waitsFor } = holder;
    for (const backend of holder.blocks) this.#linkBlocked(at, backend);
    if (waitsFor.type === 'lock') {
      for (const { holderId, backend, idle } of waitsFor.owners) {
        const owner = holderId === undefined ? undefined : this.#byId.get(holderId);
        const to = owner ?? this.#backendOf(backend);
        // What runs there ends by itself, as far as anyone can tell.
        if (this.#at(to).holder === undefined && !idle) this.#at(to).moves = true;
        this.#connect(at, to);
      }
    } else if (waitsFor.type === 'transaction') {
      const inner = this.#byId.get(waitsFor.id);
      if (inner !== undefined) this.#connect(at, inner);
    } else if (waitsFor.type === 'connection') this.#linkToPool(at, holder, waitsFor);
    else if (waitsFor.type === 'job') this.#linkToJob(at, waitsFor);
    else if (waitsFor.type === 'turn' && waitsFor.scope !== undefined) {
      const scope = this.#add({ holder, savepoint: waitsFor.scope });
      this.#connect(at, scope);
      if (waitsFor.inside) this.#connect(scope, at);
    }
  }

  /** A connection of the server that is no holder's; one that another list knows says itself what it waits for. */
  #linkBlocked(at: number, backend: BackendIdentity): void {
    const waiting = this.#backendOf(backend);
    if (this.#at(waiting).holder === undefined) this.#connect(waiting, at);
  }

  #linkToPool(at: number, { poolId, level }: HolderInfo, waitsFor: HolderWait & ConnectionWaiting): void {
    const line = this.#share(`line ${poolId} ${level}`);
    for (const name of [`level ${poolId} ${level}`, `pool ${poolId}`]) {
      const those = this.#shared.get(name);
      if (those !== undefined) this.#connect(line, those);
    }
    // The server may give one while no one ends.
    if (waitsFor.opening) {
      const server = this.#share(`server ${poolId}`);
      this.#connect(line, server);
      this.#at(server).still = Math.max(this.#at(server).still ?? 0, waitsFor.for);
    }
    this.#connect(at, line);
  }

  /** A job that runs is waited for; one that does not, for a slot, where all of its lane are taken. */
  #linkToJob(at: number, { jobId, queue, level }: JobWait): void {
    const job = this.#shared.get(`job ${jobId}`);
    // What runs below it without saying which job it is may be that.
    if (job === undefined && this.#at(at).next.length > 0) return;
    if (job !== undefined) {
      this.#connect(at, job);
      return;
    }
    const lane = this.#lanes.get(`${queue} ${level}`);
    const place = this.#share(`lane ${queue} ${level}`);
    if (lane !== undefined && lane.jobs.size >= lane.concurrency) {
      for (const id of lane.jobs) this.#connect(place, this.#share(`job ${id}`));
    }
    this.#connect(at, place);
  }

  /** Says of those who wait for no one that is known how they are. */
  #settle(): void {
    for (const node of this.nodes) {
      const { holder, next } = node;
      if (node.backend !== undefined && next.length > 0) node.moves = false;
      if (holder?.waitsFor.type === 'server') node.moves = true;
      else if (next.length === 0 && !node.moves) node.still ??= holder?.waitsFor.for ?? 0;
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

  #share(name: string, needs: WaitNode['needs'] = 'one'): number {
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const at = this.#add({ needs });
    this.#shared.set(name, at);
    return at;
  }

  #connect(from: number, to: number): void {
    if (from !== to) this.#at(from).next.push(to);
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
