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
    const scanner = new MetadataScanner();
    for (const { metatype } of this.#discovery.getControllers()) {
      if (typeof metatype !== 'function') continue;
      const ofClass: unknown = Reflect.getMetadata(routeKey, metatype);
      const prototype = metatype.prototype as Record<string, object>;
      for (const key of scanner.getAllMethodNames(prototype)) {
        const method = prototype[key];
        if (method === undefined) continue;
        const noted = (Reflect.getMetadata(routeKey, method) ?? ofClass) as NotedRoute | undefined;
        if (noted !== undefined) this.#check(`${metatype.name}.${key}`, method, noted);
      }
    }
  }

  #check(place: string, method: object, { database }: NotedRoute): void {
    if (database !== undefined) databaseNamed(this.#parts, database, `@TransactionalRoute on ${place}`);
    if (Reflect.getMetadata('__sse__', method) !== true) return;
    throw new InvalidOptionError({
      what: `${place} has @TransactionalRoute() and @Sse(): a stream of events cannot wait for a commit`,
      remedy: 'Open a transaction in the handler around what belongs together',
    });
  }
}
