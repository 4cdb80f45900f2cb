import type { HolderView, ProcessView, SessionView, Snapshot } from '../../../index.ts';

/** Who waits, or is waited for. */
export type Party = { readonly id: string } & (
  | { readonly type: 'holder'; readonly holder: HolderView; readonly place: string }
  | { readonly type: 'pool'; readonly clientName: string; readonly level: number; readonly place: string }
  | { readonly type: 'job'; readonly queue: string; readonly jobId: string }
  | { readonly type: 'session'; readonly session: SessionView }
  | { readonly type: 'backend'; readonly backendId: number; readonly idle: boolean }
);

/** What a party waits for: all of them, or any one. */
export interface Wait {
  readonly for: readonly string[];
  readonly needs: 'all' | 'any';
}

/** Who waits for whom, in all processes. */
export interface Graph {
  readonly parties: ReadonlyMap<string, Party>;
  readonly waits: ReadonlyMap<string, Wait>;
}

/** The slots for the jobs of a queue at a level. */
interface Lane {
  readonly jobs: Set<string>;
  readonly concurrency: number;
}

type JobWait = Extract<HolderView['waitsFor'], { type: 'job' }>;

class Builder implements Graph {
  readonly parties = new Map<string, Party>();
  readonly waits = new Map<string, Wait>();
  readonly #processes: ReadonlyMap<string, ProcessView>;
  /** By the server's side of their connections. */
  readonly #byBackend = new Map<string, HolderView>();
  readonly #sessions = new Map<number, SessionView>();
  /** Those who hold a connection of a pool, by pool. */
  readonly #holding = new Map<string, string[]>();
  /** Those that belong to a job, by its id; and jobs that run, by queue and level. */
  readonly #ofJob = new Map<string, string[]>();
  readonly #lanes = new Map<string, Lane>();
  /** Those below a transaction of another process, by its backend. */
  readonly #below = new Map<string, string[]>();

  constructor({ processes, holders, sessions }: Snapshot) {
    this.#processes = new Map(processes.map((process) => [process.id, process]));
    for (const holder of holders.shown) this.#note(holder);
    for (const session of sessions) this.#sessions.set(session.backendId, session);
    for (const session of sessions) this.#addSession(session);
    for (const holder of holders.shown) this.#addWait(holder);
  }

  #note(holder: HolderView): void {
    const { id, backend, ancestors, processId, clientName, level, job } = holder;
    this.parties.set(id, { id, type: 'holder', holder, place: placeOf(this.#processes.get(processId)) });
    if (backend !== undefined) {
      this.#byBackend.set(backendKey(backend), holder);
      append(this.#holding, poolId(processId, clientName, level), id);
    }
    if (job !== undefined) {
      append(this.#ofJob, job.id, id);
      const lane = this.#lanes.get(laneOf(job)) ?? { jobs: new Set(), concurrency: job.concurrency };
      this.#lanes.set(laneOf(job), { ...lane, jobs: lane.jobs.add(job.id) });
    }
    const above = ancestors.at(-1);
    if (above !== undefined && holder.outerId === undefined) append(this.#below, backendKey(above.backend), id);
  }

  #addSession(session: SessionView): void {
    const id = `session ${session.backendId}`;
    this.parties.set(id, { id, type: 'session', session });
    const blockers = session.blockedBy.map((backendId) =>
      this.#backend({ id: backendId, startedAt: undefined }, false),
    );
    if (blockers.length > 0) this.waits.set(id, { for: blockers, needs: 'all' });
  }

  /** Connections that wait for it and are no holder's, as of a library that is not bound. */
  #addBlocked({ id, blocks }: HolderView): void {
    for (const backend of blocks) {
      const blocked = this.#backend(backend, false);
      if (this.parties.get(blocked)?.type === 'backend') this.#wait(blocked, [id]);
    }
  }

  #addWait(holder: HolderView): void {
    const { id, waitsFor } = holder;
    this.#addBlocked(holder);
    switch (waitsFor.type) {
      case 'connection':
        return this.#wait(id, [this.#pool(holder)]);
      case 'lock':
        return this.#wait(
          id,
          waitsFor.owners.map(({ backend, holderId, idle }) => holderId ?? this.#backend(backend, idle)),
        );
      case 'transaction':
        return this.#wait(id, [waitsFor.id]);
      case 'job':
        return this.#wait(id, [this.#job(holder, waitsFor)]);
      case 'server':
      case 'hook':
      case 'turn':
      case 'foreign':
      case 'code':
        return undefined;
    }
  }

  #wait(id: string, others: readonly string[], needs: Wait['needs'] = 'all'): void {
    const there = others.filter((other) => other !== id && this.parties.has(other));
    if (there.length > 0) this.waits.set(id, { for: there, needs });
  }

  #pool({ processId, clientName, level }: HolderView): string {
    const id = poolId(processId, clientName, level);
    if (this.parties.has(id)) return id;
    this.parties.set(id, { id, type: 'pool', clientName, level, place: placeOf(this.#processes.get(processId)) });
    this.#wait(id, this.#holding.get(id) ?? [], 'any');
    return id;
  }

  #job({ backend }: HolderView, { queue, jobId, level }: JobWait): string {
    const id = `job ${jobId}`;
    this.parties.set(id, { id, type: 'job', queue, jobId });
    const below = backend === undefined ? undefined : this.#below.get(backendKey(backend));
    const runs = this.#ofJob.get(jobId) ?? below;
    if (runs !== undefined) this.#wait(id, runs);
    else this.#waitForSlot(id, laneOf({ queue, level }));
    return id;
  }

  /** A job that does not run waits for any of those that have the slots of its lane, where all are taken. */
  #waitForSlot(id: string, lane: string): void {
    const { jobs = new Set<string>(), concurrency = 1 } = this.#lanes.get(lane) ?? {};
    if (jobs.size < concurrency) return;
    this.#wait(
      id,
      [...jobs].flatMap((job) => this.#ofJob.get(job) ?? []),
      'any',
    );
  }

  /** Who is behind a connection of the server: a holder, a session, or no one that is known. */
  #backend(backend: { readonly id: number; readonly startedAt: string | undefined }, idle: boolean): string {
    const holder = this.#byBackend.get(backendKey(backend));
    if (holder !== undefined) return holder.id;
    if (this.#sessions.has(backend.id)) return `session ${backend.id}`;
    const id = `backend ${backend.id}`;
    if (!this.parties.has(id)) this.parties.set(id, { id, type: 'backend', backendId: backend.id, idle });
    return id;
  }
}

/** Finds who waits for whom in a snapshot. */
export function graphOf(snapshot: Snapshot): Graph {
  return new Builder(snapshot);
}

export function poolId(processId: string, clientName: string, level: number): string {
  return `pool ${processId} ${clientName} ${level}`;
}

/** A process as a person calls it. */
export function placeOf(process: Pick<ProcessView, 'name' | 'pid'> | undefined): string {
  return process === undefined ? 'an unknown process' : `${process.name} (${process.pid})`;
}

function backendKey({ id, startedAt }: { readonly id: number; readonly startedAt?: string | undefined }): string {
  return `${id} ${startedAt}`;
}

function laneOf({ queue, level }: { readonly queue: string; readonly level: number }): string {
  return `${level} ${queue}`;
}

function append(map: Map<string, string[]>, key: string, id: string): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [id]);
  else list.push(id);
}
