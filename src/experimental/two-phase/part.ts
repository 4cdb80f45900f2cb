import type { Outcome, Through } from '../../connection/index.ts';
import type { DriverConnection, TwoPhaseDialect } from '../../driver/index.ts';
import { PartConnection, type PartOfWhole } from './part-connection.ts';
import type { Deciding } from './verdict.ts';

/** The part of a transaction on a client that is not the first. */
export class Part implements PartOfWhole {
  readonly clientName: string;
  /** What the server knows it by. */
  readonly name: string;
  readonly dialect: TwoPhaseDialect;
  readonly deciding: Deciding;
  readonly #ready = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #connection: { readonly real: DriverConnection; readonly part: DriverConnection } | undefined;
  #isOpen = true;
  #wasPrepared = false;
  /** It may still be prepared on its server. */
  isLeft = false;

  constructor(clientName: string, name: string, dialect: TwoPhaseDialect, deciding: Deciding) {
    this.clientName = clientName;
    this.name = name;
    this.dialect = dialect;
    this.deciding = deciding;
  }

  /** Ends a body whose result is no longer wanted. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  /** Resolves when nothing but the decision is missing. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }
  /** Resolves when it has ended, or is left for recovery. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }
  /** Whether it takes statements. */
  get isOpen(): boolean {
    return this.#isOpen;
  }
  get wasPrepared(): boolean {
    return this.#wasPrepared;
  }

  /** Speaks to the server for the transaction of the part. */
  readonly through: Through = (real) => {
    if (this.#connection?.real !== real) this.#connection = { real, part: new PartConnection(real, this) };
    return this.#connection.part;
  };

  /** From now on its own end is under way. */
  closes(): void {
    this.#isOpen = false;
  }

  prepared(): void {
    this.#wasPrepared = true;
    this.#ready.resolve();
  }

  /** @param outcome of its own transaction; a part without a statement needs no preparing */
  ended(outcome: Outcome | undefined): void {
    this.#isOpen = false;
    if (outcome === 'committed') this.#ready.resolve();
    this.#settled.resolve();
  }

  /** The whole is rolled back: so is what is still open here. */
  stop(reason: unknown): void {
    if (this.#isOpen) this.#stop.abort(reason);
  }
}
