import { ended, type PhysicalTransaction, type Subject } from '../connection/index.ts';
import type { ChainLink, Origin } from '../core/index.ts';

/**
 * What remains of a scope after its end. Libraries keep their handles on it for as long as they like; a handle then refers
 * to this alone, and to nothing of the transaction.
 */
export class ScopeRemains implements Subject {
  readonly name: string;
  readonly level: number;
  readonly client: { readonly name: string };
  isOver = false;
  readonly #scope: string;
  readonly #origin: Origin;

  constructor({ name, level, client, origin }: PhysicalTransaction, scope: string) {
    this.name = name;
    this.level = level;
    this.client = { name: client.name };
    this.#origin = origin;
    this.#scope = scope;
  }

  /** @throws TransactionEndedError */
  assertNotOver(): void {
    if (this.isOver) throw ended(this, this.#scope, undefined);
  }

  chain(): readonly ChainLink[] {
    const { client, level, name } = this;
    return [{ clientName: client.name, level, transaction: name, age: 0, openedAt: this.#origin() }];
  }
}
