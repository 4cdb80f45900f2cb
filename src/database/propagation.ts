import { readOptions } from '../core/index.ts';
import {
  type ContextPropagation,
  createPropagationFor,
  propagationChecks,
  type PropagationOptions,
} from '../envelope/index.ts';
import { enterChain } from './chain.ts';
import { type Database, internalsOf } from './database.ts';
import { checkDatabase } from './database-argument.ts';

/**
 * Carries the ambient context over HTTP and messages: level, ancestors, trace, tenant and deadline, so that
 * a chain keeps its rules in every process that it reaches.
 * @throws InvalidOptionError
 */
export function createPropagation(database: Database, options: PropagationOptions = {}): ContextPropagation {
  checkDatabase('createPropagation', database);
  const read = readOptions('createPropagation', options, propagationChecks);
  const { maxLevel } = internalsOf(database);
  return createPropagationFor({ maxLevel, enter: (received) => enterChain(database, received) }, read);
}
