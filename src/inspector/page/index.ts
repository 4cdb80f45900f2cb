import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { ownFolder } from '../../core/index.ts';

/** A file of the page, as it is sent. */
export interface PageAsset {
  /** `text/html; charset=utf-8`... */
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Names without a dot at their start: no path leads out of the folder. */
const pathPattern = /^(?:\/[\w-]+)*\/[\w-]+(?:\.[\w-]+)+$/;

const withoutFiles: PageAsset = {
  contentType: 'text/html; charset=utf-8',
  body: '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sluice inspector</title><p>The files of this page are not where the code of Sluice is: a bundler has left them out. Let it keep the package "sluice" as it is installed.</p></html>\n',
};

/** Only files that there are: it grows no further. */
const known = new Map<string, PageAsset>();

/** The files of the page by the path that they are asked for at, such as `/` and `/main.js`; undefined for what there is not. */
export async function pageAsset(path: string): Promise<PageAsset | undefined> {
  const name = path === '/' ? '/index.html' : path;
  if (!pathPattern.test(name)) return undefined;
  const asset = known.get(name) ?? (await read(name));
  if (asset !== undefined) known.set(name, asset);
  return asset ?? (path === '/' ? withoutFiles : undefined);
}

async function read(name: string): Promise<PageAsset | undefined> {
  const contentType = contentTypes[extname(name)];
  if (contentType === undefined || ownFolder === '') return undefined;
  for (const file of placesOf(name)) {
    const body = await readFile(file).catch(() => undefined);
    if (body !== undefined) return { contentType, body: file.endsWith('.ts') ? await compiled(body) : body };
  }
  return undefined;
}

/** Where a file may be: as it was built, next to the code of either module form; or as it was written, with what it uses. */
function placesOf(name: string): readonly string[] {
  return [
    join(ownFolder, 'inspector/page/browser', name),
    join(ownFolder, '../inspector/page/browser', name),
    join(ownFolder, 'inspector/page/browser', name.replace(/\.js$/, '.ts')),
    join(ownFolder, '../node_modules/uplot/dist', name.replace(/^\/vendor\//, '')),
  ];
}

/** What is not built yet, in the repository alone; loaded there, since the lowest Node.js does not have it. */
async function compiled(source: Uint8Array): Promise<string> {
  const { stripTypeScriptTypes } = await import('node:module');
  return stripTypeScriptTypes(new TextDecoder().decode(source));
}
