import { type ContextPropagation, createPropagationFor, type PropagationOptions } from '../envelope/index.ts';
import { enterChain } from './chain.ts';
import { type Database, internalsOf } from './database.ts';

/**
 * Carries the ambient context over HTTP and messages: level, ancestors, trace, tenant and deadline, so that
 * a chain keeps its rules in every process that it reaches.
 * @throws InvalidOptionError
 */
export function createPropagation(options: PropagationOptions & { readonly database: Database }): ContextPropagation {
  const { database, ...rest } = options;
  const { maxLevel } = internalsOf(database);
  return createPropagationFor({ maxLevel, enter: (received) => enterChain(database, received) }, rest);
}
