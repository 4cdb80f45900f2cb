import type { Ancestor, BackendIdentity, NotedWait } from '../context/index.ts';

/** Who blocks a statement: a connection of the server, whichever process it belongs to. */
export interface LockOwner {
  /** The server's side of its connection. */
  readonly backend: BackendIdentity;
  /** The id of who holds it, where that is in this process. */
  readonly holderId: string | undefined;
  /** Its transaction is open, and nothing runs in it: it waits in its program. */
  readonly idle: boolean;
}

/** What a holder waits for now, and for how many milliseconds. */
export type HolderWait = { readonly for: number } & (
  | { readonly type: 'connection' }
  /** What it runs waits for a row, table or advisory lock. */
  | { readonly type: 'lock'; readonly relation: string | undefined; readonly owners: readonly LockOwner[] }
  /** The server runs what it was sent, as far as is known. */
  | { readonly type: 'server' }
  /** A transaction that was begun inside of it. */
  | { readonly type: 'transaction'; readonly id: string }
  /** The program: nothing runs, and nothing that Sluice knows of is waited for. */
  | { readonly type: 'code' }
  | NotedWait
);

/** Who has a connection, or waits for one: an open transaction, a statement outside of one, or a checkout of a library. */
export interface HolderInfo {
  /** Names it among all of all processes. */
  readonly id: string;
  /** `checkout`: a connection that a library took from the ambient pool. */
  readonly kind: 'transaction' | 'statement' | 'checkout';
  /** The name of the transaction, or what it is instead. */
  readonly name: string;
  /** The client that it runs on. */
  readonly clientName: string;
  /** The level of its connection. */
  readonly level: number;
  /** The same for all of one chain in this process. */
  readonly chainId: string;
  /** The id of the transaction around it in this process. */
  readonly outerId: string | undefined;
  /** The transactions above it in other processes, outermost first. */
  readonly ancestors: readonly Ancestor[];
  /** 1 for the first attempt of a transaction. */
  readonly attempt: number;
  /** Milliseconds since it began. */
  readonly age: number;
  /** Where in the program it began (`file:line:column`), where that is known. */
  readonly origin: string | undefined;
  /** The server's side of its connection; undefined as long as it has none. */
  readonly backend: BackendIdentity | undefined;
  /** What the server runs for it: SQL without literals, cut at 1,000 characters. */
  readonly running: { readonly text: string; readonly for: number } | undefined;
  /** What it waits for. */
  readonly waitsFor: HolderWait;
}
