import { ended, type PhysicalTransaction, type SentStatements, type TransactionalClient } from '../connection/index.ts';
import { type AmbientScope, currentFrame } from '../context/index.ts';
import { isInstance, type Origin } from '../core/index.ts';
import type { QueryResult } from '../driver/index.ts';
import { type AtomicUnit, type Participant, Participants } from './atomic-unit.ts';
import type { BegunByHand } from './begun-by-hand.ts';
import type { BodyResult } from './body-result.ts';
import { ScopeRemains } from './scope-remains.ts';

/** `closing`: the body has returned and what it left running is awaited; nothing new is accepted. */
type ScopeState = 'open' | 'closing' | 'ended';

/**
 * A transaction that counts as none, around a test: what opens one inside of it gets a savepoint, whose
 * commit is the end of that.
 */
export interface BaseScope {
  /** A transaction inside has ended well. `runHooks` runs its commit hooks and returns what they threw. */
  committed(runHooks: () => Promise<readonly unknown[]>): Promise<readonly unknown[]>;
  /** What other parts have in place of what is outside of it, by whose it is. */
  readonly resources: Map<object, object>;
  /** Run when it has ended. */
  readonly ends: (() => void)[];
  /** Runs a transaction inside that may have several attempts, as often as it likes. None: it is run once. */
  readonly rehearse?: Rehearse | undefined;
}

/** @param attempt runs the transaction once */
export type Rehearse = <Result>(transaction: Rehearsed, attempt: (atEnd: AtEnd) => Promise<Result>) => Promise<Result>;

/** A transaction that may have several attempts, in one that counts as none. */
export interface Rehearsed {
  readonly client: TransactionalClient;
  readonly name: string;
  readonly begunAt: Origin;
}

/** Is called when all but the commit of an attempt, or its rollback, has been done. @returns an error that refuses the commit */
export type AtEnd = (done: BodyResult<unknown>) => Error | undefined;

/** One call of `transaction` or `begin`. Scopes that join share the atomic unit of the one they join. */
export class Scope implements AmbientScope {
  readonly transaction: PhysicalTransaction;
  readonly unit: AtomicUnit;
  /** The scope that this one joins or nests in; none for the scope that began the transaction. */
  readonly parent: Scope | undefined;
  readonly name: string;
  readonly base: BaseScope | undefined;
  /** What libraries have once for the transaction that the scope began, by whose it is; none in most. */
  shares: Map<object, unknown> | undefined;
  /** The id of its event, if it has one. */
  tracedAs: string | undefined;
  #state: ScopeState = 'open';
  /** Statements and inner scopes that have not ended. */
  #pending = 0;
  #onIdle: (() => void) | undefined;
  #lastIssued = false;
  /** What was begun by hand and not ended; none in most. */
  #byHand: Set<BegunByHand> | undefined;
  #leftOpen: readonly unknown[] | undefined;
  #remains: ScopeRemains | undefined;

  constructor(
    transaction: PhysicalTransaction,
    unit: AtomicUnit,
    parent?: Scope,
    name: string = transaction.name,
    base?: BaseScope,
  ) {
    this.transaction = transaction;
    this.unit = unit;
    this.parent = parent;
    this.name = name;
    this.base = base;
  }

  /** Names it in events: what begins a transaction is that, and a scope that no one looks at is the one around it. */
  get id(): string {
    return this.tracedAs ?? this.parent?.id ?? this.transaction.record.id;
  }

  /** Whether its last statement ends the whole transaction. */
  get endsWhole(): boolean {
    return this.parent === undefined && this.base === undefined;
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.transaction.outcome === undefined;
  }

  /** Counts a statement or inner scope in; it must `leave`. @throws TransactionEndedError */
  enter(): void {
    this.assertOpen();
    this.#pending += 1;
  }

