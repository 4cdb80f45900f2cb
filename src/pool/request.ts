import type { Begun } from '../context/index.ts';
import type { ChainLink, ListNode, Origin } from '../core/index.ts';

/** Who asks for a connection, or holds one: for errors and statistics. */
export interface Holder {
  describe(): ChainLink;
  /** The other transactions that the holder's own chain has open, outermost first. */
  heldBesides(): readonly ChainLink[];
}

/** A request for one connection. */
export interface AcquireRequest {
  readonly level: number;
  readonly holder: Holder;
  /** False when the chain has a transaction open at this level or deeper: then waiting might never end. */
  readonly mayWait: boolean;
  /** The transactions that the chain has open besides, those inside of the holder included; by default those around it. */
  readonly besides?: (() => readonly ChainLink[]) | undefined;
  /** When the work began that it is for. */
  readonly begun: Begun;
  readonly signal?: AbortSignal | undefined;
  /** Whether it may get a connection whose COMMIT is under way, and sends on it at once. */
  readonly mayFollow?: boolean | undefined;
  /** It waits before others: it had got a connection, and waits for a better one. */
  readonly isFirst?: boolean | undefined;
  /** Where it was made; only the pool sets it. */
  readonly takenAt?: Origin | undefined;
}

/** A connection that is held. */
export interface Lease<Connection> {
  readonly connection: Connection;
  readonly level: number;
  readonly holder: Holder;
  /** Whether the connection was idle before: it may have died in that time without a sign of it. */
  readonly idled: boolean;
  /** Settles when the COMMIT is answered that was under way when it was handed over; nothing later, and where there was none. */
  commit?: Promise<unknown> | undefined;
  /** Is called when that takes longer than a COMMIT does that waits for nothing. */
  onLate?: (() => void) | undefined;
  /** Its place among those of its pool, which the pool alone sets. */
  place?: ListNode<Lease<Connection>>;
  /** Ends what the tap of its pool does to it. */
  untap?: () => void;
}
