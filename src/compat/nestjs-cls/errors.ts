import { SluiceError } from '../../index.ts';

/** A propagation does not fit the transaction that is open, or that none is. */
export class TransactionPropagationError extends SluiceError {
  static override readonly code: string = 'TRANSACTION_PROPAGATION';
  override readonly code: string = 'TRANSACTION_PROPAGATION';
}

/** `Propagation.Never` was asked for inside of a transaction. */
export class TransactionAlreadyActiveError extends TransactionPropagationError {
  static override readonly code = 'TRANSACTION_ALREADY_ACTIVE';
  override readonly code = 'TRANSACTION_ALREADY_ACTIVE';

  /** @param method the name of the function that asked */
  constructor(method: string) {
    super({
      what: `"${method}" asks for a transaction NEVER, and one is open`,
      remedy: 'Call it outside of a transaction, or choose Propagation.NotSupported',
    });
  }
}

/** `Propagation.Mandatory` was asked for without a transaction. */
export class TransactionNotActiveError extends TransactionPropagationError {
  static override readonly code = 'TRANSACTION_NOT_ACTIVE';
  override readonly code = 'TRANSACTION_NOT_ACTIVE';

  /** @param method the name of the function that asked */
  constructor(method: string = 'anonymous') {
    super({
      what: `"${method}" asks for a MANDATORY transaction, and none is open`,
      remedy: 'Call it inside of a transaction, or choose Propagation.Required',
    });
  }
}

/** `enableTransactionProxy` was given with an adapter that does not support it. */
export class TransactionProxyUnsupportedError extends SluiceError {
  static override readonly code = 'TRANSACTION_PROXY_UNSUPPORTED';
  override readonly code = 'TRANSACTION_PROXY_UNSUPPORTED';

  /** @param adapter the adapter */
  constructor(adapter: object) {
    super({
      what: `The adapter ${adapter.constructor.name} does not support a proxy of the transaction`,
      remedy: 'Leave out enableTransactionProxy, and use TransactionHost.tx',
    });
  }
}
