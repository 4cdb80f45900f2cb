import { SluiceError } from '../core/index.ts';

/** The isolation levels; options take other spellings too (`IsolationLevelName`). */
export const IsolationLevel = {
  DEFAULT: 'DEFAULT',
  READ_UNCOMMITTED: 'READ_UNCOMMITTED',
  READ_COMMITTED: 'READ_COMMITTED',
  REPEATABLE_READ: 'REPEATABLE_READ',
  SNAPSHOT: 'SNAPSHOT',
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
