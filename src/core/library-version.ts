import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type ErrorDetails, SluiceError } from './errors.ts';
import { ownFolder } from './origin.ts';

/** What an error of a library that is too old is made of, apart from the rest. */
export interface UnsupportedLibraryDetails extends ErrorDetails {
  /** The name of its package. */
  readonly library: string;
  /** Its version; undefined where it cannot be read. */
  readonly has: string | undefined;
  /** The range of versions that work. */
  readonly needs: string;
}

/**
 * A library was given, or is installed, in a version that lacks what the package needs of it. Thrown when it is bound, or when
 * what uses it is made. Nothing was taken or sent.
 */
export class UnsupportedLibraryError extends SluiceError {
  static override readonly code = 'UNSUPPORTED_LIBRARY';
  override readonly code = 'UNSUPPORTED_LIBRARY';
  /** The name of the library's package, such as `pg-boss`. */
  readonly library: string;
  /** The version that is there; undefined where the library does not say it. */
  readonly has: string | undefined;
  /** The range of versions that work, such as `>=6`. */
  readonly needs: string;

  constructor(details: UnsupportedLibraryDetails) {
    super(details);
    this.library = details.library;
    this.has = details.has;
    this.needs = details.needs;
  }
}

/** What is needed of a library. */
export interface LibraryNeed {
  /** What needs it, as it is called: `pgBoss`. */
  readonly by: string;
  /** The name of its package. */
  readonly library: string;
  /** The range of versions that work. */
  readonly needs: string;
  /** What others lack, in a few words. */
  readonly lacks: string;
  /** The version that the library itself tells. Default: that of the installed package. */
  readonly has?: string | undefined;
}

/** What is wrong with a library that lacks something. */
export function unsupportedLibrary(need: LibraryNeed): UnsupportedLibraryError {
  const { by, library, needs, lacks } = need;
  const has = (need.has ?? installedVersion(library))?.slice(0, 20);
  return new UnsupportedLibraryError({
    what: `${by} got ${library}${has === undefined ? ' of a version' : ` ${has}`} that has no ${lacks}`,
    remedy: `Install ${library} ${needs}: npm install "${library}@${needs}"`,
    library,
    has,
    needs,
  });
}

/**
 * Whether an installed package is of an older version than one that is given as `12.35`, for what no function shows. One that
 * cannot be read is taken for new enough.
 */
export function isInstalledBefore(library: string, oldest: string): boolean {
  const has = installedVersion(library);
  return has !== undefined && isBefore(has, oldest);
}

/** Whether a version is older than one that is given as `12.35`. One that cannot be read is taken for new enough. */
export function isBefore(version: string, oldest: string): boolean {
  const has = version.split('.').map((part) => Number.parseInt(part, 10));
  for (const [at, least] of oldest.split('.').map(Number).entries()) {
    const own = has[at] ?? 0;
    if (own !== least) return own < least;
  }
  return false;
}

const installed = new Map<string, string | undefined>();

/** The version of a package as this one finds it; undefined where it is not there, or keeps its package.json to itself. */
function installedVersion(library: string): string | undefined {
  if (!installed.has(library)) installed.set(library, read(library));
  return installed.get(library);
}

function read(library: string): string | undefined {
  if (ownFolder === '') return undefined;
  try {
    const from = createRequire(join(ownFolder, 'package.json'));
    const { version } = from(`${library}/package.json`) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}
