import { readOptions } from '../core/index.ts';
import {
  type ContextCarrier,
  createContextCarrierFor,
  contextCarrierChecks,
  type ContextCarrierOptions,
  warnOfMissingSecret,
} from '../envelope/index.ts';
import { enterChain } from './enter-chain.ts';
import { type Database, internalsOf } from './database.ts';
import { checkDatabase } from './database-argument.ts';

/**
 * Carries the ambient context over HTTP and messages: level, ancestors, trace, tenant and deadline, so that
 * a chain keeps its rules in every process that it reaches.
 *
 * ```ts
 * const { injectContext, runWithContext } = createContextCarrier(database, { secret: process.env.CONTEXT_SECRET });
 * await fetch('http://stock.internal/reserve', { method: 'POST', headers: injectContext(new Headers()) });
 * ```
 * @throws InvalidOptionError
 */
export function createContextCarrier(database: Database, options: ContextCarrierOptions = {}): ContextCarrier {
  checkDatabase('createContextCarrier', database);
  const read = readOptions('createContextCarrier', options, contextCarrierChecks);
  warnOfMissingSecret('createContextCarrier', { given: options, read });
  const { maxLevel } = internalsOf(database);
  return createContextCarrierFor({ maxLevel, enter: (received) => enterChain(database, received) }, read);
}
