import { applyDecorators, type ExecutionContext, SetMetadata, UseInterceptors } from '@nestjs/common';
import { checkedArgument, InvalidOptionError, label, readOpen } from '../../../core/index.ts';
import {
  readRouteOptions,
  routeOptionNames,
  type RouteSettings,
  type RouteTransactionOptions,
} from '../../../http/index.ts';
import { RouteCheck } from './route-check.ts';

/** Options of `TransactionalRoute`. */
export interface TransactionalRouteOptions extends RouteTransactionOptions {
  /** The database, as in `SluiceModule.forRoot({ name })`. Default: that of the `RequestModule`. */
  readonly database?: string | undefined;
}

/** A transaction, as the decorator has noted it on a handler or a controller. */
export interface NotedRoute {
  readonly database: string | undefined;
  readonly settings: RouteSettings;
}

/** The key of the metadata of a route with a transaction. */
export const routeKey = 'sluice:route-transaction';

const names: readonly (keyof TransactionalRouteOptions)[] = ['database', ...routeOptionNames];

/**
 * Runs a handler, or each handler of a controller, in a transaction that is committed before the answer goes out. It is rolled
 * back for an error, for a status from 400, and when the client goes away; a COMMIT that fails is the answer. It needs a
 * `RequestModule`.
 *
 * ```ts
 * class OrdersController {
 *   @TransactionalRoute({ isolationLevel: 'SERIALIZABLE', retry: { attempts: 3 } })
 *   async place(): Promise<void> {
 *     await checkout(id);
 *   }
 * }
 * ```
 * @throws InvalidOptionError
 */
export function TransactionalRoute(options: TransactionalRouteOptions = {}): ClassDecorator & MethodDecorator {
  const { database, ...others } = readOpen('@TransactionalRoute', options, names);
  if (database !== undefined) checkedArgument('@TransactionalRoute', 'database', database, label(200));
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  if (given['idempotency'] !== undefined && given['idempotency'] !== false && given['retry'] !== undefined)
    throw retried();
  const noted: NotedRoute = { database, settings: readRouteOptions(given, '@TransactionalRoute') };
  return applyDecorators(SetMetadata(routeKey, noted), UseInterceptors(RouteCheck));
}

function retried(): InvalidOptionError {
  return new InvalidOptionError({
    what: '@TransactionalRoute got "idempotency" and "retry", and Nest makes the answer of a request once',
    remedy: 'Leave out "retry", and give it to database.transaction() in the handler',
  });
}

/** Whether a handler sends its answer itself, as one with `@Res()` does. */
export function answersItself(context: ExecutionContext): boolean {
  const handler = context.getHandler();
  const type = context.getClass();
  const args = (Reflect.getMetadata('__routeArguments__', type, handler.name) ?? {}) as Readonly<
    Record<string, unknown>
  >;
  // The kinds of parameters, as Nest numbers them: 1 is the response, 2 is next().
  const takesResponse = Object.keys(args).some((key) => key.startsWith('1:') || key.startsWith('2:'));
  return takesResponse && Reflect.getMetadata('__responsePassthrough__', type, handler.name) !== true;
}
