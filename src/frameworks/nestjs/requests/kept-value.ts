import type { ServerResponse } from 'node:http';
import { Observable } from 'rxjs';
import {
  HeldResponse,
  type HeldRequest,
  problemOf,
  reportInBackground,
  type RequestContext,
  type RouteSettings,
  runHeld,
} from '../../../http/index.ts';

/** A handler of an idempotent route that returns its answer. */
export interface KeptHandler {
  /** Enters the context of the request. */
  readonly enter: (body: (context: RequestContext) => Promise<void>) => Promise<void>;
  /** Runs the handler, and what stands between it and the route. */
  readonly handle: () => Promise<unknown>;
  /** Where Nest sends the answer. */
  readonly response: ServerResponse;
  readonly settings: RouteSettings;
  readonly received: HeldRequest;
}

/**
 * Gives Nest what a handler has returned while its transaction is open: the answer is kept as Nest sends it, with what interceptors
 * around have made of it. An answer that comes again is sent in place of the one that Nest makes of nothing.
 */
export function keptValue({ enter, handle, response, settings, received }: KeptHandler): Observable<unknown> {
  return new Observable((subscriber) => {
    let isGiven = false;
    const give = (value: unknown): void => {
      isGiven = true;
      subscriber.next(value);
      subscriber.complete();
    };
    const handler = async (held: HeldResponse): Promise<void> => {
      give(await handle());
      await held.ended;
    };
    const replayed: HeldRequest = {
      ...received,
      async beforeReplay() {
        const unsent = new HeldResponse(response, settings.maxHeld);
        give(undefined);
        await unsent.ended;
        unsent.discard();
      },
    };
    enter((context) => runHeld(context, response, handler, settings, replayed)).catch((error: unknown) => {
      if (isGiven) answer(response, error);
      else subscriber.error(error);
    });
  });
}

/** Nest has ended with the request: no filter can be asked. */
function answer(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return;
  const { status, headers, body } = problemOf(error, response.req);
  if (status === 500) reportInBackground(error);
  response.writeHead(status, headers).end(JSON.stringify(body));
}
