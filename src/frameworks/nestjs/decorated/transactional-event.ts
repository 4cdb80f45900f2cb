import { SetMetadata } from '@nestjs/common';
import { type Check, InvalidOptionError, label, milliseconds, oneOf, readOptions } from '../../../core/index.ts';
import type {
  DurableListenerOptions,
  EventDefinition,
  EventInPhase,
  EventPhase,
  ListenerOptions,
} from '../../../events/index.ts';

/** Options of `@OnTransactionalEvent`, in addition to those of `events.on`. */
export interface TransactionalEventOptions {
  /** The events, as in `EventsModule.forRoot({ name })`. Default: those without a name. */
  readonly events?: string | undefined;
}

/** A listener, as the decorator has noted it on a method. */
export interface NotedListener {
  readonly event: EventDefinition<never, unknown>;
  readonly options: ListenerOptions;
  readonly events: string | undefined;
}

/** The key of the metadata of a listener. */
export const listenerKey = 'sluice:transactional-event';

/** Decorates a method that takes the payload of an event. */
export type TransactionalEventDecorator<Payload, Phase extends EventPhase> = <
  Method extends (payload: Payload, event: EventInPhase[Phase]) => unknown,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

const checks: Record<keyof DurableListenerOptions | keyof TransactionalEventOptions, Check> = {
  phase: oneOf(['beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion', 'durable']),
  id: label(200),
  timeout: milliseconds(1),
  events: label(200),
};

/**
 * Has a method of a provider listen to an event, in a phase. It gets the payload, and the event in its phase. A provider with
 * `Scope.REQUEST` is made for each event; the event is its `REQUEST`.
 *
 * ```ts
 * class Invoices {
 *   @OnTransactionalEvent(orderPlaced, { phase: 'durable', id: 'invoice' })
 *   async write({ orderId }: { orderId: number }): Promise<void> {
 *     await db.query(sql`insert into invoice (order_id) values (${orderId})`);
 *   }
 * }
 * ```
 * @param event what `defineEvent` returned
 * @param options those of `events.on`, and `events`
 * @throws InvalidOptionError, also when the application starts: for events that no `EventsModule` has, and a second `id`
 */
export function OnTransactionalEvent<Output, Phase extends EventPhase>(
  event: EventDefinition<never, Output>,
  options: ListenerOptions<Phase> & TransactionalEventOptions,
): TransactionalEventDecorator<Output, Phase> {
  const { name } = (event ?? {}) as { readonly name?: unknown };
  if (typeof event !== 'object' || typeof name !== 'string') {
    throw new InvalidOptionError({
      what: '@OnTransactionalEvent() got something else in place of the definition of an event',
      remedy: "Give what defineEvent() returned, as in @OnTransactionalEvent(orderPlaced, { phase: 'afterCommit' })",
    });
  }
  const { events, ...own } = readOptions<ListenerOptions & TransactionalEventOptions>(
    '@OnTransactionalEvent',
    options,
    checks,
    ['phase'],
  );
  const noted: NotedListener = { event, options: own, events };
  return (target, key, descriptor) => {
    // Where it stands on a property, there is no descriptor.
    if (typeof (descriptor as TypedPropertyDescriptor<unknown> | undefined)?.value !== 'function') {
      throw new InvalidOptionError({
        what: `@OnTransactionalEvent() decorates "${String(key)}", which is no method`,
        remedy: 'Put it on a method of a provider',
      });
    }
    SetMetadata(listenerKey, noted)(target, key, descriptor);
  };
}
