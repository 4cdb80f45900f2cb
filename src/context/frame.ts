import { AsyncLocalStorage } from 'node:async_hooks';
import { announceVersion, assertOwnVersionHere, type ChainLink, sharedByCopies, versions } from '../core/index.ts';
import type { Ancestor, BackendIdentity, ChainContext } from './chain-context.ts';
import { BaseLevel, baseLevelNow, type HeldByJob } from './base-level.ts';
import { beforeAll, type Begun, closings, notBegun, toTheEnd } from './closings.ts';
import type { TransactionRecord } from './transaction-record.ts';

/** A named datasource of one database; two are the same client only if they are the same object. */
export interface ClientIdentity {
  readonly name: string;
  /** The database that the client belongs to. */
  readonly database: object;
}

/** A physical transaction of the chain, as the frames above it know it. */
export interface OpenTransaction {
  readonly client: ClientIdentity;
  readonly level: number;
  /** The nearest live transaction of the chain that was there when this one was opened. */
  readonly outer: OpenTransaction | undefined;
  /** False once the server has answered COMMIT or ROLLBACK. */
  readonly isOpen: boolean;
  /**
   * False as soon as COMMIT or ROLLBACK is under way: from then on it waits for nothing of its chain and gives its connection
   * back by itself, so the chain holds it no more.
   */
  readonly isLive: boolean;
  readonly characteristics: { readonly readOnly: boolean };
  /** The same object for all attempts of one call. */
  readonly call: object;
  /** The server's side of its connection; none before its first statement. */
  readonly backend: BackendIdentity | undefined;
  /** For those who look on. */
  readonly record: TransactionRecord;
  describe(): ChainLink;
}

/** One call of `transaction` or `begin`; several may share a physical transaction. */
export interface AmbientScope {
  readonly transaction: OpenTransaction;
  /** Set where its transaction counts as none, as that around a test does. */
  readonly base?: object | undefined;
}

/** Takes hooks that are registered while hooks run. */
export interface HookSink {
  readonly open: boolean;
  /** Whether anything that has begun waits for the hooks. */
  readonly isAwaited: boolean;
  /** Whether they run because work did not commit. */
  readonly isUndoing: boolean;
  commit(hook: () => unknown): void;
  compensate(hook: (error: unknown) => unknown): void;
}

/** What distinguishes a new frame from the one that it stands in. */
export interface FrameChange {
  /** None: the frame says nothing about any client. */
  readonly client: ClientIdentity | undefined;
  /** A level that was fixed from outside; what has a scope stands at that of its transaction. */
  readonly level?: number | undefined;
  readonly scope: AmbientScope | undefined;
  /** The transaction that begins with this frame. */
  readonly opens?: OpenTransaction | undefined;
  readonly hooks?: HookSink | undefined;
  /** The client that `current` means from here on; by default what it meant before. */
  readonly current?: ClientIdentity | undefined;
  /** What the chain carries from here on; by default what it carried before. */
  readonly chain?: ChainContext | undefined;
  /** What it stands on; by default an explicit level, or else what the frame around stands on. */
  readonly baseLevel?: BaseLevel | undefined;
  /** What is sent from here on has no settings by context; by default as around it. */
  readonly isBare?: boolean | undefined;
  /** When its chain began; by default that of the frame around, and now where there is none. */
  readonly since?: Begun | undefined;
}

/**
 * An element of the ambient context. What a frame means never changes: a scope runs its body in a new one, so parallel
 * branches cannot see each other's transactions. But it lets go of what has ended, however long what was left
 * running in it goes on. Its fields are private to the types alone, since another copy of the package knows it too.
 */
