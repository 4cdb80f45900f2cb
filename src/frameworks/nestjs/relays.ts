import type { FactoryProvider, InjectionToken } from '@nestjs/common';
import { aFunction, anything, type Check, label, readOptions } from '../../core/index.ts';
import type { Database } from '../../database/index.ts';
import { createRelay, type Relay, type RelayOptions } from '../../outbox/index.ts';
import { aList } from './parts/checks.ts';
import { OpenParts } from './parts/open-parts.ts';
import { getDatabaseToken, noteAsked } from './parts/tokens.ts';

/** Options of `provideRelay`. */
export interface RelayProviderOptions<Dependencies extends readonly unknown[] = readonly never[]> {
  /** The token under which the relay is injected. */
  readonly provide: InjectionToken;
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: the one without a name. */
  readonly database?: string | undefined;
  /** The tokens of what the factory needs. */
  readonly inject?: readonly InjectionToken[] | undefined;
  /** Returns the options of `createRelay`. */
  readonly useFactory: (...dependencies: Dependencies) => RelayOptions | Promise<RelayOptions>;
}

const checks: Record<keyof RelayProviderOptions, Check> = {
  provide: anything,
  database: label(200),
  inject: aList,
  useFactory: aFunction,
};

/**
 * A provider for a relay of the outbox, which starts with the application and ends after its jobs and before its database.
 *
 * ```ts
 * const mailRelay = provideRelay({
 *   provide: 'MAIL_RELAY',
 *   useFactory: () => ({
 *     channel: 'mail',
 *     deliver: async (messages) => {
 *       for (const { payload } of messages) await sendMail(String(payload));
 *     },
 *   }),
 * });
 * ```
 * @throws InvalidOptionError
 */
export function provideRelay<const Dependencies extends readonly unknown[] = readonly never[]>(
  options: RelayProviderOptions<Dependencies>,
): FactoryProvider<Relay> {
  const read = readOptions('provideRelay', options, checks, ['provide', 'useFactory']);
  const { provide, database, inject = [], useFactory } = read;
  if (database !== undefined) noteAsked('database', database);
  return {
    provide,
    inject: [getDatabaseToken(database), OpenParts, ...inject],
    useFactory: async (opened: Database, parts: OpenParts, ...dependencies: unknown[]) => {
      const relay = createRelay(opened, await useFactory(...(dependencies as unknown as Dependencies)));
      parts.relays.add(relay);
      return relay;
    },
  };
}
