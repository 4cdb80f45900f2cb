import type { Ancestor, BackendIdentity, HeldByJob, NotedWait } from '../context/index.ts';

/** Who blocks a statement: a connection of the server, whichever process it belongs to. */
export interface LockOwner {
  /** The server's side of its connection. */
  readonly backend: BackendIdentity;
  /** The id of who holds it, where that is in this process. */
  readonly holderId: string | undefined;
  /** Its transaction is open, and nothing runs in it: it waits in its program. */
  readonly idle: boolean;
}

/** A row, table or advisory lock. */
export interface LockWaiting {
  /** Says which wait it is. */
  readonly type: 'lock';
  /** The table, where the server tells. */
  readonly relation: string | undefined;
  /** Those who hold it. */
  readonly owners: readonly LockOwner[];
}

/** A transaction that was begun inside of it. */
export interface InnerWait {
  /** Says which wait it is. */
  readonly type: 'transaction';
  /** The id of the transaction inside. */
  readonly id: string;
}

/** A connection of its client. */
export interface ConnectionWaiting {
  /** Says which wait it is. */
  readonly type: 'connection';
  /** Whether connections of the client are being opened, or one is tried again: they may come when no one ends. */
  readonly opening: boolean;
  /** The code or name of the error with which the server refused the last one, where it did. */
  readonly refused: string | undefined;
}

/** `server`: it runs what it was sent. `code`: the program, since nothing else is known. */
export interface PlainWait {
  /** Says which wait it is. */
  readonly type: 'server' | 'code';
}

/** What a holder waits for now. */
export type HolderWait = (PlainWait | ConnectionWaiting | LockWaiting | InnerWait | NotedWait) & {
  /** For how many milliseconds. */
  readonly for: number;
};

/** What a server runs. */
export interface RunningText {
  /** SQL without literals, cut at 1,000 characters. */
  readonly text: string;
  /** For how many milliseconds. */
  readonly for: number;
}

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
  /** The same for all of one client of one process, which share its connections. */
  readonly poolId: string;
  /** The same for all of one chain in this process. */
  readonly chainId: string;
  /** The id of the transaction around it in this process. */
  readonly outerId: string | undefined;
  /** The transactions above it from which its job or call came, in this or another process, outermost first. */
  readonly ancestors: readonly Ancestor[];
  /** The job that it is a part of; undefined where its chain did not begin with one in this process. */
  readonly job: HeldByJob | undefined;
  /** Connections of the server that wait for its locks, and are of no holder in this list: those of other processes, and of libraries that are not bound. */
  readonly blocks: readonly BackendIdentity[];
  /** 1 for the first attempt of a transaction. */
  readonly attempt: number;
  /** Milliseconds since it began. */
  readonly age: number;
  /** Where in the program it began (`file:line:column`), where that is known. */
  readonly origin: string | undefined;
  /** The server's side of its connection; undefined as long as it has none. */
  readonly backend: BackendIdentity | undefined;
  /** What the server runs for it. */
  readonly running: RunningText | undefined;
  /** What it waits for. */
  readonly waitsFor: HolderWait;
}
