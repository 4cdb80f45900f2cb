import type { Step } from '../driver/index.ts';
import type { Turns } from './turns.ts';

/** A savepoint on the server; it is set together with the first statement of its scope. */
export interface Savepoint {
  readonly name: string;
  established: boolean;
}

/** What is rolled back as one: the whole transaction, or one savepoint scope of it. */
export interface RollbackUnit {
  readonly parent: RollbackUnit | undefined;
  /** None for the whole transaction. */
  readonly savepoint: Savepoint | undefined;
  /** Whose turn it is in it. */
  readonly turns: Turns;
  /** Set once the unit can only be rolled back. */
  readonly doomed: { readonly cause: unknown } | undefined;
  /** From now on the unit can only be rolled back; the first cause stays. */
  doom(cause: unknown): void;
  /** Dooms the whole transaction. */
  doomAll(cause: unknown): void;
  /** A statement is sent in it that may write. */
  noteWrite(): void;
}

/** Gets the events of a transaction's savepoint scopes, in order; it must not throw. */
export interface SavepointObserver {
  /** A savepoint scope begins. */
  entered?(savepoint: string): void;
  /** It ended well: what it did belongs to its parent now. */
  released?(savepoint: string): void;
  /** The scope was rolled back to its savepoint. */
  rolledBack?(savepoint: string): void;
}

/**
 * Keeps track of which savepoints exist on the server. `SAVEPOINT` waits for the first statement of
 * its scope and `RELEASE` for whatever is sent next, so that neither costs a round trip.
 */
export class Savepoints {
  #observers: readonly SavepointObserver[] = none;
  #count = 0;
  /** A savepoint whose scope ended well and that the server still has. */
  #toRelease: string | undefined;

  observe(observer: SavepointObserver): void {
    this.#observers = [...this.#observers, observer];
  }

  create(): Savepoint {
    this.#count += 1;
    const savepoint = { name: `sluice_${this.#count}`, established: false };
    for (const observer of this.#observers) observer.entered?.(savepoint.name);
    return savepoint;
  }

  /** What must be sent before a statement of `unit`, in order. */
  pendingSteps(unit: RollbackUnit): readonly PendingStep[] {
    if (this.#toRelease === undefined && (unit.savepoint === undefined || unit.savepoint.established)) return none;
    const steps: PendingStep[] = [];
    for (let at: RollbackUnit | undefined = unit; at?.savepoint !== undefined; at = at.parent) {
      const { savepoint } = at;
      if (savepoint.established) break;
      steps.unshift({ step: { type: 'savepoint', name: savepoint.name }, done: () => (savepoint.established = true) });
    }
    if (this.#toRelease !== undefined) {
      steps.unshift({ step: { type: 'release', name: this.#toRelease }, done: () => (this.#toRelease = undefined) });
    }
    return steps;
  }

  released(savepoint: Savepoint): void {
    // Releasing a savepoint releases those inside it, so one pending release is enough.
    if (savepoint.established) this.#toRelease = savepoint.name;
    for (const observer of this.#observers) observer.released?.(savepoint.name);
  }

  rolledBack(savepoint: Savepoint): void {
    if (savepoint.established) this.#toRelease = undefined;
    for (const observer of this.#observers) observer.rolledBack?.(savepoint.name);
  }
}

export interface PendingStep {
  readonly step: Step;
  /** Notes that the server has done it. */
  readonly done: () => void;
}

const none: readonly never[] = [];
