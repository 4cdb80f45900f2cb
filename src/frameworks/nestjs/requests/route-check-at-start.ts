import { type DiscoveryService, MetadataScanner } from '@nestjs/core';
import { InvalidOptionError } from '../../../index.ts';
import { databaseNamed, type OpenParts } from '../parts/open-parts.ts';
import { type NotedRoute, routeKey } from './route-transaction.ts';

/** Looks at the routes with transactions when an application starts. */
export class RouteCheckAtStart {
  readonly #parts: OpenParts;
  readonly #discovery: DiscoveryService;

  constructor(parts: OpenParts, discovery: DiscoveryService) {
    this.#parts = parts;
    this.#discovery = discovery;
  }

  /** Nest calls it when all controllers are there, before servers listen. */
  onApplicationBootstrap(): void {
    for (const { place, method, noted } of notedIn(this.#discovery.getControllers())) this.#check(place, method, noted);
    // Also a gateway and a resolver are providers.
    const [found] = notedIn(this.#discovery.getProviders());
    if (found !== undefined) throw noRoute(found.place);
  }

  #check(place: string, method: object, { database }: NotedRoute): void {
    if (database !== undefined) databaseNamed(this.#parts, database, `@TransactionalRoute on ${place}`);
    if (Reflect.hasMetadata('microservices:pattern', method)) throw noRoute(place);
    if (Reflect.getMetadata('__sse__', method) !== true) return;
    throw new InvalidOptionError({
      what: `${place} has @TransactionalRoute() and @Sse(): a stream of events cannot wait for a commit`,
      remedy: 'Open a transaction in the handler around what belongs together',
    });
  }
}

/** A method that the decorator stands on, or on its class. */
interface Found {
  readonly place: string;
  readonly method: object;
  readonly noted: NotedRoute;
}

function notedIn(wrappers: readonly { readonly metatype: unknown }[]): Found[] {
  const scanner = new MetadataScanner();
  return wrappers.flatMap(({ metatype }) => {
    const prototype =
      typeof metatype === 'function' ? (metatype.prototype as Record<string, object> | undefined) : null;
    if (typeof metatype !== 'function' || prototype === undefined || prototype === null) return [];
    const ofClass: unknown = Reflect.getMetadata(routeKey, metatype);
    return scanner.getAllMethodNames(prototype).flatMap((key) => {
      const method = prototype[key];
      if (method === undefined) return [];
      const noted = (Reflect.getMetadata(routeKey, method) ?? ofClass) as NotedRoute | undefined;
      return noted === undefined ? [] : [{ place: `${metatype.name}.${key}`, method, noted }];
    });
  });
}

function noRoute(place: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `${place} has @TransactionalRoute() and is no route of HTTP: it would have no transaction`,
    remedy: 'Write @Transactional() in its place',
  });
}
