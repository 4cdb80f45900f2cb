import type { SagasControl } from '../../../saga/index.ts';
import type { OpenParts } from '../parts/open-parts.ts';

/** Has sagas driven from the start of an application to its end. */
export class SagaWork {
  readonly #sagas: SagasControl;
  readonly #parts: OpenParts;
  readonly #isWorking: boolean;

  constructor(sagas: SagasControl, parts: OpenParts, isWorking: boolean) {
    this.#sagas = sagas;
    this.#parts = parts;
    this.#isWorking = isWorking;
  }

  /** Nest calls it when all providers are there, before servers listen. */
  onApplicationBootstrap(): void {
    if (this.#isWorking) this.#sagas.start();
  }

  /** Nest calls it when its servers are closed; earlier for modules that are not global than for those that are. */
  async onApplicationShutdown(): Promise<void> {
    await this.#parts.closeSagas();
  }
}
