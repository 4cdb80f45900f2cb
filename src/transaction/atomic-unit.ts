import { type RollbackUnit, type Savepoint, Turns } from '../connection/index.ts';
import type { HookRegistry, Participants } from '../hooks/index.ts';

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

  get doomed(): { readonly cause: unknown } | undefined {
    return this.#doom;
  }
}
