import type { IdempotencyDialect } from './idempotency-dialect.ts';
import type { EventDialect } from './event-dialect.ts';
import type { OutboxDialect } from './outbox-dialect.ts';
import type { SagasDialect } from './sagas-dialect.ts';
import type { TwoPhaseDialect } from './two-phase-dialect.ts';

/** The parts of Kysely for an engine, as its own `Dialect` has them. */
export interface KyselyParts {
  /** As of Kysely's `Dialect`. */
  createAdapter(): object;
  /** As of Kysely's `Dialect`. */
  createQueryCompiler(): object;
  /** As of Kysely's `Dialect`. */
  createIntrospector(kysely: never): object;
}

/** How models write SQL for an engine. */
export interface ModelDialect {
  /** Whose SQL it takes, of those that Kysely has; or the parts of Kysely for its own. */
  readonly sql: 'postgres' | 'mysql' | 'sqlite' | KyselyParts;
  /** Whether `insert ... returning` gives the rows. Without it they are read by their keys, or by the `insertId` of the result. */
  readonly returning: boolean;
}

/** What libraries call an engine. */
export interface LibraryNames {
  /** The `client` of Knex. */
  readonly knex?: string | undefined;
  /** The types of TypeORM's data sources; the first is the default. */
  readonly typeorm?: readonly string[] | undefined;
}

/** What an engine brings for the parts of Sluice that write SQL of their own, and for libraries. Each may be missing. */
export interface EngineDialect {
  /** Names the engine: `postgres`, `mysql`, `sqlite`. */
  readonly dialect: string;
  /** Its outbox and inbox. Without it the one that `registerOutboxDialect` has for the name. */
  readonly outbox?: OutboxDialect | undefined;
  /** Its keys of idempotent calls. Without it there are none. */
  readonly idempotency?: IdempotencyDialect | undefined;
  /** Its tables of sagas, and where its SQL for them differs. */
  readonly sagas?: SagasDialect | undefined;
  /** Its publications of transactional events. */
  readonly events?: EventDialect | undefined;
  /** Its transactions that are prepared first and ended later; an engine without it has none. */
  readonly twoPhase?: TwoPhaseDialect | undefined;
  /** How models write for it. */
  readonly models?: ModelDialect | undefined;
  /** What Knex and TypeORM call it. */
  readonly libraryNames?: LibraryNames | undefined;
}
