import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TokenBucket } from './token-bucket.ts';

/** A place in the program, formatted only when somebody reads it. */
export type Origin = () => string | undefined;

const ownFolder = fileURLToPath(new URL('..', import.meta.url));
const ownPrograms = join(ownFolder, 'cli');
/** The method of ours that was called, and its caller; each further line costs a third of a microsecond. */
const depth = 2;

/**
 * Remembers who called `above`, a function that is running now. Taking the stack costs about two
 * microseconds; turning it into text, which costs far more, happens only when the origin is read.
 */
export function captureOrigin(above: (...args: never[]) => unknown): Origin {
  const holder: { stack?: string } = {};
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(holder, above);
  Error.stackTraceLimit = before;
  return () => firstForeignPlace(holder.stack ?? '');
}

const samples = new TokenBucket(() => performance.now());

/**
 * The same for what a program may do ten thousand times a second, of whose cost it would be a tenth: then a thousand a second
 * are noted, and of the others the place is not known.
 */
export function sampleOrigin(above: (...args: never[]) => unknown): Origin {
  return samples.take() ? captureOrigin(above) : unknown;
}

const unknown: Origin = () => undefined;

/** The first stack line outside of Sluice, as `file:line:column`. */
function firstForeignPlace(stack: string): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const place = /(?:\(|at (?:async )?)((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]+:\d+:\d+)\)?$/.exec(line)?.[1];
    if (place === undefined) continue;
    const path = place.startsWith('file:') ? fromUrl(place) : place;
    if (!path.startsWith(ownFolder) || path.startsWith(ownPrograms)) return path;
  }
  return undefined;
}

function fromUrl(place: string): string {
  const match = /^(.*):(\d+):(\d+)$/.exec(place);
  return match?.[1] === undefined ? place : `${fileURLToPath(match[1])}:${match[2]}:${match[3]}`;
}
