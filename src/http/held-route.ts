import type { ServerResponse } from 'node:http';
import { HeldResponse } from './held-response.ts';
import { reportInBackground } from './report-failure.ts';
import type { RequestContext } from './request-context.ts';
import { type RouteSettings, runRoute } from './route-transaction.ts';

/**
 * Runs a handler that sends its answer itself, in a transaction. What it sends is held back until the commit, and goes out then;
 * after an error it is forgotten, so that another answer can be given.
 *
 * The transaction ends when the handler has ended and its answer is complete; a handler that waits for its answer to go out
 * (`pipeline()`, a listener of `finish`) is not waited for: an error that it has after its answer went out is published on the
 * channel `sluice:background:error`.
 * @param handler gets what holds its answer back; resolves when it has ended
 * @param settings what `readRouteOptions` returned
 * @throws what the handler throws; ResponseNotHeldError; what `database.transaction` throws
 */
export async function runHeld(
  context: RequestContext,
  response: ServerResponse,
  handler: (held: HeldResponse) => unknown,
  settings: RouteSettings,
): Promise<void> {
  let held: HeldResponse | undefined;
  const isOut = Promise.withResolvers<boolean>();
  try {
    await runRoute(
      context,
      async () => {
        // Of an attempt that is repeated.
        held?.discard();
        held = new HeldResponse(response, settings.maxHeld);
        await answered(handler, held, isOut.promise);
        return { status: held.status, value: undefined };
      },
      settings,
    );
  } catch (error) {
    held?.discard();
    isOut.resolve(false);
    throw error;
  }
  held?.release();
  isOut.resolve(true);
}

/** Resolves when the handler has ended, or waits for what is held back. @param isOut whether its answer goes out, in the end */
async function answered(
  handler: (held: HeldResponse) => unknown,
  held: HeldResponse,
  isOut: Promise<boolean>,
): Promise<void> {
  let isAwaited = true;
  const ended = (async () => await handler(held))();
  ended.catch(async (error: unknown) => {
    // Otherwise it is an error of the transaction, or comes of one.
    if (!isAwaited && (await isOut)) reportInBackground(error);
  });
  await Promise.race([ended, held.isAwaited, held.failure]);
  isAwaited = false;
}
