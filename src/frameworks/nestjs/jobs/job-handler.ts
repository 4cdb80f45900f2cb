import { SetMetadata } from '@nestjs/common';
import { InvalidOptionError } from '../../../index.ts';
import type { AsJson, HandleOptions, Job, QueueDefinition } from '../../../queue/index.ts';

/** A handler, as the decorator has noted it on a method. */
export interface NotedHandler {
  readonly queue: QueueDefinition<never>;
  readonly options: HandleOptions;
}

/** The key of the metadata of a handler. */
export const handlerKey = 'sluice:job-handler';

/** Decorates a method that takes the data of a queue and returns its result. */
export type JobHandlerDecorator<Data, Result> = <Method extends (data: Data, job: Job) => Result | PromiseLike<Result>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Has a method of a provider run the jobs of a queue, in each process whose `JobsModule` has workers. It gets the data and the
 * job, and runs in the transaction of the job. A provider with `Scope.REQUEST` is made for each job; the job is its `REQUEST`.
 *
 * ```ts
 * class Invoices {
 *   @JobHandler(invoice, { concurrency: 4 })
 *   async write({ orderId }: { orderId: number }): Promise<string> {
 *     return `INV-${orderId}`;
 *   }
 * }
 * ```
 * @param queue what `defineQueue` returned
 * @param options those of `worker.handle`
 * @throws InvalidOptionError; UnknownQueueError when the application starts
 */
export function JobHandler<Data, Result>(
  queue: QueueDefinition<Data, Result>,
  options: HandleOptions = {},
): JobHandlerDecorator<AsJson<Data>, NoInfer<Result>> {
  const { name } = (queue ?? {}) as { readonly name?: unknown };
  if (typeof queue !== 'object' || typeof name !== 'string') {
    throw new InvalidOptionError({
      what: '@JobHandler() got something else in place of the definition of a queue',
      remedy: 'Give what defineQueue() returned, as in @JobHandler(invoice)',
    });
  }
  const noted: NotedHandler = { queue, options };
  return (target, key, descriptor) => {
    // Where it stands on a property, there is no descriptor.
    if (typeof (descriptor as TypedPropertyDescriptor<unknown> | undefined)?.value !== 'function') {
      throw new InvalidOptionError({
        what: `@JobHandler() decorates "${String(key)}", which is no method`,
        remedy: 'Put it on a method of a provider',
      });
    }
    SetMetadata(handlerKey, noted)(target, key, descriptor);
  };
}
