import { type DynamicModule, Module, type Provider, Scope } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { SluiceError } from '../../../index.ts';
import { UnknownQueueError } from '../../../queue/index.ts';
import { EventListenersAtStart } from '../decorated/event-listeners.ts';
import { UnknownDatabaseError } from './errors.ts';
import { SluiceHealthIndicator } from './health.ts';
import { OpenParts } from './open-parts.ts';
import { askedBeside, defaultName, getDatabaseToken, getQueueToken, type PartKind } from './tokens.ts';

/** The names that modules of the process have, by kind. */
const known: Readonly<Record<PartKind, Set<string>>> = { database: new Set([defaultName]), queue: new Set() };

/** Notes that a module has a part. */
export function noteKnown(kind: PartKind, name: string): void {
  known[kind].add(name);
}

/** What an application has once, however many databases it has. */
export class SluiceCoreModule {
  static {
    Module({})(this);
  }
}

const own: readonly Provider[] = [
  OpenParts,
  {
    provide: EventListenersAtStart,
    inject: [OpenParts, DiscoveryService, ModuleRef],
    useFactory: ({ events }: OpenParts, discovery: DiscoveryService, moduleRef: ModuleRef) =>
      new EventListenersAtStart(events, discovery, moduleRef),
  },
  {
    provide: SluiceHealthIndicator,
    inject: [OpenParts],
    useFactory: (parts: OpenParts) => new SluiceHealthIndicator(parts),
  },
];

/**
 * One value for all modules, so that an application has it once. Its providers are read when an application is put together: all
 * decorators have been applied by then.
 */
export const coreModule: DynamicModule = {
  module: SluiceCoreModule,
  global: true,
  imports: [DiscoveryModule],
  get providers(): Provider[] {
    return [...own, ...missing()];
  },
  get exports(): (string | typeof OpenParts | typeof SluiceHealthIndicator)[] {
    return [OpenParts, SluiceHealthIndicator, ...missingTokens()];
  },
};

function missingTokens(): string[] {
  return [
    ...askedBeside('database', [...known.database]).map((name) => getDatabaseToken(name)),
    ...askedBeside('queue', [...known.queue]).map((name) => getQueueToken(name)),
  ];
}

/** What decorators want and no module has: an error, where something that needs it is made. */
function missing(): Provider[] {
  return [
    ...askedBeside('database', [...known.database]).map((name) =>
      failing(getDatabaseToken(name), (container) => noSuchDatabase(name, container)),
    ),
    ...askedBeside('queue', [...known.queue]).map((name) =>
      failing(getQueueToken(name), (container) => noSuchQueue(name, container)),
    ),
  ];
}

/** Transient: it is made for what needs it alone, and not at all if nothing of the application does. */
function failing(token: string, error: (container: ModulesContainer) => SluiceError): Provider {
  return {
    provide: token,
    scope: Scope.TRANSIENT,
    inject: [ModulesContainer],
    useFactory: (container: ModulesContainer): never => {
      throw error(container);
    },
  };
}

function noSuchDatabase(name: string, container: ModulesContainer): UnknownDatabaseError {
  const names = namesIn(container, /^SluiceDatabase(?:\((.+)\))?$/, 'database');
  return new UnknownDatabaseError({
    what: `The application has no database named "${name}"`,
    remedy: `Its databases are: ${names}. Import SluiceModule.forRoot({ name: '${name}', ... }) for another one`,
  });
}

function noSuchQueue(name: string, container: ModulesContainer): UnknownQueueError {
  const names = namesIn(container, /^SluiceQueue\((.+)\)$/, 'queue');
  return new UnknownQueueError({
    what: `The application has no queue named "${name}"`,
    remedy: `Its queues are: ${names}. Give its definition to JobsModule.forRoot({ queues })`,
  });
}

/** The names of the parts that the modules of an application have. */
function namesIn(container: ModulesContainer, token: RegExp, kind: PartKind): string {
  const names = new Set<string>();
  for (const { providers } of container.values()) {
    for (const key of providers.keys()) {
      const found = typeof key === 'string' ? token.exec(key) : null;
      const name = found === null ? undefined : (found[1] ?? defaultName);
      if (name !== undefined && known[kind].has(name)) names.add(name);
    }
  }
  return names.size === 0 ? 'none' : [...names].join(', ');
}
