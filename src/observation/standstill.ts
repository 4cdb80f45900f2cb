import type { BackendIdentity, HeldByJob } from '../context/index.ts';
import type { HolderInfo, HolderWait } from './holder-info.ts';

/** One of those that stand still: a holder, a savepoint of one, or a connection of which the lists say nothing else. */
export interface StandstillMember {
  /** The id of its holder; of a `savepoint` that of its transaction; of a `backend` what names that among all of a server. */
  readonly id: string;
  /**
   * `savepoint`: a scope inside of a transaction. `backend`: a connection of the server that no list names, such as that of a
   * library that is not bound, or of a process whose list is missing.
   */
  readonly kind: HolderInfo['kind'] | 'savepoint' | 'backend';
  /** The name of the holder or of the scope; of a `backend` its number. */
  readonly name: string;
  /** The client that it runs on; undefined where that is not known. */
  readonly clientName: string | undefined;
  /** The level of its connection; undefined where that is not known. */
  readonly level: number | undefined;
  /** Where in the program it began (`file:line:column`), where that is known. */
  readonly origin: string | undefined;
  /** The server's side of its connection; undefined as long as it has none. */
  readonly backend: BackendIdentity | undefined;
  /** The job that it is a part of, where it is one's. */
  readonly job: HeldByJob | undefined;
  /** What it waits for; undefined where that is not known. */
  readonly waitsFor: HolderWait | undefined;
}

/** What stands still: no one in it goes on before something else happens. */
export interface Standstill {
  /**
   * `circle`: each member waits for the next, and the last for the first, so that none goes on by itself. `held`: each member
   * waits for the next, and the last for nothing that Sluice sees going on: it is the one to look at.
   */
  readonly kind: 'circle' | 'held';
  /** Two or more of a circle, the one that began first first. At most eight of those that are held, the last of which holds the others. */
  readonly members: readonly StandstillMember[];
  /** How many wait besides, for a member or for another one who waits. Who waits for several standstills is counted at one of them. */
  readonly waiting: number;
  /** How many others hold up the same as the last member: what is waited for comes when one of them ends, as in a pool. */
  readonly besides: number;
  /** For how many milliseconds it has stood still: a circle since the last of its waits began, and others since the last member waits. */
  readonly for: number;
}

/** Options of `findStandstills()`. */
export interface FindStandstillsOptions {
  /**
   * For how many milliseconds the last of a chain has to wait for nothing that Sluice sees until that counts as standing still,
   * since a program may take a while between two statements. A circle counts at once. Default 200.
   */
  readonly heldAfter?: number | undefined;
}
