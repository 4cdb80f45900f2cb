import { createHash } from 'node:crypto';
import { currentContext, currentFrame } from '../context/index.ts';
import { type ErrorDetails, isRecord, isThenable, typeName } from '../core/index.ts';
import {
  type ClientDefinition,
  type DriverSettings,
  rememberTexts,
  type SettingValues,
  type Statement,
} from '../driver/index.ts';
import { InvalidSettingError, MissingSettingError } from './errors.ts';

/** The settings of a client as they are somewhere. */
export interface Settings {
  /** The same for the same names and values. */
  readonly key: string;
  /** By name. */
  readonly values: ReadonlyMap<string, string>;
}

/** None. */
export const noSettings: Settings = { key: '', values: new Map() };

const most = 50;
/** In characters, of a value: the largest context has as many bytes. */
const longest = 8_192;

/** What those who ask for settings are told that are in a place without any, and where there are none for want of a context. */
const [bare, missing] = ['bare', 'missing'];

/** The settings by context of a client. */
export class ClientSettings {
  readonly #client: string;
  readonly #port: DriverSettings;
  readonly #settings: NonNullable<ClientDefinition['settings']>;
  readonly #known: (key: string) => Settings;

  constructor(client: string, port: DriverSettings, settings: NonNullable<ClientDefinition['settings']>) {
    this.#client = client;
    this.#port = port;
    this.#settings = settings;
    this.#known = rememberTexts((key) => {
      return { key, values: new Map(JSON.parse(key) as [string, string][]) };
    });
  }

  /**
   * What has the server set them, until the end of its transaction.
   * @param before what was set there, of which nothing is to be left
   */
  statement({ values }: Settings, before: Settings): Statement {
    return this.#port.apply(
      values,
      [...before.values.keys()].filter((name) => !values.has(name)),
    );
  }

  /**
   * Those that hold here, which may be none.
   * @throws MissingSettingError, InvalidSettingError
   */
  here(): Settings {
    if (currentFrame()?.isBare === true) return noSettings;
    const entries = this.#read();
    return entries.length === 0 ? noSettings : this.#known(JSON.stringify(entries));
  }

  /** Names those that hold here, for what is kept apart by them. */
  get nameHere(): string {
    if (currentFrame()?.isBare === true) return bare;
    try {
      const { key } = this.here();
      return key;
    } catch {
      // Nothing that the client refuses here can have been read on it.
      return missing;
    }
  }

  #read(): (readonly [string, string])[] {
    let given: unknown;
    try {
      given = this.#settings(currentContext());
    } catch (cause) {
      throw new MissingSettingError(
        this.#details(
          'the function "settings" threw',
          'See the cause. Set what it needs with withContext(), or have it return null for what is left out on purpose',
          cause,
        ),
      );
    }
    if (!isRecord(given) || Array.isArray(given) || isThenable(given)) throw this.#noRecord(given);
    const names = Object.keys(given);
    if (names.length > most)
      throw this.#invalid(`there are ${names.length}`, `Give at most ${most}, and put what belongs together into one`);
    const entries: (readonly [string, string])[] = [];
    for (const name of names) {
      const value = given[name];
      this.#checkName(name);
      if (value !== null) entries.push([name, this.#valueOf(name, value as SettingValues[string])]);
    }
    return entries;
  }

  #noRecord(given: unknown): InvalidSettingError {
    if (isThenable(given)) {
      Promise.resolve(given).catch(() => {});
      return this.#invalid(
        'the function "settings" returned a promise',
        'Read what it needs before, and return the values',
      );
    }
    return this.#invalid(`the function "settings" returned ${typeName(given)}`, 'Return an object of values by name');
  }

  #checkName(name: string): void {
    const expected = this.#port.checkName(name);
    if (expected !== undefined) throw this.#invalid(`${shown(name)} cannot be the name of one`, `Give ${expected}`);
  }

  #valueOf(name: string, value: SettingValues[string]): string {
    if (value === undefined) {
      throw new MissingSettingError(
        this.#details(
          `the setting "${name}" has no value here`,
          'Set what it is made from with withContext(), or return null for what is left out on purpose',
        ),
      );
    }
    const kind = typeof value;
    if (kind !== 'string' && kind !== 'boolean' && kind !== 'bigint' && !Number.isFinite(value))
      throw this.#invalid(`the setting "${name}" is ${typeName(value)}`, 'Give text, a number, a bigint or a boolean');
    const text = String(value);
    if (text.includes('\0'))
      throw this.#invalid(`the setting "${name}" has a NUL in it`, 'Leave it out: no server takes it');
    if (text.length > longest)
      throw this.#invalid(
        `the setting "${name}" is larger than ${longest} characters`,
        'Keep it in a table, and set its key',
      );
    return text;
  }

  /** The server has refused them. */
  refused(cause: unknown): InvalidSettingError {
    return new InvalidSettingError(
      this.#details('the server refused them', 'See the cause: the name, the value, or what the user may do', cause),
    );
  }

  #invalid(what: string, remedy: string): InvalidSettingError {
    return new InvalidSettingError(this.#details(what, remedy));
  }

  #details(what: string, remedy: string, cause?: unknown): ErrorDetails {
    return {
      what: `The settings of client "${this.#client}" cannot be applied: ${what}`,
      remedy,
      cause,
      at: { clientName: this.#client },
    };
  }
}

/** A name in a message: it may hold anything. */
function shown(name: string): string {
  return name.length > 40 ? `a text of ${name.length} characters` : JSON.stringify(name);
}

/**
 * Names the settings that hold here of several clients, for what is kept apart by them.
 * @returns an empty text where there are none
 */
export function settingsHere(
  clients: readonly { readonly name: string; readonly settings: ClientSettings | undefined }[],
): string {
  const names = clients.flatMap(({ name, settings }) => {
    const here = settings?.nameHere ?? '';
    return here === '' ? [] : [[name, here]];
  });
  return names.length === 0 ? '' : shortened(JSON.stringify(names));
}

const shortened = rememberTexts((key) => createHash('sha256').update(key).digest('base64url').slice(0, 22));
