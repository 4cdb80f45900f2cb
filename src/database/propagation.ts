import { anObject, type Check, readOptions } from '../core/index.ts';
import {
  type ContextPropagation,
  createPropagationFor,
  propagationChecks,
  type PropagationOptions,
} from '../envelope/index.ts';
import { enterChain } from './chain.ts';
import { type Database, internalsOf } from './database.ts';

type Options = PropagationOptions & { readonly database: Database };

const checks: Record<keyof Options, Check> = { ...propagationChecks, database: anObject };

/**
 * Carries the ambient context over HTTP and messages: level, ancestors, trace, tenant and deadline, so that
 * a chain keeps its rules in every process that it reaches.
 * @throws InvalidOptionError
 */
export function createPropagation(options: Options): ContextPropagation {
  const { database, ...read } = readOptions('createPropagation', options, checks, ['database']);
  const { maxLevel } = internalsOf(database);
  return createPropagationFor({ maxLevel, enter: (received) => enterChain(database, received) }, read);
}