export class Frame {
  private link: Frame | undefined;
  /** The client that the frame says something about. */
  readonly client: ClientIdentity | undefined;
  /** The level that is fixed here: that of the scope's transaction, or an explicit one. None: see `levelBeside`. */
  readonly level: number | undefined;
  /** The client that `current` means; only `switchDb` changes it, a transaction on another client does not. */
  readonly current: ClientIdentity | undefined;
  /** The scope that statements of this frame on its client join; none: they run by themselves. */
  readonly scope: AmbientScope | undefined;
  readonly hooks: HookSink | undefined;
  /** What is sent from it has no settings by context: it is Sluice's own, and of no tenant. */
  readonly isBare: boolean;
  /** What a library is about to begin from here, for those who know libraries: a field, since weak maps are dear. */
  begins: unknown;
  private opened: OpenTransaction | undefined;
  private stands: BaseLevel | undefined;
  /** What came into this process from outside, as long as it lasts. */
  private readonly entry: BaseLevel | undefined;
  private carried: ChainContext | undefined;
  /** When its chain began. */
  readonly since: Begun;
  /** Whether it is a part of hooks that undo work. */
  private readonly isUndoing: boolean;

  constructor(parent: Frame | undefined, change: FrameChange) {
    const { client, scope } = change;
    this.client = client;
    this.scope = scope;
    this.level = scope === undefined ? change.level : scope.transaction.level;
    this.hooks = change.hooks;
    this.isBare = change.isBare ?? parent?.isBare ?? false;
    this.begins = undefined;
    this.since = change.since ?? parent?.since ?? closings.count;
    this.isUndoing = parent?.isUndoing === true || change.hooks?.isUndoing === true;
    if (parent !== undefined && scope !== undefined && isInside(scope, parent.scope)) {
      // What the frame around holds has not ended, so that there is nothing to let go of.
      this.link = parent;
      this.current = change.current ?? parent.current;
      this.opened = change.opens ?? parent.opened;
      this.carried = change.chain ?? parent.carried;
      this.stands = change.baseLevel ?? parent.stands;
      this.entry = parent.entry;
      return;
    }
    this.link = parent?.isSpent === true ? Frame.nearest(parent, client) : parent;
    this.current = change.current ?? parent?.current;
    this.opened = change.opens ?? parent?.innermost;
    this.carried = change.chain ?? parent?.chain;
    const isFixed = scope === undefined && change.level !== undefined;
    this.stands = change.baseLevel ?? (isFixed ? new BaseLevel(change.level) : parent?.baseLevel);
    this.entry = parent === undefined ? this.stands : parent.entry;
    if (parent?.link?.isSpent === true) parent.link = Frame.nearest(parent.link, parent.client);
  }

  /** The nearest frame around that still says something. */
  get parent(): Frame | undefined {
    return this.link;
  }
  /** The live transaction of the chain that was opened last, on any client. */
  get innermost(): OpenTransaction | undefined {
    const innermost = this.opened;
    if (innermost === undefined || innermost.isLive) return innermost;
    return (this.opened = innermost.outer);
  }
  /** Names what came into this process from outside; none for what began here. */
  get entryId(): string | undefined {
    return this.entry?.id;
  }
  /** The job that the chain began with in this process, if it was one. */
  get job(): HeldByJob | undefined {
    return this.entry?.job;
  }
  get baseLevel(): BaseLevel | undefined {
    return (this.stands = baseLevelNow(this.stands));
  }
  /** What travels with the chain. Work that is still running after the answer is not waited for. */
  get chain(): ChainContext | undefined {
    const chain = this.carried;
    if (chain?.ancestors === undefined || this.entry?.hasEnded !== true) return chain;
    const { ancestors: _, ...values } = chain;
    return (this.carried = values);
  }
  /** The highest level at which the chain holds a transaction, in whichever process; -1 for none. */
  get held(): number {
    let held = -1;
    for (let open = this.innermost; open !== undefined; open = open.outer) held = Math.max(held, open.level);
    for (const { level } of this.chain?.ancestors ?? none) held = Math.max(held, level);
    return held;
  }
  /** Holds nothing: all it says is where statements on its client go. */
  get isSpent(): boolean {
    const { scope, hooks } = this;
    return (scope === undefined || !scope.transaction.isLive) && (hooks === undefined || !hooks.open);
  }

  /** When the work that it belongs to began; `notBegun` where that has ended, and what it has left running goes on. */
  get begun(): Begun {
    const begun = this.isUndoing ? toTheEnd : this.since;
    if (this.innermost !== undefined) return begun;
    if (this.scope !== undefined || this.entry?.hasEnded === true) return notBegun;
    if (this.hooks !== undefined) return this.hooks.open && this.hooks.isAwaited ? begun : notBegun;
    return this.link === undefined ? begun : this.link.begun;
  }

