// A drawing follows the scheme of the reader's system; a page of the site has a switch. So each becomes two.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { staged, textOf } from './places.mjs';

const dark = /@media \(prefers-color-scheme: dark\) \{([\s\S]*?)\n\}/;

/** Writes both forms of a drawing. @returns what shows it on a page */
export function drawing(file, label) {
  const svg = textOf(file);
  const folder = join(staged, 'public/drawings');
  mkdirSync(folder, { recursive: true });
  const name = basename(file, '.svg');
  const [, width] = / width="(\d+)"/.exec(svg) ?? [];
  const forms = { light: svg.replace(dark, ''), dark: svg.replace(dark, '$1') };
  const shown = Object.entries(forms).map(([form, text]) => {
    writeFileSync(join(folder, `${name}.${form}.svg`), text);
    return `<img class="${form}-only" src="/drawings/${name}.${form}.svg" alt="${label.replaceAll('"', '&quot;')}" width="${width}">`;
  });
  return `<figure class="drawing" tabindex="0">${shown.join('')}</figure>`;
}

/** Where the form for light pages is in the site. */
export function lightForm(file) {
  return `/drawings/${basename(file, '.svg')}.light.svg`;
}
