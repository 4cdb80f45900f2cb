import { reportBackgroundError } from '../channels/index.ts';
import { type ChainContext, currentFrame, Frame, BaseLevel, runInFrame } from '../context/index.ts';
import { InvalidOptionError, typeName } from '../core/index.ts';

/** Runs `body` in nothing of what is open here, and reports its failure in the background. @throws InvalidOptionError */
export function runDetached(body: () => unknown): void {
  if (typeof body !== 'function') throw noBody(body);
  void runInFrame(detachedFrame(currentFrame()), settleDetached, body);
}

async function settleDetached(body: () => unknown): Promise<void> {
  try {
    await body();
  } catch (error) {
    reportBackgroundError({ source: 'detached work', error });
  }
}

/** The values of the chain and its client, as for a job that is not awaited. */
function detachedFrame(frame: Frame | undefined): Frame | undefined {
  if (frame === undefined) return undefined;
  const { deadline: _, ancestors: __, enteredAt: ___, ...values }: ChainContext = frame.chain ?? {};
  const baseLevel = new BaseLevel(0);
  // Not awaited from the start, so that it is new work for a database that closes.
  baseLevel.end();
  return new Frame(undefined, {
    client: undefined,
    scope: undefined,
    current: frame.current,
    chain: values,
    baseLevel,
  });
}

function noBody(body: unknown): InvalidOptionError {
  return new InvalidOptionError({
    what: `detached got ${typeName(body)} for its body`,
    remedy: 'Give a function',
  });
}
