// Where things are: the sources of the pages in the repository, and what is made of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** What VitePress builds. It is made anew each time. */
export const staged = join(root, 'site/pages');
/** What VitePress has built. */
export const built = join(root, 'site/dist');

const ofTheRoot = { 'CHANGELOG.md': 'changelog', 'SECURITY.md': 'security', 'CONTRIBUTING.md': 'contributing' };

/** The pages: the name in the site by the file in the repository. */
export function pages() {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => [`docs/${file}`, file.slice(0, -'.md'.length)]);
  if (docs.length < 20) throw new Error(`docs/ has only ${docs.length} pages`);
  return new Map([...docs, ...Object.entries(ofTheRoot)]);
}

export function textOf(file) {
  return readFileSync(join(root, file), 'utf8');
}

/** The web address of the repository, once package.json has one. */
export function repository() {
  const { repository: given } = JSON.parse(textOf('package.json'));
  const url = typeof given === 'string' ? given : given?.url;
  return url?.replace(/^git\+/, '').replace(/\.git$/, '');
}