  /** @throws TransactionEndedError if the scope has ended, or its last statement was sent */
  assertOpen(): void {
    if (this.isOpen && !this.#lastIssued) return;
    throw ended(this.transaction, this.name, this.transaction.cancellation.requested?.reason);
  }

  /** Hooks may still be registered after the last statement, which may have committed already. @throws TransactionEndedError */
  assertAcceptsHooks(): void {
    if (this.#state !== 'open') this.assertOpen();
  }

  /** Counts in a hook's scope, which may come after the body. */
  enterAsHook(): void {
    this.#pending += 1;
  }

  leave(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#onIdle?.();
  }

  /** What the body has left open, in errors, and what else went wrong in ending it; none in most. */
  get leftOpen(): readonly unknown[] | undefined {
    return this.#leftOpen;
  }

  /** What ends by hand, and with the body of the scope at the latest. */
  beginByHand(begun: BegunByHand): void {
    (this.#byHand ??= new Set()).add(begun);
  }

  endByHand(begun: BegunByHand): void {
    this.#byHand?.delete(begun);
  }

  /**
   * Refuses what comes from now on, ends what was begun by hand, and resolves when everything that was issued has
   * ended.
   */
  close(): Promise<void> | undefined {
    if (this.#state === 'open') this.#state = 'closing';
    if (this.#byHand !== undefined && this.#byHand.size > 0) return this.#closeByHand([...this.#byHand]);
    return this.#pending === 0 ? undefined : this.#idle();
  }

  async #closeByHand(open: readonly BegunByHand[]): Promise<void> {
    const ends = open.toReversed().map((begun) => begun.endWithScope());
    if (this.#pending > 0) await this.#idle();
    const errors = (await Promise.all(ends)).filter((error) => error !== undefined);
    if (errors.length > 0) this.#leftOpen = errors;
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  end(): void {
    this.#state = 'ended';
    if (this.#remains !== undefined) this.#remains.isOver = true;
  }

  /** For those who may be used after its end, and are to hold nothing of it. */
  get remains(): ScopeRemains {
    if (this.#remains === undefined) {
      this.#remains = new ScopeRemains(this.transaction, this.name);
      this.#remains.isOver = !this.isOpen;
    }
    return this.#remains;
  }

  /** Runs statements of this scope, one round trip for all, when its turn comes. */
  async run(sent: SentStatements, last: boolean): Promise<readonly QueryResult[]> {
    this.enter();
    const { turns } = this.unit;
    try {
      const endsWhole = last && this.endsWhole;
      if (endsWhole) this.#lastIssued = true;
      const turn = turns.enter(this.transaction, endsWhole ? undefined : sent);
      if (turn !== undefined) await awaitTurn(this, turn);
      try {
        return await this.transaction.run(sent, this.unit, endsWhole && this.#mayCommit());
      } finally {
        turns.leave();
      }
    } finally {
      this.leave();
    }
  }

  /** COMMIT may travel with the last statement only of a transaction that nothing else has a say in. */
  #mayCommit(): boolean {
    const { unit } = this;
    return unit.doomed === undefined && !unit.awaitsCommit && this.#pending === 1;
  }
}

/** Waits for a turn in a scope as those who look on see it. */
export async function awaitTurn(scope: Scope, turn: Promise<void>): Promise<void> {
  const { transaction, unit } = scope;
  const inside = isAskedInside(scope);
  const end = transaction.record.waitsFor({
    type: 'turn',
    get scope() {
      return unit.nested;
    },
    inside,
  });
  try {
    await turn;
  } finally {
    end();
  }
}

/** Whether something is asked of a scope out of the body of a savepoint inside of it. */
function isAskedInside({ unit }: Scope): boolean {
  const asking = currentFrame()?.scope;
  if (!isInstance(asking, Scope) || !asking.isOpen || asking.unit === unit) return false;
  for (let at = asking.parent; at !== undefined; at = at.parent) if (at.unit === unit) return true;
  return false;
}

/**
 * The unit of the whole transaction that a scope belongs to, whatever savepoints are between; of a transaction that
 * counts as none, that of the one inside of it.
 */
export function wholeUnit(scope: Scope): AtomicUnit {
  let at = scope;
  while (at.parent !== undefined && at.parent.base === undefined) at = at.parent;
  return at.unit;
}

/** The transaction that counts as none which a scope is in, or is. */
export function baseOf(scope: Scope): BaseScope | undefined {
  let at = scope;
  while (at.parent !== undefined) at = at.parent;
  return at.base;
}

/** Takes part in the whole transaction, which no rollback to a savepoint takes back. @throws TransactionEndedError */
export function participate(scope: Scope, participant: Participant): void {
  scope.assertAcceptsHooks();
  const unit = wholeUnit(scope);
  unit.participants ??= new Participants();
  unit.participants.add(participant);
}
