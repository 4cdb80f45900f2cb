import { repository, version } from './version.ts';

/** What links to the documentation are made of. */
interface Origin {
  readonly version: string;
  readonly repository: string | undefined;
}

/**
 * Where a code is described: an address of the repository at the version of the package, or as long as the package has none the
 * path of the page in the installed package.
 */
export function docsOf(
  page: 'errors' | 'warnings' | 'eslint',
  code: string,
  origin: Origin = { version, repository },
): string {
  const path = `docs/${page}.md#${code.toLowerCase()}`;
  return origin.repository === undefined ? path : `${origin.repository}/blob/v${origin.version}/${path}`;
}
