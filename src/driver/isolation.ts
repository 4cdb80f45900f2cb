import { SluiceError } from '../core/index.ts';

/**
 * The isolation levels; options take other spellings too (`IsolationLevelName`).
 *
 * ```ts
 * await database.transaction(() => checkout(id), { isolationLevel: IsolationLevel.SERIALIZABLE });
 * ```
 */
export const IsolationLevel = {
  /** The level that the server is configured with. */
  DEFAULT: 'DEFAULT',
  /** Dirty reads are allowed. PostgreSQL runs it as READ COMMITTED. */
  READ_UNCOMMITTED: 'READ_UNCOMMITTED',
  /** Each statement sees what was committed before it began. */
  READ_COMMITTED: 'READ_COMMITTED',
  /** A row that was read once does not change within the transaction. */
  REPEATABLE_READ: 'REPEATABLE_READ',
  /** All statements see one snapshot, and a write to a row that changed since then fails. */
  SNAPSHOT: 'SNAPSHOT',
  /** The outcome is that of running the transactions one after the other. */
  SERIALIZABLE: 'SERIALIZABLE',
} as const;

export type IsolationLevel = (typeof IsolationLevel)[keyof typeof IsolationLevel];

/** The level that a transaction runs at: `DEFAULT` was resolved to what the engine gives. */
export type ConcreteIsolation = Exclude<IsolationLevel, 'DEFAULT'>;

/**
 * What each level promises, as the levels whose wish it fulfils. SNAPSHOT and REPEATABLE_READ are
 * kept apart because an engine may give one and not the other (InnoDB loses updates at its
 * REPEATABLE READ); a driver widens this where its engine gives more.
 */
export const standardFulfilment: Readonly<Record<ConcreteIsolation, readonly ConcreteIsolation[]>> = {
  READ_UNCOMMITTED: ['READ_UNCOMMITTED'],
  READ_COMMITTED: ['READ_UNCOMMITTED', 'READ_COMMITTED'],
  REPEATABLE_READ: ['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ'],
  SNAPSHOT: ['READ_UNCOMMITTED', 'READ_COMMITTED', 'SNAPSHOT'],
  SERIALIZABLE: ['READ_UNCOMMITTED', 'READ_COMMITTED', 'REPEATABLE_READ', 'SNAPSHOT', 'SERIALIZABLE'],
};

/** The engine gives nothing as strong as the isolation level that was asked for. */
export class UnsupportedIsolationError extends SluiceError {
  static override readonly code = 'UNSUPPORTED_ISOLATION';
  override readonly code = 'UNSUPPORTED_ISOLATION';
}