  /** The same in another place. */
  private above(parent: Frame | undefined): Frame {
    const { client, scope, level, current, baseLevel, isBare, since } = this;
    return new Frame(parent, { client, scope, level, current, baseLevel, isBare, since, chain: this.carried });
  }

  /**
   * What a frame about `client` is to be linked to. A spent frame is passed over where a nearer one speaks of the same
   * client, so that a chain is no longer than what it holds and the number of clients.
   */
  private static nearest(frame: Frame, client: ClientIdentity | undefined): Frame | undefined {
    let at: Frame | undefined = frame;
    while (at?.isSpent === true && (at.client === undefined || at.client === client)) at = at.link;
    if (at?.isSpent !== true) return at;
    const kept: Frame[] = [];
    const seen = new Set([client, undefined]);
    for (; at?.isSpent === true; at = at.link) {
      if (!seen.has(at.client)) kept.unshift(at);
      seen.add(at.client);
    }
    return kept.reduce((below, each) => (each.link === below ? each : each.above(below)), at);
  }
}

/** Whether a scope belongs to the live transaction of the scope around. */
function isInside({ transaction }: AmbientScope, around: AmbientScope | undefined): boolean {
  return transaction === around?.transaction && transaction.isLive;
}

const none: readonly Ancestor[] = [];

/**
 * The transactions that a chain holds on servers, outermost first, those of other processes before
 * this one's. One that has sent no statement holds nothing there.
 */
export function ancestorsOf(innermost: OpenTransaction | undefined, chain: ChainContext | undefined): Ancestor[] {
  const own: Ancestor[] = [];
  for (let open = innermost; open !== undefined; open = open.outer) {
    const { client, level, backend } = open;
    if (backend === undefined || !open.isLive) continue;
    own.unshift({ clientName: client.name, level, transaction: open.record.name, backend });
  }
  return [...(chain?.ancestors ?? []), ...own];
}

/** A transaction and those that are live above it but `own`, outermost first, as data. */
export function describeTransactions(
  innermost: OpenTransaction | undefined,
  own?: OpenTransaction,
): readonly ChainLink[] {
  const links: ChainLink[] = [];
  for (let open = innermost; open !== undefined; open = open.outer) if (open !== own) links.unshift(open.describe());
  return links;
}

/** Names the chain that a frame belongs to; nothing where it holds nothing and came from nowhere. */
export function chainIdOf(frame: Frame | undefined): string | undefined {
  return frame?.innermost?.record.chainId ?? frame?.entryId;
}

/** A transaction, or the nearest one around it that is live. */
export function nearestLive(open: OpenTransaction | undefined): OpenTransaction | undefined {
  return open === undefined || open.isLive ? open : open.outer;
}

/** One for all copies of this version: a second copy finds the same frames instead of silently none. */
const storage = sharedByCopies('context', () => new AsyncLocalStorage<Frame | undefined>());
announceVersion(() => storage.getStore()?.innermost?.describe().transaction);

export function currentFrame(): Frame | undefined {
  return storage.getStore();
}

/**
 * The current frame, for what a program calls.
 * @throws MixedVersionsError inside a transaction of another version of the package, which this one cannot join
 */
export function frameOfCall(): Frame | undefined {
  if (versions.size > 1) assertOwnVersionHere();
  return storage.getStore();
}

/** Runs `body`, in which what is sent has no settings by context. @param since when its work began; as around it by default */
export function runBare<Result>(body: () => Result, since?: Begun): Result {
  const outer = currentFrame();
  const { client, level, scope, hooks } = outer ?? {};
  return storage.run(new Frame(outer, { client, level, scope, hooks, isBare: true, since }), body);
}

/** The same for what notes how work has ended that no frame knows: a database that closes lets it be noted. */
export function runBareAtEnd<Result>(body: () => Result): Result {
  return runBare(body, Math.min(currentFrame()?.since ?? beforeAll, beforeAll));
}

/** Runs `body(argument)` with `frame` as the ambient one. */
export function runInFrame<Argument, Result>(
  frame: Frame | undefined,
  body: (argument: Argument) => Result,
  argument: Argument,
): Result {
  return storage.run(frame, body, argument);
}
