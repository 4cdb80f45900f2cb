import type { ChainLink } from '../core/index.ts';
import type { Ancestor, BackendIdentity, ChainContext } from './chain.ts';

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
  /** The transaction of the chain that was the innermost one when this one was opened. */
  readonly outer: OpenTransaction | undefined;
  /** False once the server has answered COMMIT or ROLLBACK. */
  readonly isOpen: boolean;
  /** The same object for all attempts of one call. */
  readonly call: object;
  /** The server's side of its connection; none before its first statement. */
  readonly backend: BackendIdentity | undefined;
  describe(): ChainLink;
}

/** One call of `transaction` or `begin`; several may share a physical transaction. */
export interface AmbientScope {
  readonly transaction: OpenTransaction;
}

/** Takes hooks that are registered while hooks run. */
export interface HookSink {
  readonly open: boolean;
  commit(hook: () => unknown): void;
  compensate(hook: () => unknown): void;
}

/** What distinguishes a new frame from the one that it stands in. */
export interface FrameChange {
  /** None: the frame says nothing about any client. */
  readonly client: ClientIdentity | undefined;
  readonly level: number;
  readonly scope: AmbientScope | undefined;
  /** The transaction that begins with this frame. */
  readonly opens?: OpenTransaction | undefined;
  readonly hooks?: HookSink | undefined;
  /** The client that `current` means from here on; by default what it meant before. */
  readonly current?: ClientIdentity | undefined;
  /** What the chain carries from here on; by default what it carried before. */
  readonly chain?: ChainContext | undefined;
}

/**
 * An element of the ambient context. Frames are never changed: a scope runs its body in a new one,
 * so parallel branches cannot see each other's transactions.
 */
export class Frame {
  readonly parent: Frame | undefined;
  /** The client that the frame says something about. */
  readonly client: ClientIdentity | undefined;
  readonly level: number;
  /** The client that `current` means; only `switchDb` changes it, a transaction on another client does not. */
  readonly current: ClientIdentity | undefined;
  /** The scope that statements of this frame on its client join; none: they run by themselves. */
  readonly scope: AmbientScope | undefined;
  /** The transaction of the chain that was opened last, on any client. */
  readonly innermost: OpenTransaction | undefined;
  /** The highest level at which the chain has a transaction open, over all clients; -1 for none. */
  readonly held: number;
  readonly hooks: HookSink | undefined;
  readonly chain: ChainContext | undefined;

  constructor(parent: Frame | undefined, change: FrameChange) {
    this.parent = parent;
    this.client = change.client;
    this.level = change.level;
    this.scope = change.scope;
    this.hooks = change.hooks;
    this.current = change.current ?? parent?.current;
    this.innermost = change.opens ?? parent?.innermost;
    this.chain = change.chain ?? parent?.chain;
    const held = parent === undefined ? heldElsewhere(change.chain) : parent.held;
    this.held = change.opens === undefined ? held : Math.max(held, change.opens.level);
  }
}

/** The highest level that a chain holds in other processes; -1 for none. */
function heldElsewhere(chain: ChainContext | undefined): number {
  return chain?.ancestors === undefined ? -1 : Math.max(-1, ...chain.ancestors.map(({ level }) => level));
}

/**
 * The transactions that a chain holds on servers, outermost first, those of other processes before
 * this one's. One that has sent no statement holds nothing there.
 */
export function ancestorsOf(innermost: OpenTransaction | undefined, chain: ChainContext | undefined): Ancestor[] {
  const own: Ancestor[] = [];
  for (let open = innermost; open !== undefined; open = open.outer) {
    const { client, level, backend } = open;
    if (backend === undefined || !open.isOpen) continue;
    own.unshift({ clientName: client.name, level, transaction: open.describe().transaction, backend });
  }
  return [...(chain?.ancestors ?? []), ...own];
}

/** The transactions open above a frame, outermost first, as data. */
export function describeTransactions(innermost: OpenTransaction | undefined): readonly ChainLink[] {
  const links: ChainLink[] = [];
  for (let open = innermost; open !== undefined; open = open.outer) links.unshift(open.describe());
  return links;
}
