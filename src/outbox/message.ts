/** A message that is to leave with the commit. */
export interface NewOutboxMessage {
  /** Tells apart what different relays deliver. At most 200 characters. */
  readonly channel: string;
  /** Identifies the message to its receiver, which may get it more than once. Default: a UUID. */
  readonly id?: string | undefined;
  /** Where it goes: a queue, topic or subject. At most 500 characters, as `id` and `key`. */
  readonly queue: string;
  /** Messages with the same queue and key are delivered in their order; those without one in any. */
  readonly key?: string | undefined;
  /** JSON. */
  readonly payload: unknown;
  /** JSON, sent in addition to the values of `withContext`. */
  readonly context?: object | undefined;
}

/** A message that could not be handed over, of those that a relay has given to `deliver`. */
export interface UndeliveredMessage {
  /** The message's. */
  readonly id: string;
  /**
   * Why; it is counted, and tried again later. Undefined, or a `RelayUnavailableError`: nothing is counted, as for one that was
   * not tried because another before it with its key has failed.
   */
  readonly error?: unknown;
}

/** A message as a relay delivers it. */
export interface OutboxMessage {
  /** Identifies the message. The same on every delivery. */
  readonly id: string;
  /** The destination: a queue, topic or subject. */
  readonly queue: string;
  /** Messages with the same queue and key are delivered in order; undefined for one without an order. */
  readonly key: string | undefined;
  /** The payload, parsed from JSON. */
  readonly payload: unknown;
  /** What `withContext` had given where it was written, and the message's own: see `inContextOf`. */
  readonly context: object;
  /** How often its delivery has failed. */
  readonly attempts: number;
}
