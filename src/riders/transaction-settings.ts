import { currentFrame } from '../context/index.ts';
import type { ErrorPlace } from '../core/index.ts';
import { type ClientSettings, noSettings, type Settings } from './client-settings.ts';
import { SettingsChangedError } from './errors.ts';
import type { Rider } from './rider.ts';

/** How the settings of a transaction come to the server. */
export interface HowSettingsRide {
  /** Behind its BEGIN, and not before the first statement that is none of control. */
  readonly behindBegin: boolean;
  /** Each statement brings its own: it has the transactions of a test in it. */
  readonly mayChange: boolean;
}

/** What is set in a transaction: nothing may be sent in it that is to have other settings. */
export class TransactionSettings {
  readonly #client: ClientSettings;
  readonly #at: ErrorPlace;
  readonly #how: HowSettingsRide;
  readonly #begun: Settings | undefined;
  /** What the server has, or has been sent. */
  #sent: Settings = noSettings;

  /** @throws MissingSettingError, InvalidSettingError */
  constructor(client: ClientSettings, at: ErrorPlace, how: HowSettingsRide) {
    this.#client = client;
    this.#at = at;
    this.#how = how;
    this.#begun = how.mayChange ? undefined : client.here();
  }

  /**
   * What rides with statements that are sent from here. What was sent before has the server's ear before this.
   * @returns nothing where the server has been told, or there is nothing to tell
   * @throws SettingsChangedError, MissingSettingError, InvalidSettingError
   */
  rider(isBeginning: boolean): Rider | undefined {
    // What is Sluice's own goes as it comes.
    const here = currentFrame()?.isBare === true ? (this.#begun ?? this.#sent) : this.#client.here();
    if (this.#begun !== undefined && here.key !== this.#begun.key) throw this.#changed();
    const before = isBeginning ? noSettings : this.#sent;
    if (here.key === before.key || (this.#how.behindBegin && !isBeginning)) return undefined;
    this.#sent = here;
    return {
      seat: this.#how.behindBegin ? 'afterBegin' : 'beforeStatements',
      statement: this.#client.statement(here, before),
      missed: () => this.undone(),
      refused: (cause) => this.#client.refused(cause),
    };
  }

  /** Whether what is sent from here, behind the BEGIN, has the settings of that. */
  get areAsBegun(): boolean {
    try {
      return this.#begun !== undefined && this.#client.here().key === this.#begun.key;
    } catch {
      return false;
    }
  }

  /** The server may have taken it back, as a rollback to a savepoint does. */
  undone(): void {
    if (this.#sent !== noSettings) this.#sent = { ...this.#sent, key: 'unknown' };
  }

  #changed(): SettingsChangedError {
    return new SettingsChangedError({
      what: `A statement inside of a transaction on client "${this.#at.clientName}" was to have other settings than those with which the transaction had begun; it was not sent`,
      remedy:
        'Begin a transaction of its own (REQUIRES_NEW) inside of withContext(), or put withContext() around the whole transaction',
      at: this.#at,
    });
  }
}
