/** The server's side of a connection, which names it among all others of that server. */
export interface BackendIdentity {
  /** The process or connection id of the server. */
  readonly id: number;
  /** When the server opened it, in the server's own words; ids are used again, this pair is not. */
  readonly startedAt: string | undefined;
}

/** A transaction that is open above a part of a chain, as another process knows it. */
export interface Ancestor {
  /** The client that the transaction runs on. */
  readonly clientName: string;
  /** The level at which it holds its connection. */
  readonly level: number;
  /** The name given in the options, or `anonymous`. */
  readonly transaction: string;
  /** The server's side of its connection; locks are attributed by it. */
  readonly backend: BackendIdentity;
}

/** The values that a chain carries through every process that it reaches, in addition to its level. */
export interface ChainContext {
  /** The trace as W3C Trace Context writes it. */
  readonly traceparent?: string | undefined;
  /** Vendor data of the trace, as W3C Trace Context writes it. */
  readonly tracestate?: string | undefined;
  /** On whose behalf the chain runs. */
  readonly tenant?: string | undefined;
  /** A BCP 47 tag, such as `de-CH`. */
  readonly locale?: string | undefined;
  /** An IANA time zone, such as `Europe/Zurich`. */
  readonly tz?: string | undefined;
  /** Names the work to services that must do it once. */
  readonly idempotencyKey?: string | undefined;
  /** Further values by name: at most 64, and 8 KiB together. */
  readonly baggage?: Readonly<Record<string, string>> | undefined;
  /** When it came into this process from another one, in milliseconds of this process's monotonic clock. */
  readonly enteredAt?: number | undefined;
  /** When the caller stops waiting for the chain, in milliseconds of this process's monotonic clock. */
  readonly deadline?: number | undefined;
  /** The transactions that other processes hold open above this one's part of the chain, outermost first. */
  readonly ancestors?: readonly Ancestor[] | undefined;
}
