// A page in the repository links to files; a page of the site links to pages. Code is left as it is.
import { posix } from 'node:path';

const link = /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)/g;

/**
 * The text with its links as the site has them.
 * @param file where the text is from, as `docs/jobs.md`
 * @param site `pages`: names by file; `repository`: its web address, if it has one; `image`: what stands for a picture
 */
export function relink(text, file, { pages, repository, image }) {
  const target = (_, mark, label, path, anchor = '') => {
    const place = posix.join(posix.dirname(file), path);
    if (mark === '!') return image(place, label);
    const name = place === 'README.md' ? 'index' : pages.get(place);
    if (name !== undefined) return `[${label}](/${name.replace(/(^|\/)index$/, '$1')}${anchor})`;
    return repository === undefined ? label : `[${label}](${repository}/blob/HEAD/${place}${anchor})`;
  };
  // A label may have code in it, so code is put aside in place of being cut out.
  const aside = [];
  const plain = text.replaceAll(/^```[\s\S]*?^```|``[^`][\s\S]*?``|`[^`\n]*`/gm, (code) => {
    aside.push(code);
    return `\u0000${aside.length - 1}\u0000`;
  });
  // A pointer at a test says nothing where there is no repository to look into.
  const shown = repository === undefined ? plain.replaceAll(/ ?\(\[tests?\]\([^)]*\)\)/g, '') : plain;
  return shown.replaceAll(link, target).replaceAll(/\0(\d+)\0/g, (_, index) => aside[Number(index)]);
}

/** The anchor of a heading, as GitHub names it: links between the pages are written for both. */
export function slug(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}
