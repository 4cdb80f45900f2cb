import type { ErrorPlace } from '../core/index.ts';
import { type ConnectionStatus, type Driver, firstWord, type Step, TransactionControlError } from '../driver/index.ts';
import { alone, beginStep } from './alone.ts';
import type { ClientSettings } from './client-settings.ts';
import { board, type Flight } from './rider.ts';
import { TransactionSettings } from './transaction-settings.ts';

/**
 * The settings on a connection that a library has, and on which it begins and ends what it likes. They go before the first
 * statement of a transaction and not behind BEGIN, since SET TRANSACTION may come in between.
 */
export class SessionSettings {
  readonly #client: ClientSettings;
  readonly #driver: Driver;
  readonly #at: ErrorPlace;
  /** Of the transaction that is open. */
  #open: TransactionSettings | undefined;

  constructor(client: ClientSettings, driver: Driver, at: ErrorPlace) {
    this.#client = client;
    this.#driver = driver;
    this.#at = at;
  }

  /** What is sent for steps. @throws SettingsChangedError, MissingSettingError, InvalidSettingError, TransactionControlError */
  board(steps: readonly Step[], status: ConnectionStatus): Flight {
    if (status === 'idle') this.#open = undefined;
    const controls = steps.filter((step) => this.#isControl(step));
    if (controls.length === 0) return this.#withStatements(steps, status);
    if (controls.length < steps.length) throw this.#mixed();
    for (const control of controls) this.#note(control);
    return board(steps, undefined);
  }

  /** What is sent before a stream, which then speaks to the connection itself. */
  beforeStream(status: ConnectionStatus): Flight {
    if (status !== 'idle') return board([], this.#rider(status));
    this.#open = undefined;
    const begun = this.#begin().rider(true);
    return board(begun === undefined ? [] : [beginStep], begun);
  }

  #withStatements(steps: readonly Step[], status: ConnectionStatus): Flight {
    return status === 'idle' ? alone(steps, this.#client) : board(steps, this.#rider(status));
  }

  /** In a failed transaction the server takes nothing. */
  #rider(status: ConnectionStatus): ReturnType<TransactionSettings['rider']> {
    return status === 'active' ? (this.#open ?? this.#begin()).rider(false) : undefined;
  }

  #begin(): TransactionSettings {
    const how = { behindBegin: false, mayChange: false };
    return (this.#open = new TransactionSettings(this.#client, this.#at, how));
  }

  #note(step: Step): void {
    const word = step.type === 'statement' ? firstWord(step.statement.text) : step.type.toUpperCase();
    if (word === 'BEGIN' || word === 'START') this.#begin();
    // Also a rollback to a savepoint.
    else if (word === 'ROLLBACK') this.#open?.undone();
  }

  #isControl(step: Step): boolean {
    return step.type !== 'statement' || this.#driver.inspect(step.statement.text) === 'control';
  }

  #mixed(): TransactionControlError {
    return new TransactionControlError({
      what: 'A text on a client with settings by context begins, marks or ends a transaction together with other statements; it was not sent',
      remedy: 'Send what begins, marks or ends a transaction by itself, or use transaction()',
      at: this.#at,
    });
  }
}
