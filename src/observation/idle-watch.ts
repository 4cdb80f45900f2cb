import { idleTransaction } from '../channels/index.ts';
import { type CancelTimer, type Clock, emitWarning } from '../core/index.ts';
import type { HolderInfo } from './holder-info.ts';

/** What has begun and not ended; what holds a connection can be looked at. */
export type SeenWork = Iterable<{ look?(): HolderInfo }>;

/** Tells, once, of each transaction that holds a connection and has sent nothing for longer than a time. It looks now and then. */
export class IdleWatch {
  readonly #works: readonly SeenWork[];
  readonly #threshold: number;
  readonly #clock: Clock;
  readonly #told = new Set<string>();
  #cancelTimer: CancelTimer | undefined;

  constructor(works: readonly SeenWork[], threshold: number, clock: Clock) {
    this.#works = works;
    this.#threshold = threshold;
    this.#clock = clock;
    this.#arm();
  }

  end(): void {
    this.#cancelTimer?.();
  }

  #arm(): void {
    const pause = Math.max(10, this.#threshold / 4);
    const look = (): void => {
      this.#look();
      this.#arm();
    };
    this.#cancelTimer = this.#clock.setTimer(look, pause, true);
  }

  #look(): void {
    const open = new Set<string>();
    for (const work of this.#works) {
      for (const each of work) {
        const seen = each.look?.();
        if (seen === undefined || !this.#isIdle(seen)) continue;
        open.add(seen.id);
        if (!this.#told.has(seen.id)) this.#tell(seen);
      }
    }
    this.#told.clear();
    for (const id of open) this.#told.add(id);
  }

  #isIdle({ kind, backend, waitsFor }: HolderInfo): boolean {
    return (
      kind === 'transaction' && backend !== undefined && waitsFor.type === 'code' && waitsFor.for >= this.#threshold
    );
  }

  #tell({ id, chainId, clientName, level, name: transaction, waitsFor, origin: openedAt }: HolderInfo): void {
    const idleFor = waitsFor.for;
    if (idleTransaction.hasSubscribers) {
      idleTransaction.publish({ id, chainId, clientName, level, transaction, idleFor, openedAt });
    }
    const where = openedAt === undefined ? '' : `, begun at ${openedAt},`;
    emitWarning(
      'SLUICE_IDLE_TRANSACTION',
      `The transaction "${transaction}" on client "${clientName}" at level ${level}${where} holds a connection and has sent nothing for ${Math.round(idleFor)} ms; do what takes long before or after it, or raise idleWarning`,
    );
  }
}
