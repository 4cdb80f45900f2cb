import { Logger } from '@nestjs/common';
import { aBoolean, anything, type Check, InvalidOptionError, readOptions } from '../../core/index.ts';
import type { AnyAdapterOptions } from './adapter.ts';

/** Options of `NoOpTransactionalAdapter`: one of `tx` and `txToken`. */
export interface NoOpTransactionalAdapterOptions {
  /** What `TransactionHost.tx` is. */
  readonly tx?: unknown;
  /** The token under which Nest has it. */
  readonly txToken?: unknown;
  /** Whether the warning at each transaction is left out. Default false. */
  readonly disableWarning?: boolean | undefined;
}

const checks: Record<keyof NoOpTransactionalAdapterOptions, Check> = {
  tx: anything,
  txToken: anything,
  disableWarning: aBoolean,
};

/** An adapter without transactions, for unit tests. `noDatabase()` of `sluice/testing` has them, without a database. */
export class NoOpTransactionalAdapter {
  /** The token, if one was given. */
  readonly connectionToken: unknown;
  /** The value, if one was given. */
  readonly connection: unknown;
  /** Runs each function as it is. */
  readonly optionsFactory: (connection: unknown) => AnyAdapterOptions;

  constructor(options: NoOpTransactionalAdapterOptions) {
    const { tx, txToken, disableWarning = false } = readOptions('NoOpTransactionalAdapter', options, checks);
    if ((tx === undefined) === (txToken === undefined)) {
      throw new InvalidOptionError({
        what: `NoOpTransactionalAdapter got ${tx === undefined ? 'neither "tx" nor "txToken"' : 'both "tx" and "txToken"'}`,
        remedy: 'Give one of them',
      });
    }
    this.connection = tx;
    this.connectionToken = txToken;
    const logger = new Logger(NoOpTransactionalAdapter.name);
    this.optionsFactory = (connection) => ({
      wrapWithTransaction: async (_options, fn, setTx) => {
        if (!disableWarning) logger.warn('There are no transactions with this adapter: use it in tests alone');
        setTx(connection);
        return await fn();
      },
      getFallbackInstance: () => connection,
    });
  }
}
