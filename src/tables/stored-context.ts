import { traceHere } from '../channels/index.ts';
import { contextChecks, type ContextValues, currentFrame, runInFrame, withContext } from '../context/index.ts';
import { checkBody, fieldOf, InvalidOptionError, typeName } from '../core/index.ts';

const names = Object.keys(contextChecks) as (keyof ContextValues)[];

/** The values that `withContext` has set here, for those who go on with what is stored. */
export function ambientContext(): object {
  const {
    ancestors: _,
    deadline: __,
    enteredAt: ___,
    traceparent,
    tracestate,
    ...values
  } = currentFrame()?.chain ?? {};
  return { ...values, ...traceHere({ traceparent, tracestate }) };
}

/**
 * Runs `body` with the tenant, the trace and whatever else `withContext` had given where a message was written, and
 * with nothing of what is ambient here. For `deliver` of a relay, which gets messages of many contexts at once.
 *
 * ```ts
 * const relay = createRelay(database, {
 *   channel: 'mail',
 *   deliver: async (messages) => {
 *     for (const message of messages) await inContextOf(message, () => sendMail(String(message.payload)));
 *   },
 * });
 * ```
 * @throws InvalidOptionError for what is no message
 */
export function inContextOf<Result>(message: { readonly context: object }, body: () => Result): Result {
  checkBody('inContextOf', body);
  checkMessage(message);
  const given = message.context as Partial<Record<keyof ContextValues, unknown>>;
  const isUsable = (name: keyof ContextValues): boolean =>
    Object.hasOwn(given, name) && given[name] !== undefined && contextChecks[name](given[name]) === undefined;
  const values: ContextValues = Object.fromEntries(names.filter(isUsable).map((name) => [name, given[name]]));
  return runInFrame(undefined, () => withContext(values, body), undefined);
}

/** @throws InvalidOptionError */
function checkMessage(message: unknown): void {
  const context = fieldOf(message, 'context');
  if (typeof context === 'object' && context !== null && !Array.isArray(context)) return;
  throw new InvalidOptionError({
    what: `inContextOf got ${typeName(message)} for its message, without an object for its "context"`,
    remedy: 'Give a message as deliver gets it',
  });
}
