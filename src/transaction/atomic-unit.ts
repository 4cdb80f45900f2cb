import { type Outcome, type RollbackUnit, type Savepoint, Turns } from '../connection/index.ts';
import type { HookRegistry } from '../hooks/index.ts';

/** What is rolled back as one: the whole transaction, or one savepoint scope of it. */
export class AtomicUnit implements RollbackUnit {
  readonly parent: AtomicUnit | undefined;
  readonly savepoint: Savepoint | undefined;
  readonly turns: Turns = new Turns();
  /** What was registered with it; none in most. */
  hooks: HookRegistry | undefined;
  /** What other parts store for the lifetime of the unit; created on first use. */
  resources: Map<object, object> | undefined;
  /** What commits with it; none in most. */
  participants: Participants | undefined;
  /** The name of the savepoint inside of it that has the turn; none in most. */
  nested: string | undefined;
  #hasWritten = false;
  #isUndone = false;
  #doom: { readonly cause: unknown } | undefined;

  constructor(parent?: AtomicUnit, savepoint?: Savepoint) {
    this.parent = parent;
    this.savepoint = savepoint;
  }

  /** Whether anything has a say before the commit. */
  get awaitsCommit(): boolean {
    return this.participants !== undefined || (this.hooks !== undefined && this.hooks.beforeCount > 0);
  }

  /** From now on the unit can only be rolled back; the first cause stays. */
  doom(cause: unknown): void {
    this.#doom ??= { cause };
  }

  /** Dooms the whole transaction. */
  doomAll(cause: unknown): void {
    this.doom(cause);
    this.parent?.doomAll(cause);
  }

  /** Here or further in. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  noteWrite(): void {
    this.#hasWritten = true;
    this.parent?.noteWrite();
  }

  /** Notes that the unit was rolled back, alone. */
  noteUndone(): void {
    this.#isUndone = true;
  }

  /** Whether it was rolled back to a savepoint: its own, or one around it. */
  get isUndone(): boolean {
    return this.#isUndone || this.parent?.isUndone === true;
  }

  get doomed(): { readonly cause: unknown } | undefined {
    return this.#doom;
  }
}

/** Runs what sends statements in the transaction, as a hook before the commit would. */
export type InScope = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * A part of Sluice that commits or rolls back with a whole transaction, such as a cache. Unlike a hook it has no scope, and nothing
 * of what is ambient where it was registered: to give it that is most of what a hook costs.
 */
export interface Participant {
  /** Runs before the commit, when no hook is left that could change anything; what it throws rolls back. */
  prepare(inScope: InScope): Promise<void>;
  /** Runs as soon as the outcome is known, before any hook. It never throws, and the work that it starts is not awaited. */
  end(outcome: Outcome): void;
}

/** Those of one whole transaction. */
export class Participants {
  readonly #all: Participant[] = [];
  #asked = 0;

  add(participant: Participant): void {
    this.#all.push(participant);
  }

  /** The next one to be asked before the commit. */
  next(): Participant | undefined {
    const participant = this.#all[this.#asked];
    if (participant !== undefined) this.#asked += 1;
    return participant;
  }

  /** None is asked afterwards, whatever the body of a cancelled transaction comes to. */
  end(outcome: Outcome): void {
    this.#asked = this.#all.length;
    for (const participant of this.#all) participant.end(outcome);
  }
}
