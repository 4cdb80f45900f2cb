import { type DataSource, EntityManager, type QueryRunner } from 'typeorm';

export interface Transactions {
  /** Runs what opens a transaction on demand. */
  readonly explicit: (entry: () => Promise<unknown>) => Promise<unknown>;
  /** Runs what opens one by itself, where there is none. */
  readonly implicit: (entry: () => Promise<unknown>) => Promise<unknown>;
  /** Whether one is ambient here. */
  isAmbient(): boolean;
}

type Entry = (...args: unknown[]) => Promise<unknown>;

/** Opens a transaction on demand. */
const explicit = 'transaction';
/** Open transactions by themselves, to write entities with their cascades and subscribers. */
const implicit = ['save', 'remove', 'softRemove', 'recover'] as const;

/** Where a manager that there is becomes one of Sluice, with the repositories that have it. */
class AdoptableEntityManager extends EntityManager {
  constructor(dataSource: DataSource, queryRunner: QueryRunner | undefined, adopted: EntityManager | undefined) {
    // oxlint-disable-next-line no-constructor-return -- the fields of the class below are added to it
    if (adopted !== undefined) return adopted;
    super(dataSource, queryRunner);
  }
}

/** An entity manager whose transactions, explicit and implicit ones, are ambient ones. */
export class AmbientEntityManager extends AdoptableEntityManager {
  readonly #transactions: Transactions;

  /** @param adopted one that TypeORM has made: it becomes this one */
  constructor(
    dataSource: DataSource,
    queryRunner: QueryRunner | undefined,
    transactions: Transactions,
    adopted?: EntityManager,
  ) {
    super(dataSource, queryRunner, adopted);
    if (adopted !== undefined) Object.setPrototypeOf(this, new.target.prototype);
    this.#transactions = transactions;
  }

  /** Writing needs no transaction of its own where there is one: that of its runner, or the ambient one. */
  #hasTransaction(): boolean {
    return this.queryRunner === undefined ? this.#transactions.isAmbient() : this.queryRunner.isTransactionActive;
  }

  static {
    // One for all of them, since their many overloads say nothing here.
    for (const name of [explicit, ...implicit]) {
      const entry = Reflect.get(EntityManager.prototype, name) as Entry;
      const ours = function ours(this: AmbientEntityManager, ...args: unknown[]): Promise<unknown> {
        const run = (): Promise<unknown> => entry.apply(this, args);
        if (name === explicit) return this.#transactions.explicit(run);
        const joins = refusesTransaction(args.at(-1)) || this.#hasTransaction();
        return joins ? run() : this.#transactions.implicit(run);
      };
      Object.defineProperty(this.prototype, name, { value: ours, writable: true, configurable: true });
    }
  }
}

/** `save(entity, { transaction: false })` */
function refusesTransaction(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'transaction' in options && options.transaction === false;
}
