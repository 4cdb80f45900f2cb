import type { ServerResponse } from 'node:http';
import { type HeadersBefore, HeldResponse, sendKept } from './held-response.ts';
import type { RouteRequest } from './idempotent-route.ts';
import type { KeptAnswer } from './kept-answer.ts';
import { reportInBackground } from './report-failure.ts';
import type { RequestContext } from './request-context.ts';
import { type RouteSettings, runRoute } from './route-transaction.ts';

/** A request of a route whose answer is held. */
export interface HeldRequest extends RouteRequest {
  /** Headers of the answer that the framework has, and has not set on the response yet: those from before the handler. */
  before?(): HeadersBefore;
  /** Is awaited before an answer that is there already is sent. */
  beforeReplay?(): Promise<void>;
}

/**
 * Runs a handler that sends its answer itself, in a transaction. What it sends is held back until the commit, and goes out then;
 * after an error it is forgotten, so that another answer can be given.
 *
 * The transaction ends when the handler has ended and its answer is complete; a handler that waits for its answer to go out
 * (`pipeline()`, a listener of `finish`) is not waited for: an error that it has after its answer went out is published on the
 * channel `sluice:background:error`.
 * @param handler gets what holds its answer back; resolves when it has ended
 * @param settings what `readRouteOptions` returned
 * @param received the request, for a route that may be idempotent
 * @throws what the handler throws; ResponseNotHeldError; what `database.transaction` throws
 */
export async function runHeld(
  context: RequestContext,
  response: ServerResponse,
  handler: (held: HeldResponse) => unknown,
  settings: RouteSettings,
  received?: HeldRequest,
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
      received && {
        received,
        keep: () => heldAnswer(held, received.before?.()),
        async replay(answer) {
          held = undefined;
          await received.beforeReplay?.();
          sendKept(response, answer, received.before?.());
        },
      },
    );
  } catch (error) {
    held?.discard();
    isOut.resolve(false);
    throw error;
  }
  held?.release();
  isOut.resolve(true);
}

function heldAnswer(held: HeldResponse | undefined, before: HeadersBefore | undefined): KeptAnswer {
  if (held === undefined) throw new Error('A handler that has ended has no answer');
  return held.answer(before);
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
