import { type DataSource, EntityManager, type QueryRunner } from 'typeorm';
import type { InOwnTransaction } from '../../ambient/index.ts';

type Entry = (...args: unknown[]) => Promise<unknown>;

/** Open transactions by themselves: on demand, and to write entities with their cascades and subscribers. */
const entries = ['transaction', 'save', 'remove', 'softRemove', 'recover'] as const;

/** An entity manager whose transactions, explicit and implicit ones, are ambient ones. */
export class AmbientEntityManager extends EntityManager {
  readonly #own: InOwnTransaction;

  constructor(dataSource: DataSource, queryRunner: QueryRunner | undefined, own: InOwnTransaction) {
    super(dataSource, queryRunner);
    this.#own = own;
  }

  static {
    // One for all of them, since their many overloads say nothing here.
    for (const name of entries) {
      const entry = Reflect.get(EntityManager.prototype, name) as Entry;
      const ours = function ours(this: AmbientEntityManager, ...args: unknown[]): Promise<unknown> {
        const run = (): Promise<unknown> => entry.apply(this, args);
        return name !== 'transaction' && refusesTransaction(args.at(-1)) ? run() : this.#own(run);
      };
      Object.defineProperty(this.prototype, name, { value: ours, writable: true, configurable: true });
    }
  }
}

/** `save(entity, { transaction: false })` */
function refusesTransaction(options: unknown): boolean {
  return typeof options === 'object' && options !== null && 'transaction' in options && options.transaction === false;
}
