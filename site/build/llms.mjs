// For programs that read: a list of the pages, and all of them in one file (https://llmstxt.org).
import { arrange } from './sections.mjs';
import { textOf } from './places.mjs';
import { write } from './pages.mjs';
import { slug } from './links.mjs';

/** @param texts of the pages by name */
export function writeLlms(texts, base) {
  const { description } = JSON.parse(textOf('package.json'));
  const groups = arrange([...texts.keys()]).map(({ text, pages }) => {
    const lines = pages.map(
      (name) => `- [${titleOf(texts.get(name))}](${base}${name}.md): ${openingOf(texts.get(name))}`,
    );
    return `## ${text}\n\n${lines.join('\n')}`;
  });
  const head = `# Sluice\n\n> ${description}`;
  write('public/llms.txt', `${head}\n\n${groups.join('\n\n')}\n`);
  const whole = arrange([...texts.keys()]).flatMap(({ pages }) => pages);
  const bodies = whole
    .filter((name) => name !== 'changelog')
    .map((name) => `<!-- ${name} -->\n\n${texts.get(name).trim()}`);
  write('public/llms-full.txt', `${head}\n\n${bodies.join('\n\n')}\n`);
  for (const [name, text] of texts) write(`public/${name}.md`, text);
}

export function titleOf(text) {
  return (/^# (.+)$/m.exec(text)?.[1] ?? '').replaceAll('`', '');
}

/** The first sentence of a page, without links. */
function openingOf(text) {
  const paragraph = text.split('\n\n').find((part) => slug(part) !== '' && !part.startsWith('#')) ?? '';
  const plain = paragraph.replaceAll('\n', ' ').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return /^.*?[.:?](?= |$)/.exec(plain)?.[0].replace(/:$/, '.') ?? plain;
}
