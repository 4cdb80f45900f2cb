/** A file of the page, as it is sent. */
export interface PageAsset {
  /** `text/html; charset=utf-8`... */
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

const pages: Readonly<Record<string, PageAsset>> = {
  '/': {
    contentType: 'text/html; charset=utf-8',
    body: '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sluice</title><p>The inspector runs.</p></html>\n',
  },
};

/** The files of the page by the path that they are asked for at, such as `/` and `/page.js`; undefined for what there is not. */
export async function pageAsset(path: string): Promise<PageAsset | undefined> {
  return await Promise.resolve(Object.hasOwn(pages, path) ? pages[path] : undefined);
}
