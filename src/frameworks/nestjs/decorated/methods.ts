import { ContextIdFactory, type DiscoveryService, MetadataScanner, type ModuleRef } from '@nestjs/core';

/** A provider or controller, as Nest's discovery gives it. */
type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Method<Given> = (data: unknown, given: Given) => unknown;

/** A decorated method of a provider or controller. */
export interface DecoratedMethod<Noted, Given> {
  /** What the decorator has noted. */
  readonly noted: Noted;
  /** Its class and method, for errors. */
  readonly place: string;
  /** Calls it; on an object made for this call where the provider has `Scope.REQUEST`: `given` is its `REQUEST`. */
  readonly run: Method<Given>;
}

/** Finds the methods of an application that have the metadata of a decorator. */
export function decoratedMethods<Noted, Given extends object>(
  key: string,
  discovery: DiscoveryService,
  moduleRef: ModuleRef,
): DecoratedMethod<Noted, Given>[] {
  const scanner = new MetadataScanner();
  const seen = new Set<unknown>();
  return [...discovery.getProviders(), ...discovery.getControllers()].flatMap((wrapper) => {
    const prototype = prototypeOf(wrapper);
    // An alias gives the object of another provider.
    const identity: unknown = wrapper.isDependencyTreeStatic() ? wrapper.instance : wrapper.metatype;
    if (prototype === undefined || seen.has(identity)) return [];
    seen.add(identity);
    return scanner.getAllMethodNames(prototype).flatMap((name) => {
      const noted: unknown = Reflect.getMetadata(key, prototype[name] as object);
      if (noted === undefined) return [];
      const place = `${wrapper.metatype?.name ?? wrapper.name}.${name}`;
      return [{ noted: noted as Noted, place, run: methodOf<Given>(moduleRef, wrapper, name) }];
    });
  });
}

function methodOf<Given extends object>(moduleRef: ModuleRef, wrapper: Wrapper, name: string): Method<Given> {
  if (wrapper.isDependencyTreeStatic()) {
    const instance = wrapper.instance as Record<string, Method<Given>>;
    return (data, given) => instance[name]?.(data, given);
  }
  return async (data, given) => {
    const contextId = ContextIdFactory.create();
    moduleRef.registerRequestByContextId(given, contextId);
    const options = { strict: false };
    const instance: Record<string, Method<Given>> = await moduleRef.resolve(wrapper.token, contextId, options);
    return await instance[name]?.(data, given);
  };
}

function prototypeOf(wrapper: Wrapper): Record<string, unknown> | undefined {
  const { instance, metatype } = wrapper as { readonly instance: unknown; readonly metatype: unknown };
  const found: unknown =
    wrapper.isDependencyTreeStatic() && typeof instance === 'object' && instance !== null
      ? Object.getPrototypeOf(instance)
      : typeof metatype === 'function'
        ? metatype.prototype
        : undefined;
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined;
}
