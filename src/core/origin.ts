import { dirname, isAbsolute, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** A place in the program, formatted lazily: on the first read. */
export type Origin = () => string | undefined;

const packages = /[\\/]node_modules[\\/]/;
/** The method of ours that was called, and its caller; each further line costs a third of a microsecond. */
const shallow = 2;

/**
 * Remembers who called `above`, a function that is running now. Taking the stack costs about two
 * microseconds; turning it into text, which costs far more, happens only when the origin is read.
 * @param depth how many calls may lie between `above` and the program
 */
export function captureOrigin(above: (...args: never[]) => unknown, depth: number = shallow): Origin {
  const holder: { stack?: string; place?: string | undefined } = {};
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(holder, above);
  Error.stackTraceLimit = before;
  // Read once: all who wait in vain for a connection are told who holds one.
  return () => (holder.place ??= firstForeignPlace(holder.stack ?? ''));
}

/** Who calls `above`, a function that is running now: the places outside of Sluice, the nearest first. */
export function callersOf(above: (...args: never[]) => unknown, depth: number): readonly string[] {
  const holder: { stack?: string } = {};
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(holder, above);
  const places = String(holder.stack).split('\n').map(placeIn);
  Error.stackTraceLimit = before;
  return places.filter((place) => place !== undefined && !isOwn(place)) as readonly string[];
}

/**
 * Remembers where the program has called `above`, a function that is running now; nothing where it stands on its stack only
 * among those that wait for what runs, or not within `depth` calls.
 */
export function captureProgram(above: (...args: never[]) => unknown, depth: number): Origin | undefined {
  // Behind the calls that are running are those that wait for them, which cost time too.
  const first = Math.min(depth, shortest);
  let calls = stackOf(above, first);
  let at = calls.findIndex(isOfProgram);
  if (at < 0 && first < depth && calls.length === first && calls[first - 1]?.isAsync() === false) {
    calls = stackOf(above, depth);
    at = calls.findIndex(isOfProgram);
  }
  return at < 0 ? undefined : captureOrigin(above, at + 1);
}

/** Most continuations call no more at once. */
const shortest = 6;

/** Without its lines, which cost ten times as much. */
function stackOf(above: (...args: never[]) => unknown, limit: number): readonly NodeJS.CallSite[] {
  const holder: { stack?: readonly NodeJS.CallSite[] } = {};
  const settings: { prepareStackTrace?: unknown; stackTraceLimit: number } = Error;
  const { prepareStackTrace, stackTraceLimit } = settings;
  settings.prepareStackTrace = (_: unknown, calls: unknown) => calls;
  settings.stackTraceLimit = limit;
  Error.captureStackTrace(holder, above);
  const { stack = [] } = holder;
  settings.prepareStackTrace = prepareStackTrace;
  settings.stackTraceLimit = stackTraceLimit;
  return stack;
}

function isOfProgram(call: NodeJS.CallSite): boolean {
  const file = call.getFileName();
  if (file === null || file === undefined || call.isAsync()) return false;
  let known = filesOfProgram.get(file);
  if (known === undefined) filesOfProgram.set(file, (known = isFileOfProgram(file)));
  return known;
}

const filesOfProgram = new Map<string, boolean>();

function isFileOfProgram(file: string): boolean {
  if (packages.test(file) || isOwn(file)) return false;
  return file.startsWith('file:') ? ownUrl === '' || !file.startsWith(ownUrl) : isAbsolute(file);
}

/** Grants a thousand in a row, and in the long run one a millisecond. The time is looked at only when it is empty. */
export class TokenBucket {
  readonly #now: () => number;
  #left = 0;
  #filledAt = Number.NEGATIVE_INFINITY;

  /** @param now a monotonic time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  take(): boolean {
    if (this.#left < 1) {
      const now = this.#now();
      if (now - this.#filledAt < 1) return false;
      this.#left = Math.min(1_000, now - this.#filledAt);
      this.#filledAt = now;
    }
    this.#left -= 1;
    return true;
  }
}

/** The folder of this copy's code; empty where a bundler has put it together with that of others. */
export const ownFolder: string = folderOfThisFile();
const ownUrl = ownFolder === '' ? '' : pathToFileURL(ownFolder).href;
const ownPrograms = join(ownFolder, 'cli');

/** From the stack, as what is compared with it: `import.meta` is there in ES modules alone, and `__filename` in CommonJS. */
function folderOfThisFile(): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder);
  for (const line of String(holder.stack).split('\n')) {
    const place = placeIn(line)?.replace(/:\d+:\d+$/, '');
    if (place !== undefined && /[\\/]core[\\/]origin\.[jt]s$/.test(place)) return dirname(dirname(place)) + sep;
  }
  return '';
}

const samples = new TokenBucket(() => performance.now());

/**
 * The same for what a program may do ten thousand times a second, of whose cost it would be a tenth: then a thousand a second
 * are noted, and of the others the place is not known.
 */
export function sampleOrigin(above: (...args: never[]) => unknown, depth?: number): Origin {
  return samples.take() ? captureOrigin(above, depth) : unknown;
}

const unknown: Origin = () => undefined;

/** The first stack line outside of Sluice, as `file:line:column`; one in a package only where there is no other. */
function firstForeignPlace(stack: string): string | undefined {
  let inPackage: string | undefined;
  for (const line of stack.split('\n').slice(1)) {
    const path = placeIn(line);
    if (path === undefined || isOwn(path)) continue;
    if (!packages.test(path)) return path;
    inPackage ??= path;
  }
  return inPackage;
}

function isOwn(path: string): boolean {
  return ownFolder !== '' && path.startsWith(ownFolder) && !path.startsWith(ownPrograms);
}

/** The place that a line of a stack names, as `file:line:column`. */
function placeIn(line: string): string | undefined {
  const place = /(?:\(|at (?:async )?)((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^()]+:\d+:\d+)\)?$/.exec(line)?.[1];
  return place?.startsWith('file:') === true ? fromUrl(place) : place;
}

function fromUrl(place: string): string {
  const match = /^(.*):(\d+):(\d+)$/.exec(place);
  return match?.[1] === undefined ? place : `${fileURLToPath(match[1])}:${match[2]}:${match[3]}`;
}
