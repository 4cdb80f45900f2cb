import { relative } from 'node:path';

/** A place as it is shown: from the current folder on, where it is in that. */
export function shortPlace(place: string): string {
  const short = relative(process.cwd(), place);
  return short.startsWith('..') ? place : short;
}
