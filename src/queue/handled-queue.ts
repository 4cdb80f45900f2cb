import { type SluiceError, typeName } from '../core/index.ts';
import type { QueueDefinition } from './definition.ts';
import { UnknownQueueError } from './errors.ts';

/**
 * Refuses what is no definition of a known queue in a call of `worker.handle`.
 * @param known the names of the queues that `createJobs` got
 * @throws UnknownQueueError
 */
export function assertHandled(queue: unknown, handler: unknown, known: ReadonlySet<string>): void {
  const names = [...known].join(', ');
  if (typeof queue === 'string') {
    const name = known.has(queue) ? queue : undefined;
    throw refusal(
      `${name === undefined ? 'a string' : `the name "${name}"`} in place of a queue's definition`,
      `Give the definition, not its name: what defineQueue(${name === undefined ? '...' : `'${name}'`}) returned`,
    );
  }
  if (typeof queue !== 'object' || queue === null) {
    const isSwapped = typeof queue === 'function' && typeof handler === 'object' && handler !== null;
    throw refusal(
      isSwapped ? 'its arguments the other way round' : `${typeName(queue)} in place of a queue's definition`,
      `Write worker.handle(queue, handler): first what defineQueue() returned, then the function. The queues are: ${names}`,
    );
  }
  const { name, options } = queue as Partial<QueueDefinition<never>>;
  if (typeof name !== 'string' || !known.has(name)) {
    throw refusal('a queue that createJobs does not know', `Its queues are: ${names}`);
  }
  if (typeof options === 'object' && options !== null) return;
  throw refusal(
    `the queue "${name}" of jobs.queues, or another object, in place of its definition`,
    `Give the definition that createJobs got: what defineQueue('${name}') returned. jobs.queues is for pushing`,
  );
}

function refusal(what: string, remedy: string): SluiceError {
  return new UnknownQueueError({ what: `worker.handle() got ${what}`, remedy });
}
